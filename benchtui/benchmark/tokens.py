"""Compare models token by token: from what the user chose to a run with a store, and resuming it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

import msgspec

from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.token_texts import texts_of
from benchtui.errors import ExitCode
from benchtui.files import unwritable
from benchtui.models.layout import TrainedModel
from benchtui.plans.plan import write_plan
from benchtui.plans.prepare_tokens import prepare_tokens
from benchtui.plans.token_choice import TokensChoice
from benchtui.plans.token_models import find_models
from benchtui.plans.tokens import TokensPlan
from benchtui.runs.directory import RunDirectory, new_run
from benchtui.runs.kinds.tokens.kind import TOKENS
from benchtui.runs.lock import FolderLock
from benchtui.runs.outcome import exit_code_of
from benchtui.runs.records import wait_again
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
    """Make the run in the folder of `model` and do what its plan says."""
    folder = model.path / TOKENS.folder
    run = new_run(folder, dt.datetime.now().astimezone())
    with FolderLock(run.model_lock, plan.model_name):
        write_plan(run.plan_file, plan)
        settings = SuperviseSettings(choice.settings.timeout, choice.settings.skip_stalled)
        return TokensOutcome(run, supervise(run, settings, frontend, control))


def supervise(run: RunDirectory, settings: SuperviseSettings, frontend: Frontend, control: Control) -> ExitCode:
    """Let a worker do what is left of a run; call with its lock held."""
    try:
        wait_again(run)
    except OSError as error:
        raise unwritable(run.records, error) from error
    with control.graceful(), frontend.watch((run,), control) as tick:
        return exit_code_of(Supervisor([run], settings, control, tick).supervise())
