"""Chooses the runs of a model that count: its newest full run, beside the base it was compared with.

A run of fewer documents, one that did not finish, and one that stopped early are the model's result only where there is
no full one; newer ones are named beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.runs.directory import RunDirectory, base_run, benchmarks_folder, named_base
from benchtui.runs.find import Named, find
from benchtui.runs.known import FINE_TUNED, is_base, model_folders, model_runs, run_name
from benchtui.runs.result_files import has_results, latest_results, stamp_of

Extent = Literal["full", "early", "partial", "limited", "unreadable"]
"""How much of its tasks a run answered. "early": it stopped when its comparison was decided; "limited": documents were
left out on purpose; "partial": it did not finish."""


@dataclass(frozen=True)
class NewerRun:
    """A run made after the one that counts, and why it does not count instead."""

    run: RunDirectory
    extent: Extent
    n: int
    total: int

    def __str__(self) -> str:
        return self.words(f"A newer run, {self.run.path.name}")

    def words(self, run: str) -> str:
        """Return why it does not count, in a sentence that calls it `run`."""
        if self.extent == "unreadable":
            return f"{run}, cannot be read."
        how = {"early": "which stopped early", "partial": "which did not finish", "limited": "which was limited"}
        return f"{run}, {how.get(self.extent, '')}, has {self.n:,} of {self.total:,} samples."


@dataclass(frozen=True)
class ChosenRuns:
    """A base run and a fine-tuned run, None for one without results; `newer` has the newest first. `named` is the run
    that was asked for, where it does not count because a full one does."""

    base: RunDirectory | None
    fine_tuned: RunDirectory | None
    newer: tuple[NewerRun, ...] = ()
    named: NewerRun | None = None

    @property
    def why_others_do_not_count(self) -> list[str]:
        """One sentence for the run that was asked for, where it does not count, and one for each newer run."""
        if self.named is None or self.fine_tuned is None:
            return [str(newer) for newer in self.newer]
        why = self.named.words(f"The run {self.named.run.path.name}")
        stays = f"{why} The results of the full run {self.fine_tuned.path.name} stay those of the model."
        return [stays, *(str(newer) for newer in self.newer if newer.run.path.name != self.named.run.path.name)]


def choose_runs(model: Path) -> ChosenRuns:
    """Choose the run that counts for a model, with the base that it was compared with: the newest full run; without
    one, the newest run that finished a task with all its documents; else the newest."""
    passed: list[tuple[RunDirectory, RunResults | None]] = []
    for run in sorted(scored_runs(model), key=run_time, reverse=True):
        results = _readable(run)
        if results is not None and extent(results) == "full":
            return ChosenRuns(base_of(run, model), run, tuple(_newer(*found) for found in passed))
        passed.append((run, results))
    if not passed:
        return ChosenRuns(base_of(None, model), None)
    standings = [-1 if results is None else standing(results) for _, results in passed]
    best = standings.index(max(standings))  # the newest of them
    run = passed[best][0]
    return ChosenRuns(base_of(run, model), run, tuple(_newer(*found) for found in passed[:best]))


def _readable(run: RunDirectory) -> RunResults | None:
    try:
        return read_run(run)
    except BenchtuiError:
        return None  # named as a newer run that cannot be read


def _newer(run: RunDirectory, results: RunResults | None) -> NewerRun:
    if results is None:
        return NewerRun(run, "unreadable", 0, 0)
    n, total = size(results)
    return NewerRun(run, extent(results), n, total)


def size(results: RunResults) -> tuple[int, int]:
    """Return how many documents a run's scores are over, and how many its tasks have."""
    sizes = [scores[0] for task in results.top_level if (scores := results.scores_of(task))]
    return sum(score.n for score in sizes), sum(score.total for score in sizes)


