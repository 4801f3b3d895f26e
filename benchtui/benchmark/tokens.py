"""Compare models token by token: from what the user chose to a run with a store, and resuming it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass

from benchtui.benchmark.frontend import Frontend
from benchtui.errors import ExitCode, UsageError
from benchtui.files import unwritable
from benchtui.models.hub.cache import has_token
from benchtui.models.layout import TrainedModel
from benchtui.plans.plan import write_plan
from benchtui.plans.prepare_tokens import given_text, prepare_tokens, task_references
from benchtui.plans.tasks import plan_tasks
from benchtui.plans.token_choice import TokensChoice
from benchtui.plans.token_models import FoundModels, find_models
from benchtui.plans.tokens import TextSource, TokensPlan
from benchtui.reports.own_data import about_tasks
from benchtui.runs.directory import RunDirectory, new_run
from benchtui.runs.kinds.tokens.kind import TOKENS
from benchtui.runs.lock import FolderLock
from benchtui.runs.outcome import exit_code_of
from benchtui.runs.records import wait_again
from benchtui.settings.config import load_config
from benchtui.settings.rows import NO_SUITE
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.needs import check_packages, needs_words


@dataclass(frozen=True)
class TokensOutcome:
    """The run of a comparison by token, and what the command that started it exits with."""

    run: RunDirectory
    exit_code: ExitCode


def compare_tokens(choice: TokensChoice, frontend: Frontend, control: Control) -> TokensOutcome:
    """Compare the models that were chosen, and show it until it ends. Raises BenchtuiError where nothing can be
    started."""
    found = find_models(choice)
    plan, notes = prepare_tokens(choice, found, texts_of(choice, found, frontend))
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


# Texts.


def texts_of(choice: TokensChoice, found: FoundModels, frontend: Frontend) -> TextSource:
    """Return the texts that the models are compared on, telling what the user should know of them.

    Raises UsageError where nothing or several things say which, BenchtuiError for what cannot be read.
    """
    data = bool(choice.settings.tasks or choice.settings.data)
    said = [name for name, there in (("--tasks or --data", data), ("--prompt", choice.prompt is not None)) if there]
    if len(said) > 1:
        raise UsageError(f"{' and '.join(said)} each say which texts.", "Give one of them.")
    if choice.prompt is not None:
        return given_text(choice)
    if not data:
        raise UsageError("No texts are named.", "Give --tasks, --data or --prompt.")
    settings = dataclasses.replace(choice.settings, suite=NO_SUITE)
    tasks = plan_tasks(settings, load_config(), load_catalogue(settings.include_paths, frontend.reading_tasks))
    environment = found.models[0].access.environment
    check_packages(tasks.resolved, environment)
    for line in (*about_tasks(tasks.made), *tasks.notes, *needs_words(tasks.resolved, has_token=has_token())):
        frontend.say(line)
    return task_references(tasks, settings.include_paths, environment.version_of("lm_eval") or "")
