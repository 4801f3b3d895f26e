"""The main job: from what the user chose to plans, runs and an outcome, for one model, its checkpoints, or all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchtui.backends.access import Access
from benchtui.backends.registry import find_backend
from benchtui.benchmark.all_models import OneOfMany, every_checkpoint, run_in_turn
from benchtui.benchmark.at_once import run_at_once
from benchtui.benchmark.evaluate import BenchOutcome
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.lanes import lanes_of, models_at_once
from benchtui.benchmark.one_model import run_model
from benchtui.benchmark.put_on_base import with_checkpoint
from benchtui.compare.leaderboard.assemble import assemble, complete
from benchtui.errors import ExitCode, UsageError
from benchtui.models.discovery import discover
from benchtui.models.layout import TrainedModel
from benchtui.models.selection import ALL_CHECKPOINTS
from benchtui.plans.choice import Choice, access_of
from benchtui.plans.devices import check_model_parallel, check_served
from benchtui.plans.tasks import plan_tasks
from benchtui.reports.own_data import about_tasks
from benchtui.results.choose import scored_runs
from benchtui.settings.config import load_config
from benchtui.supervise.control import Control
from benchtui.supervise.settings import supervise_settings
from benchtui.tasks.catalogue import load_catalogue

FEWEST = 2
"""Models or checkpoints from which they are shown as a leaderboard."""


def run_choice(choice: Choice, frontend: Frontend, control: Control) -> ExitCode:
    """Benchmark what was chosen: a model, all of its checkpoints, or all models; returns the exit code. Several are
    shown as a leaderboard at the end.

    Raises BenchtuiError where nothing can be started; of several models, one that cannot be evaluated never stops the
    others.
    """
    every, backend = choice.model == "all", find_backend(choice.backend)
    checkpoints = choice.format == ALL_CHECKPOINTS
    check_served(backend, choice.workers, choice.devices, choice.cluster)
    check_model_parallel(backend, choice.model_parallel, choice.model_args)
    settings = supervise_settings(
        choice.timeout,
        skip_stalled=choice.skip_stalled,
        workers=choice.workers,
        devices=choice.devices,
        device=choice.device,
        cluster=choice.cluster,
        model_parallel=choice.model_parallel,
    )
    choice = with_checkpoint(choice, frontend.say)
    access = access_of(choice, backend)
    models = _every_model(choice, access) if every else [backend.find(choice.outputs, choice.model, access)]
    tasks = plan_tasks(choice, load_config(), load_catalogue(choice.include_paths, frontend.reading_tasks))
    for line in about_tasks(tasks.made):
        frontend.say(line)
    if not every and not checkpoints:
        return run_model(choice, models[0], tasks, settings, frontend, control).exit_code

    at_once = models_at_once(choice.models_at_once, settings, len(models))
    if at_once > 1 and not checkpoints:
        lanes = lanes_of(settings, at_once, choice.workers)
        code = run_at_once(choice, models, tasks, lanes, frontend, control)
    else:

        def run(one: OneOfMany, evaluated: Sequence[Path]) -> BenchOutcome:
            about = frontend.about(one.name)
            return run_model(one.choice, one.model, tasks, settings, about, control, evaluated=evaluated)

        asked = (
            every_checkpoint(choice, models, backend)
            if checkpoints
            else [OneOfMany(model.name, model, choice) for model in models]
        )
        code = run_in_turn(asked, run, stop_requested=lambda: control.stop_requested, say=frontend.say)
    if not control.stop_requested:
        _show_all(choice, models, frontend)
    return code


def _show_all(choice: Choice, models: Sequence[TrainedModel], frontend: Frontend) -> None:
    """Show what is known of several models as a leaderboard."""
    scored = [model.name for model in models if scored_runs(model.path)]
    found = assemble(choice.outputs, scored) if scored else None
    if found is None or sum(not candidate.key.base for candidate in found.candidates) < FEWEST:
        return
    *_, compared = complete(found)
    frontend.show_all(compared.board())


def _every_model(choice: Choice, access: Access) -> list[TrainedModel]:
    """Return the models of the server where the backend asks one, else those in outputs/."""
    backend = find_backend(choice.backend)
    if "pair" in backend.takes:
        raise UsageError("Two models answer together, and --model all names every one.", "Name the small one.")
    return backend.list_models(choice.outputs, access) if backend.served else discover(choice.outputs)
