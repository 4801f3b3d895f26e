"""Compare models token by token: from what the user chose to a run with a store, and resuming it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

import msgspec

from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.token_texts import texts_of
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.files import unwritable
from benchtui.models.layout import TrainedModel
from benchtui.plans.plan import read_plan, write_plan
from benchtui.plans.prepare_tokens import prepare_tokens
from benchtui.plans.token_choice import TokensChoice
from benchtui.plans.token_models import find_models
from benchtui.plans.tokens import TokensPlan
from benchtui.runs.directory import RunDirectory, new_run
from benchtui.runs.kinds.tokens.kind import TOKENS
from benchtui.runs.known import model_runs, shown_name
from benchtui.runs.lock import FolderLock
from benchtui.runs.outcome import exit_code_of
from benchtui.runs.records import run_state, wait_again
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor


@dataclass(frozen=True)
class TokensOutcome:
    """The run of a comparison by token, and what the command that started it exits with."""

    run: RunDirectory
    exit_code: ExitCode


def compare_tokens(choice: TokensChoice, frontend: Frontend, control: Control) -> TokensOutcome:
    """Compare the models that were chosen, and show it until it ends. Raises BenchtuiError where nothing can be
    started."""
    found = find_models(choice)
    texts = texts_of(choice, found, frontend)
    choice = dataclasses.replace(choice, answers=texts.answers)  # so that the command means the same runs later
    plan, notes = prepare_tokens(choice, found, texts.source)
    plan = msgspec.structs.replace(plan, comparison=texts.compared)
    for line in notes:
        frontend.say(line)
    return start(plan, found.owner, choice, frontend, control)


def start(
    plan: TokensPlan, model: TrainedModel, choice: TokensChoice, frontend: Frontend, control: Control
) -> TokensOutcome:
    """Do what a plan says, in a run in the folder of `model`: the newest unfinished one of the same plan, where the
    user wants that, else a new one."""
    run = next((run for run in tokens_runs(model) if _is_unfinished(run, plan)), None)
    if run is not None and frontend.may_resume(run):
        frontend.say(f"{shown_name(run)} is resumed: what it has is not computed again.")
    else:
        run = new_run(model.path / TOKENS.folder, dt.datetime.now().astimezone())
    with FolderLock(run.model_lock, plan.model_name):
        write_plan(run.plan_file, plan)
        settings = SuperviseSettings(choice.settings.timeout, choice.settings.skip_stalled)
        return TokensOutcome(run, supervise(run, settings, frontend, control))


def tokens_runs(model: TrainedModel) -> list[RunDirectory]:
    """Return the comparisons by token in a model's folder, the newest first; none that is a link to another place."""
    folder = model.path / TOKENS.folder
    runs = [known.run for known in model_runs(model.path) if not known.problem and known.run.path.parent == folder]
    own = [run for run in runs if not (run.path.is_symlink() or folder.is_symlink())]
    return sorted(own, key=lambda run: run.path.name, reverse=True)


def tokens_plan(run: RunDirectory) -> TokensPlan | None:
    """Return the plan of a run; None for one of another kind, or that is damaged: `benchtui runs` says so."""
    try:
        return read_plan(run.plan_file, TokensPlan)
    except BenchtuiError:
        return None


def _is_unfinished(run: RunDirectory, plan: TokensPlan) -> bool:
    theirs = tokens_plan(run)
    same = theirs is not None and theirs.fingerprint == plan.fingerprint
    return same and run_state(run) not in ("finished", "running")


def supervise(run: RunDirectory, settings: SuperviseSettings, frontend: Frontend, control: Control) -> ExitCode:
    """Let a worker do what is left of a run; call with its lock held."""
    try:
        wait_again(run)
    except OSError as error:
        raise unwritable(run.records, error) from error
    with control.graceful(), frontend.watch((run,), control) as tick:
        return exit_code_of(Supervisor([run], settings, control, tick).supervise())
