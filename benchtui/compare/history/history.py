"""The experiment log: every run, what was trained, its scores beside the base's, and its note."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import msgspec

from benchtui.compare.history.changes import Changes
from benchtui.compare.history.index import HistoryIndex
from benchtui.errors import BenchtuiError
from benchtui.files import delete_run_file, write_run_file
from benchtui.models.discovery import inspect_model
from benchtui.models.layout import TrainedModel, TrainingFacts
from benchtui.results.choose import base_of, of_quantization, standing
from benchtui.results.read import read_run
from benchtui.results.records import RunResults, Score
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import FINE_TUNED, KnownRun, model_folders, model_runs
from benchtui.runs.records import RunState
from benchtui.runs.result_files import result_files
from benchtui.tasks.primary_metric import primary

NOTE = "note.txt"
LONGEST_NOTE = 10_000
_OVER: frozenset[RunState] = frozenset({"finished", "partial", "failed", "cancelled", "timed out"})
"""States that change only when the files of a run change."""


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
    like: str = ""
    """Equal for runs whose scores can be joined in one line: same task, documents, shots, data and settings."""


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


class _Kept(msgspec.Struct, frozen=True):
    """The index's record of a run. `training` is None where its plan does not say it."""

    created: dt.datetime
    state: RunState
    suite: str
    base: str
    training: TrainingFacts | None
    outcomes: tuple[Outcome, ...]
    standing: int


def model_history(model: Path, name: str | None = None) -> list[Experiment]:
    """Return the fine-tuned runs of one model folder that left results, by name; a folder that cannot be read is listed
    with its problem. `name` is the model's name, its folder's name where not given."""
    reader = _Reader(model, model.name if name is None else name)
    found = [experiment for known in model_runs(model) if (experiment := reader.read(known)) is not None]
    reader.index.write()
    return found


def all_history(outputs: Path) -> list[Experiment]:
    """Return the runs of every model in `outputs`, oldest first. Raises UsageError when there is no such folder."""
    found = [experiment for name, folder in model_folders(outputs) for experiment in model_history(folder, name)]
    return sorted(found, key=lambda e: (e.created.isoformat() if e.created else "", e.model))


class _Reader:
    """Reads the runs of one model: from the index, or else from their files."""

    def __init__(self, model: Path, name: str) -> None:
        self._model, self._name = model, name
        self._bases: dict[Path, RunResults] = {}
        self.index = HistoryIndex(model, _Kept)

    def read(self, known: KnownRun) -> Experiment | None:
        """Return one run; None for a base run, one of a quantisation, and a run without results."""
        run = known.run
        if known.problem:
            return self._unreadable(run, known.problem)
        if run.path.parent.name != FINE_TUNED or of_quantization(run):
            return None
        try:
            files = result_files(run.lm_eval) or result_files(run.path)
            return self._experiment(run, files[-1]) if files else None
        except BenchtuiError as error:
            return self._unreadable(run, str(error))
        except OSError as error:
            return self._unreadable(run, f"{error.filename} cannot be read: {error.strerror}")

    def _unreadable(self, run: RunDirectory, problem: str) -> Experiment:
        return Experiment(self._name, run.path, None, "failed", "", "", TrainingFacts(), (), read_note(run), problem)

    def _experiment(self, run: RunDirectory, results: Path) -> Experiment:
        kept = self.index.find(run, results) or self._read(run)
        return Experiment(
            self._name,
            run.path,
            kept.created,
            kept.state,
            kept.suite,
            kept.base,
            self._training_now(kept.created) if kept.training is None else kept.training,
            kept.outcomes,
            read_note(run),
            standing=kept.standing,
        )

    def _read(self, run: RunDirectory) -> _Kept:
        results = read_run(run)
        base = base_of(run, self._model)
        theirs = self._base(base) if base is not None else None
        plan = run.plan() if run.exists() else None
        kept = _Kept(
            results.created,
            results.state,
            results.suite,
            theirs.model_name if theirs else "",
            plan.training if plan is not None else None,
            tuple(outcomes_of(results, theirs)),
            standing(results),
        )
        base_may_come_back = base is None and plan is not None and plan.base_run is not None
        if results.state in _OVER and not base_may_come_back:
            self.index.keep(run, base, kept)
        return kept

    def _base(self, run: RunDirectory) -> RunResults:
        if run.path not in self._bases:
            self._bases[run.path] = read_run(run)
        return self._bases[run.path]

    @cached_property
    def _folder(self) -> TrainedModel:
        return inspect_model(self._model)

    def _training_now(self, made: dt.datetime) -> TrainingFacts:
        """Return what a model was trained with whose plan does not say it: what its folder says now, but nothing if it
        was trained again after the run was `made`."""
        now = self._folder
        return now.training if now.trained_at <= made.timestamp() else TrainingFacts()


def outcomes_of(results: RunResults, base: RunResults | None) -> Iterator[Outcome]:
    """Yield the primary score of each task of a run, with its change against the base."""
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
            like=_like(results, score),
        )


def _like(results: RunResults, score: Score) -> str:
    """Compute a digest of everything that two scores must share to be points of one line."""
    group = results.group(score.task)
    leaves = sorted(group.leaves if group else (score.task,))
    facts = [(t.name, t.version, t.shots, t.n, t.total, t.generation) for name in leaves if (t := results.task(name))]
    data = [(name, results.data[name].documents) for name in leaves if name in results.data]
    settings = [(setting.name, setting.value) for setting in results.settings if setting.name != "decide early"]
    text = repr((score.key, score.n, score.total, facts, data, sorted(settings)))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def read_note(run: RunDirectory) -> str:
    """Return the note about a run, "" for none."""
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
