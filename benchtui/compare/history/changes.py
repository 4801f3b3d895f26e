"""Computes how a run's scores differ from its base's, as `benchtui compare` does, from the result files alone where
possible.

lm-eval writes a hash over the documents and prompts of each task beside its scores. Where two runs have the same hash,
every document has its partner and the change is that of the scores. Otherwise the number of documents, shots or
templates mostly show why they cannot be compared. Samples are read only where neither does, so that a log of hundreds
of runs opens at once.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import msgspec

from benchtui.compare.records import Comparison, Kind, Pairing
from benchtui.compare.settings import why_not_comparable
from benchtui.errors import BenchtuiError
from benchtui.results.records import RunResults, Score


class Change(msgspec.Struct, frozen=True):
    """`value` on the score's scale; None where the two runs cannot be compared; `why` then says it in a sentence."""

    value: float | None
    why: str = ""


class Changes:
    """One run beside its base."""

    def __init__(self, base: RunResults, run: RunResults) -> None:
        self._base, self._run = base, run

    def of(self, score: Score) -> Change | None:
        """Return the change of one of the run's headline scores, None when the base has no such score."""
        theirs = self._base.score(score.task, score.metric, score.filter)
        if theirs is None:
            return None
        if not (score.finite and theirs.finite):
            return Change(None, "Not comparable: a score is not a number.")
        if stop := self._run.decision(score, self._base):
            return Change(stop.difference)
        if self._same_documents(score.task):
            return Change(score.value - theirs.value)
        if why := self._plainly_not_comparable(score, theirs):
            return Change(None, f"Not comparable: {why}.")
        return self._from_samples(score)

    def _same_documents(self, task: str) -> bool:
        """Return whether all documents of both were asked with the same prompts, and none was lost, or left out after a
        look at scores."""
        if any(run.early_of_any(task) or run.partial_of(task) is not None for run in (self._base, self._run)):
            return False
        mine, theirs = self._hashes
        return _leaves(task, self._run) == _leaves(task, self._base) and all(
            leaf in mine and mine[leaf] == theirs.get(leaf) for leaf in _leaves(task, self._run)
        )

    def _plainly_not_comparable(self, score: Score, theirs: Score) -> str:
        """Return why the two cannot be compared, where that needs no sample; "" where only the samples show it."""
        both = min(score.n, theirs.n)
        differing = both if self._other_prompts(score.task) else 0
        pairing = Pairing(both - differing, differing, theirs.n - both, score.n - both)  # at best
        return why_not_comparable(score.task, pairing, self._base, self._run, ("Base", "Fine-tuned"))

    def _other_prompts(self, task: str) -> bool:
        """Return whether prompts were made differently in the two runs, and their hashes differ too."""
        leaves = _leaves(task, self._run)
        hashed = all(leaf in hashes for hashes in self._hashes for leaf in leaves)
        return hashed and _made_with(self._run, leaves) != _made_with(self._base, leaves)

    @cached_property
    def _hashes(self) -> tuple[dict[str, str], dict[str, str]]:
        return _task_hashes(self._run.file), _task_hashes(self._base.file)

    def _from_samples(self, score: Score) -> Change | None:
        try:
            rows = self._comparison.headlines
        except BenchtuiError as error:
            return Change(None, why=str(error))
        wanted = (score.task, score.metric, score.filter)
        row = next((row for row in rows if (row.task, row.metric, row.filter) == wanted), None)
        if row is None:
            return None
        if row.verdict is not None and row.verdict.kind is Kind.NOT_COMPARABLE:
            return Change(None, why=row.verdict.sentence)
        return Change(row.change)

    @cached_property
    def _comparison(self) -> Comparison:
        from benchtui.compare.compare import compare_runs  # numpy, which most logs do without

        return compare_runs(self._base, self._run)


def _leaves(task: str, results: RunResults) -> frozenset[str]:
    group = results.group(task)
    return frozenset(group.leaves) if group is not None else frozenset({task})


def _made_with(results: RunResults, leaves: frozenset[str]) -> dict[str, str | int | None]:
    """Return what prompts are made with, by the names of settings and tasks."""
    settings = {name: results.setting(name) for name in ("chat template", "system instruction")}
    return settings | {facts.name: facts.shots for facts in results.tasks if facts.name in leaves}


class _Hashed(msgspec.Struct):
    task_hashes: dict[str, str] = {}


def _task_hashes(file: Path) -> dict[str, str]:
    """Return lm-eval's hash of each task's documents and prompts, none where it logged no samples."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Hashed).task_hashes
    except (OSError, msgspec.MsgspecError):
        return {}  # NaN among the scores is no JSON; the samples are read instead