def extent(results: RunResults) -> Extent:
    """Return how much of its tasks a run answered; see `Extent`."""
    run = RunDirectory(results.run)
    plan = run.plan() if run.exists() else None
    if results.partial or results.state != "finished" or (plan is not None and _lacks_tasks(results, plan)):
        return "partial"
    if any(_limited(results, task) for task in results.top_level):
        return "limited"
    if results.early:
        return "limited" if plan is not None and plan.limited else "early"
    return "full"


def _lacks_tasks(results: RunResults, plan: BenchmarkPlan) -> bool:
    there = {score.task for score in results.scores} | {task.name for task in results.tasks}
    wanted = ((task.name, plan.leaves.get(task.name, ())) for task in plan.tasks)
    return not all(name in there or (leaves and there.issuperset(leaves)) for name, leaves in wanted)


def _limited(results: RunResults, task: str) -> bool:
    """Return whether documents of a task were left out on purpose: neither by an interruption nor by an early
    decision."""
    group = results.group(task)
    stopped = {stop.task for stop in results.early}
    if results.partial_of(task) is not None or stopped.intersection((task, *(group.leaves if group else ()))):
        return False
    return any(score.n < score.total for score in results.scores_of(task))


def standing(results: RunResults) -> int:
    """Rank a run: of a model's runs the newest with the highest rank counts. 2 for a full run, 1 for one that was not
    limited and finished a task, else 0."""
    kind = extent(results)
    if kind in ("full", "limited"):
        return 2 if kind == "full" else 0
    run = RunDirectory(results.run)
    if run.exists() and run.plan().limited:
        return 0
    tasks = results.top_level
    return int(any(results.partial_of(task) is None and not _limited(results, task) for task in tasks))


# The runs of one model.


def scored_runs(model: Path) -> list[RunDirectory]:
    """Return the fine-tuned runs of a model folder that left results, by name; not those of quantisations, which are
    compared with each other."""
    folder = benchmarks_folder(model) / FINE_TUNED
    runs = [k.run for k in model_runs(model) if not k.problem and k.run.path.parent == folder and has_results(k.run)]
    return [run for run in runs if not of_quantization(run)]


def of_quantization(run: RunDirectory) -> bool:
    """Return whether `benchtui quantizations` made a run."""
    plan = run.readable_plan()
    return plan is not None and plan.role == "model"


def run_time(run: RunDirectory) -> str:
    """Return when a run's latest results were written, as a text that sorts by time."""
    return stamp_of(latest_results(run.path))


def base_of(tuned: RunDirectory | None, model: Path) -> RunDirectory | None:
    """Return the base run that a fine-tuned run names, else the model's own; None when it left no results."""
    benchmarks = benchmarks_folder(model)
    named = named_base(benchmarks, tuned.plan()) if tuned is not None and tuned.exists() else None
    base = named or base_run(benchmarks)
    return base if has_results(base) else None


# What a person names.


def find_model(outputs: Path, text: str | None) -> tuple[Path, RunDirectory | None]:
    """Return the model folder that `text` names, and the run where it names one of its runs; without a name the model
    benchmarked last.

    Raises BenchtuiError as `find` does, and for results outside a model's benchmarks/.
    """
    if text is None:
        return _newest_benchmarked(outputs), None
    named = find(outputs, text)
    if named.model is None:
        raise BenchtuiError(
            f"{named.place} is not in a model's benchmarks/ folder.",
            "Name a model, or a run that `benchtui runs` lists.",
        )
    return named.model, named.run


def find_scored_run(outputs: Path, text: str) -> RunDirectory:
    """Return the run that `text` names; for a model the run that counts. Raises BenchtuiError when it left no
    results."""
    named = find(outputs, text)
    if named.run is not None:
        return named.run
    return RunDirectory(_counting_run(named))


