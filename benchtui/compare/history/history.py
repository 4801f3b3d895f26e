"""The experiment log: every run, what was trained, its scores beside the base's, and its note."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import msgspec

from benchtui.backends.hybrid import HYBRID
from benchtui.compare.history.changes import Changes
from benchtui.compare.history.index import HistoryIndex
from benchtui.compare.history.notes import read_note
from benchtui.errors import BenchtuiError
from benchtui.models.discovery import inspect_model
from benchtui.models.layout import TrainedModel, TrainingFacts
from benchtui.models.stored import stored_weights
from benchtui.plans.benchmark import BenchmarkPlan, Role
from benchtui.results.choose import base_of, standing
from benchtui.results.read import read_run
from benchtui.results.records import RunResults, Score
from benchtui.runs.answer_health import mean_length
from benchtui.runs.directory import RunDirectory, benchmarks_folder
from benchtui.runs.known import FINE_TUNED, KnownRun, is_base, model_folders, model_runs
from benchtui.runs.records import RunState
from benchtui.runs.result_files import result_files
from benchtui.tasks.primary_metric import primary

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


class RunRecord(msgspec.Struct, frozen=True):
    """What is kept of one benchmark run, so that its files need not be read again.

    `base` is the model that it was compared with and `base_run` where that one's run lies within benchmarks/, both ""
    for none. `training` is None where its plan does not say it. `size` of the weights on disk and greatest `memory`
    while it answered are bytes, `speed` tokens a second (median), `length` the mean answer in tokens; each None where
    unknown.
    """

    created: dt.datetime
    state: RunState
    suite: str
    base: str
    training: TrainingFacts | None
    outcomes: tuple[Outcome, ...]
    standing: int
    model_name: str
    role: Role
    format: str
    backend: str
    quantization: str
    base_run: str = ""
    size: int | None = None
    memory: int | None = None
    speed: float | None = None
    length: float | None = None


class ReadRun(msgspec.Struct, frozen=True):
    """One run of a model and its record, None where it cannot be read: `problem` then says why. It also says where its
    base cannot be read; the record is then that of a run without one."""

    run: RunDirectory
    record: RunRecord | None
    problem: str = ""


class RunReader:
    """Reads the benchmark runs of one model: from the index, or else from their files.

    `settled` says whether all that it read may be kept until a file changes.
    """

    def __init__(self, model: Path, name: str) -> None:
        self._model, self._name = model, name
        self._results: dict[Path, RunResults] = {}
        self._index = HistoryIndex(model, RunRecord)
        self.settled = True

    def runs(self) -> list[ReadRun]:
        """Return the base's runs, the model's and those of its quantisations, as far as they left results."""
        found = [read for known in model_runs(self._model, self._name) if (read := self._read(known)) is not None]
        self._index.write()
        return found

    def training_now(self, made: dt.datetime) -> TrainingFacts:
        """Return what a model was trained with whose plan does not say it: what its folder says now, but nothing if it
        was trained again after the run was `made`."""
        now = self._folder
        return now.training if now.trained_at <= made.timestamp() else TrainingFacts()

    def _read(self, known: KnownRun) -> ReadRun | None:
        run = known.run
        if known.problem:
            return self._unreadable(run, known.problem)
        if not (is_base(run) or run.path.parent.name == FINE_TUNED):
            return None
        try:
            files = result_files(run.lm_eval) or result_files(run.path)
            if not files:
                return None
            kept = self._index.find(run, files[-1])
            return self._from_files(run) if kept is None else ReadRun(run, kept)
        except BenchtuiError as error:
            return self._unreadable(run, str(error))
        except OSError as error:
            return self._unreadable(run, f"{error.filename} cannot be read: {error.strerror}")

    def _unreadable(self, run: RunDirectory, problem: str) -> ReadRun:
        self.settled = False
        return ReadRun(run, None, problem)

    def _from_files(self, run: RunDirectory) -> ReadRun:
        results = self._read_once(run)
        base = None if is_base(run) else base_of(run, self._model)
        plan = run.plan() if run.exists() else None
        try:
            theirs = self._read_once(base) if base is not None else None
        except BenchtuiError as error:
            self.settled = False
            return ReadRun(run, self._record(results, plan, base, None), str(error))
        record = self._record(results, plan, base, theirs)
        base_may_come_back = base is None and plan is not None and plan.base_run is not None
        if results.state in _OVER and not base_may_come_back:
            self._index.keep(run, base, record)
        else:
            self.settled = False
        return ReadRun(run, record)

    def _record(
        self, results: RunResults, plan: BenchmarkPlan | None, base: RunDirectory | None, theirs: RunResults | None
    ) -> RunRecord:
        record = record_of(results, plan, theirs)
        if base is None:
            return record
        place = str(base.path)[len(str(benchmarks_folder(self._model))) + 1 :]
        return msgspec.structs.replace(record, base_run=place)

    def _read_once(self, run: RunDirectory) -> RunResults:
        if run.path not in self._results:
            self._results[run.path] = read_run(run)
        return self._results[run.path]

    @cached_property
    def _folder(self) -> TrainedModel:
        return inspect_model(self._model)


def model_history(model: Path, name: str | None = None) -> list[Experiment]:
    """Return the fine-tuned runs of one model folder that left results, by name; a folder that cannot be read is listed
    with its problem. `name` is the model's name, its folder's name where not given."""
    name = model.name if name is None else name
    reader = RunReader(model, name)
    return [experiment for read in reader.runs() if (experiment := _experiment(reader, name, read)) is not None]


def all_history(outputs: Path) -> list[Experiment]:
    """Return the runs of every model in `outputs`, oldest first. Raises UsageError when there is no such folder."""
    found = [experiment for name, folder in model_folders(outputs) for experiment in model_history(folder, name)]
    return sorted(found, key=lambda e: (e.created.isoformat() if e.created else "", e.model))


def _experiment(reader: RunReader, name: str, read: ReadRun) -> Experiment | None:
    """Return a run as the log has it; None for a base run, and one of a quantisation."""
    run, record = read.run, read.record
    if record is not None and (is_base(run) or record.role == "model"):
        return None
    if record is None or read.problem:
        return Experiment(name, run.path, None, "failed", "", "", TrainingFacts(), (), read_note(run), read.problem)
    return Experiment(
        name,
        run.path,
        record.created,
        record.state,
        record.suite,
        record.base,
        reader.training_now(record.created) if record.training is None else record.training,
        record.outcomes,
        read_note(run),
        standing=record.standing,
    )


def record_of(results: RunResults, plan: BenchmarkPlan | None, base: RunResults | None) -> RunRecord:
    """Return what is kept of a run, beside the run of its base."""
    speed = results.speed
    size = speed.weights if speed is not None else None
    return RunRecord(
        results.created,
        results.state,
        results.suite,
        base.model_name if base else "",
        plan.training if plan is not None else None,
        tuple(outcomes_of(results, base)),
        standing(results),
        results.model_name,
        results.role,
        results.format,
        plan.backend if plan is not None else results.setting("backend") or "",
        _loaded_as(results, plan),
        size=stored_weights(plan.source) if size is None and plan is not None else size,
        memory=(speed.device_memory or speed.memory) if speed else None,
        speed=speed.decode.median if speed and speed.decode else None,
        length=mean_length(results.health.values()),
    )


def _loaded_as(results: RunResults, plan: BenchmarkPlan | None) -> str:
    """Return the quantisation of what answered, "" for weights as they are; of two models that answer as one how they
    do: each way is another model."""
    if plan is not None and plan.backend == HYBRID.name:
        return ", ".join(f"{name} {value}" for name, value in sorted(plan.backend_settings.items()))
    found = results.setting("quantization") or "not set"
    return "" if found == "not set" else found


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
