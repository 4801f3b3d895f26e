"""The records of a leaderboard: every report and screen draws these and computes nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal, get_args

import msgspec

from benchtui.compare.history.history import Outcome
from benchtui.compare.records import Row
from benchtui.evidence.records import Interval
from benchtui.runs.records import RunState

MEAN = "mean"
"""In place of a task's name: the plain mean of the headline tasks whose scores are shares. No task of lm-eval is called
so."""


OWN_BASE = "base"
"""In place of a row's name: what each candidate is compared with unless another is named, the base that it was trained
from."""


class Key(msgspec.Struct, frozen=True, order=True):
    """What makes a row: everything that was evaluated as this is one candidate.

    `format` is the form on disk (`merged_16bit`, `checkpoint-40`, a GGUF file's name), `backend` what answered,
    `quantization` how the weights were loaded where that is not in the file ("" for as they are). `base` is True for
    the model that others were trained from; `model` is then its own name.
    """

    model: str
    format: str = ""
    backend: str = ""
    quantization: str = ""
    base: bool = False


class CandidateRun(msgspec.Struct, frozen=True):
    """One run of a candidate, and how far it counts (`results.choose.standing`); `place` is its folder, as text since
    there are tens of thousands of them. `problem` says why it, or its base, cannot be read."""

    place: str
    created: dt.datetime | None
    state: RunState
    standing: int
    suite: str = ""
    problem: str = ""

    @property
    def path(self) -> Path:
        return Path(self.place)


Axis = Literal["size", "memory", "speed", "length"]
"""One cost, by its name in `Facts`. More of it is worse, but for `speed`."""
AXES: tuple[Axis, ...] = get_args(Axis)


class Facts(msgspec.Struct, frozen=True):
    """What a candidate costs, each None where it is not known: `size` of its weights on disk and greatest `memory`
    while it answered (both bytes; of the accelerator where there is one), `speed` of writing in tokens a second
    (median), `length` of its answers in tokens (mean over the answers of all its tasks)."""

    size: int | None = None
    memory: int | None = None
    speed: float | None = None
    length: float | None = None

    def cost(self, axis: Axis) -> float | None:
        """Return one of them."""
        found = getattr(self, axis)
        return None if found is None else float(found)


class Candidate(msgspec.Struct, frozen=True):
    """One row: a model, checkpoint, quantisation or backend.

    `name` is unique in its leaderboard. `folder` is the model's folder, None for runs that lie in none. `base_name` is
    the model that it was trained from ("" where unknown) and `base_runs` the runs of that base which its runs were
    compared with, by task. `outcomes` hold the score of each task as `benchtui history` has it, from the newest run
    with that task that counts: `runs` says which. `others` are its other runs, newest first. `step` is the training
    step or epoch of a checkpoint. `recipe` is equal for models that were trained alike but for the `seed` ("" where
    the training does not say both). `seeds` holds the rows that were joined to this one, itself included. `problem`
    says why it has no score at all: what keeps its runs from being read.
    """

    key: Key
    name: str
    folder: Path | None
    base_name: str = ""
    outcomes: tuple[Outcome, ...] = ()
    runs: dict[str, Path] = {}
    base_runs: dict[str, Path] = {}
    others: tuple[CandidateRun, ...] = ()
    facts: Facts = Facts()
    step: float | None = None
    recipe: str = ""
    seed: int | None = None
    seeds: tuple[Candidate, ...] = ()
    problem: str = ""

    def outcome(self, task: str) -> Outcome | None:
        for outcome in self.outcomes:
            if outcome.task == task:
                return outcome
        return None


class Column(msgspec.Struct, frozen=True):
    """One task by its main metric, or MEAN; `tasks` are those that a mean is over (none for a task, whatever its name),
    and `metrics` those of each."""

    task: str
    title: str
    metric: str
    higher_is_better: bool
    is_share: bool
    tasks: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


State = Literal["reference", "compared", "pending", "not comparable", "missing"]
"""Of a cell: it is the reference's own; it is compared; that is still to be computed; its score was found in another
way than the reference's (`Cell.why`); there is no score."""


class BetweenSeeds(msgspec.Struct, frozen=True):
    """How the scores of several seeds vary: their number and the standard deviation between them, on the score's own
    scale."""

    seeds: int
    deviation: float


class Cell(msgspec.Struct, frozen=True):
    """The score of one candidate in one column.

    `row` compares it with the reference: second minus first, `Difference.p` of this pair alone, `p_holm` and the
    verdict corrected over the whole leaderboard. `interval` is that of the score alone (95 %), None until samples were
    read.
    """

    state: State
    value: float | None = None
    interval: Interval | None = None
    n: int = 0
    total: int = 0
    partial: bool = False
    early: bool = False
    row: Row | None = None
    why: str = ""
    run: Path | None = None
    between: BetweenSeeds | None = None


class Best(msgspec.Struct, frozen=True):
    """Who leads a column: `leader` by its score, and `shown` where it is shown to be better than every other one.

    `tied` are the places of all that cannot be told apart from the leader, itself included and first; the last ones
    come when `pending`, the pairs that are still to be compared, is 0. `of` is how many take part: those that can be
    compared with the leader. `shrinkage` is how much less good than its score the leader is expected to be on other
    samples, because it was chosen as the best of `of` on these; never below 0, on the score's scale, and None where it
    cannot be told or was not computed yet. `apart` are the places of those with a score of this column that cannot be
    compared with the leader.
    """

    leader: int
    shown: bool
    tied: tuple[int, ...]
    of: int
    shrinkage: float | None = None
    pending: int = 0
    apart: tuple[int, ...] = ()


class Leaderboard(msgspec.Struct, frozen=True):
    """All of it. `cells[i][j]` is candidate i in column j; `references[i]` the place of what candidate i is compared
    with, None where there is none. `tests` is how many tests Holm corrects for: every cell that has a score and a
    reference, whatever became of it. `best` has one entry a column, None where fewer than two take part."""

    columns: tuple[Column, ...]
    candidates: tuple[Candidate, ...]
    references: tuple[int | None, ...]
    cells: tuple[tuple[Cell, ...], ...]
    tests: int
    best: tuple[Best | None, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def pending(self) -> int:
        """How many cells are still to be compared."""
        return sum(cell.state == "pending" for cells in self.cells for cell in cells)