def runs_of_model(outputs: Path, text: str | None, run: str | None) -> tuple[Path, ChosenRuns]:
    """Return a model and the runs that are its result: those that count, or `run` (which may name the model as well)
    and its base. A run that is not full does not replace a full one: it is then the `named` one.

    Raises BenchtuiError when there is no such model or run, when the run is one of another model, and for a run of the
    base, which is not the model's result.
    """
    model, named = find_model(outputs, text)
    if run is not None:
        found = find(outputs, run, model=model)
        if found.run is not None and found.model is not None and found.model.resolve() != model.resolve():
            raise BenchtuiError(
                f"{run_name(found.run)} is a run of {found.model.name}, not of {model.name}.",
                f"`benchtui runs` lists the runs of {model.name}.",
            )
        named = found.run
    if named is None:
        return model, choose_runs(model)
    if _of_base(named):
        raise BenchtuiError(
            f"{run_name(named)} is a run of the base model, not of the fine-tuned one.",
            f"Name a fine-tuned run, or the model {model.name}.",
        )
    return model, _full_instead_of(named, model) or ChosenRuns(base_of(named, model), named)


def _of_base(run: RunDirectory) -> bool:
    return is_base(run) or (run.exists() and run.plan().role == "base")


def _full_instead_of(named: RunDirectory, model: Path) -> ChosenRuns | None:
    """Return the model's full run, where it has one and `named` is not full; else None."""
    results = read_run(named)
    if extent(results) == "full":
        return None
    counting = choose_runs(model)
    if counting.fine_tuned is None or extent(read_run(counting.fine_tuned)) != "full":
        return None
    return replace(counting, named=_newer(named, results))


def _newest_benchmarked(outputs: Path) -> Path:
    folders = model_folders(outputs)
    found = [(max(run_time(run) for run in runs), folder) for _, folder in folders if (runs := scored_runs(folder))]
    if not found:
        raise BenchtuiError(f"No model in {outputs} has been benchmarked yet.", "Type `benchtui run` first.")
    return max(found)[1].absolute()


def places_to_compare(outputs: Path, first: str | None, second: str | None) -> tuple[Path, Path, tuple[NewerRun, ...]]:
    """Return where the results of the two sides are, for `benchtui compare [A [B]]`, and newer runs that do not count.

    A model means the run that counts. A model or fine-tuned run alone is compared with its base; without any name the
    model benchmarked last. Raises BenchtuiError naming what cannot be found.
    """
    if second is not None:
        assert first is not None  # noqa: S101 - the first argument comes before the second
        return _place(outputs, first), _place(outputs, second), ()
    named = Named(None, _newest_benchmarked(outputs)) if first is None else find(outputs, first)
    if named.model is None:
        raise BenchtuiError(f"{named.place} lies in no model's folder, which would have its base.", "Name two runs.")
    alone = named.run
    chosen = choose_runs(named.model) if alone is None else ChosenRuns(base_of(alone, named.model), alone)
    base, tuned = chosen.base, chosen.fine_tuned
    if base is not None and tuned is not None and base.path.resolve() == tuned.path.resolve():
        raise BenchtuiError(f"{run_name(tuned)} is the base itself.", "Name a second run to compare it with.")
    if base is None or tuned is None:
        lacking = "base" if base is None else "fine-tuned"
        raise BenchtuiError(
            f"{named.model.name} has no {lacking} results.", "Name two runs, or type `benchtui run` first."
        )
    return base.path, named.file or tuned.path, chosen.newer


def _place(outputs: Path, text: str) -> Path:
    """Return a run directory, lm-eval folder or file as named; a model means the run that counts."""
    named = find(outputs, text)
    return named.place if named.run is not None else _counting_run(named)


def _counting_run(named: Named) -> Path:
    assert named.model is not None  # noqa: S101 - no run was named: a model was
    tuned = choose_runs(named.model).fine_tuned
    if tuned is None:
        raise BenchtuiError(
            f"{named.model.name} has no fine-tuned results.", "Name a run directory, or type `benchtui run` first."
        )
    return tuned.path
