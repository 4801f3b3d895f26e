"""Every run there is, as an experiment log: what was trained, how it did against its base, and what was noted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models import TrainedModel, TrainingFacts, inspect_model
from benchtui.results.choose import base_of, scored_runs, standing
from benchtui.results.history_changes import Changes
from benchtui.results.primary import primary
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.runs.directory import RunDirectory
from benchtui.runs.files import delete_run_file, write_run_file
from benchtui.runs.records import RunState

NOTE = "note.txt"
LONGEST_NOTE = 10_000


class Outcome(msgspec.Struct, frozen=True):
    """A task's primary score, on lm-eval's own scale, beside the base's.

    `change` is None where there is no base score, and where the two cannot be compared: `not_comparable` then says why.
    `early` when the task stopped before all its documents were asked, since its comparison with a base was decided.
    """

    task: str
    metric: str
    value: float
    base: float | None
    n: int
    total: int
    higher_is_better: bool
    is_share: bool
    partial: bool
    change: float | None = None
    early: bool = False
    not_comparable: str = ""


class Experiment(msgspec.Struct, frozen=True):
    """One run of one model, and what that model was trained with when it was made.

    `standing` says which run of a model counts, as `choose.standing` does. `problem` says what kept its results from
    being read, "" when nothing did.
    """

    model: str
    run: Path
    created: dt.datetime | None
    state: RunState
    suite: str
    base: str
    training: TrainingFacts
    outcomes: tuple[Outcome, ...]
    note: str
    problem: str = ""
    standing: int = -1

    def outcome(self, task: str) -> Outcome | None:
        return next((outcome for outcome in self.outcomes if outcome.task == task), None)


def model_history(model: Path) -> list[Experiment]:
    """The runs of one model folder, oldest first; a run that cannot be read is listed with what is wrong."""
    runs = scored_runs(model)
    if not runs:
        return []
    now = inspect_model(model)
    return [_experiment(model, run, now) for run in runs]


def all_history(outputs: Path) -> list[Experiment]:
    """The runs of every model in `outputs`, oldest first. Raises UsageError when there is no such folder."""
    if not outputs.is_dir():
        raise UsageError(f"There is no folder {outputs}.", "Point --outputs at your trained models.")
    found = [e for entry in sorted(outputs.iterdir()) if entry.is_dir() for e in model_history(entry)]
    return sorted(found, key=lambda e: (e.created.isoformat() if e.created else "", e.model))


def _experiment(model: Path, run: RunDirectory, now: TrainedModel) -> Experiment:
    try:
        results = read_run(run)
        base = _base(run, model)
        training = _training(run, results.created, now)
    except BenchtuiError as error:
        unknown = TrainingFacts()
        return Experiment(model.name, run.path, None, "failed", "", "", unknown, (), read_note(run), str(error))
    return Experiment(
        model.name,
        run.path,
        results.created,
        results.state,
        results.suite,
        base.model_name if base else "",
        training,
        tuple(_outcomes(results, base)),
        read_note(run),
        standing=standing(results),
    )


def _training(run: RunDirectory, made: dt.datetime, now: TrainedModel) -> TrainingFacts:
    """What the run's model was trained with, as its plan kept it.

    Plans did not always keep it. Then it is what the model's folder says `now`, unless the model was trained again
    after the run was `made`: what it was before nobody wrote down.
    """
    kept = run.plan().training if run.exists() else None
    if kept is not None:
        return kept
    return now.training if now.trained_at <= made.timestamp() else TrainingFacts()


def _base(run: RunDirectory, model: Path) -> RunResults | None:
    found = base_of(run, model)
    return read_run(found) if found is not None else None


def _outcomes(results: RunResults, base: RunResults | None) -> Iterator[Outcome]:
    changes = Changes(base, results) if base else None
    for task in results.top_level:
        score = primary(results.scores_of(task))
        theirs = base.score(task, score.metric, score.filter) if base else None
        change = changes.of(score) if changes else None
        yield Outcome(
            task,
            score.key,
            score.value,
            theirs.value if theirs else None,
            score.n,
            score.total,
            score.higher_is_better,
            score.is_share,
            results.partial_of(task) is not None,
            change=change.value if change else None,
            early=results.early_of(task) is not None,
            not_comparable=change.why if change else "",
        )


def read_note(run: RunDirectory) -> str:
    """What was noted about a run, "" for nothing."""
    try:
        return (run.path / NOTE).read_text(encoding="utf-8", errors="replace")[:LONGEST_NOTE].strip()
    except OSError:
        return ""


def write_note(run: RunDirectory, note: str) -> None:
    """Keep `note` beside a run; an empty one removes it. Raises BenchtuiError when it cannot be written."""
    file = run.path / NOTE
    try:
        if note.strip():
            write_run_file(file, note.strip() + "\n")
        else:
            delete_run_file(file)
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be written: {error.strerror or error}.") from None
