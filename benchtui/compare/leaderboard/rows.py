"""The rows that one model's runs make: what is kept of them in the index, before names are given."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchtui.compare.history.history import Outcome, ReadRun, RunReader
from benchtui.compare.leaderboard.records import CandidateRun, Facts, Key
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import is_base

_STEP = re.compile(r"(?:checkpoint-|epoch_)(\d+(?:\.\d+)?)")


class Scored(msgspec.Struct, frozen=True):
    """The score of one task: `run` is the place of its run in `Row.runs`, `base` that of the base's run, "" for
    none."""

    outcome: Outcome
    run: int
    base: str = ""


class Row(msgspec.Struct, frozen=True):
    """All runs of one candidate in one model's folder, the one that counts most first; `scores` has for each task the
    newest that counts. `folder` is "" for a base, and for runs that lie in no model's folder."""

    key: Key
    folder: str
    runs: tuple[CandidateRun, ...]
    scores: tuple[Scored, ...]
    base_name: str = ""
    facts: Facts = Facts()
    step: float | None = None
    recipe: str = ""
    seed: int | None = None
    problem: str = ""


def rows_of(model: str, folder: Path | None, reads: Iterable[ReadRun], reader: RunReader | None = None) -> list[Row]:
    """Return the rows of the runs of one model, called `model`. `reader` knows what the model was trained with where
    no run says it."""
    by_key: dict[Key, list[ReadRun]] = defaultdict(list)
    for read in reads:
        by_key[_key(model, read)].append(read)
    return [_row(key, folder, found, reader) for key, found in by_key.items()]


def _key(model: str, read: ReadRun) -> Key:
    record, base = read.record, is_base(read.run)
    if record is not None:
        if base:
            return Key(record.model_name, "", record.backend, "", base=True)
        return Key(model, record.format, record.backend, record.quantization)
    plan = read.run.readable_plan()
    if plan is None:
        return Key(f"{model}/{read.run.path.name}", base=True) if base else Key(model, read.run.path.name)
    if base:
        return Key(plan.source.path, "", plan.backend, "", base=True)
    return Key(model, plan.source.format, plan.backend, getattr(plan.source, "quantization", ""))


def _row(key: Key, folder: Path | None, reads: Sequence[ReadRun], reader: RunReader | None) -> Row:
    reads = sorted(reads, key=_counts, reverse=True)
    records = [read.record for read in reads if read.record is not None]
    scores: dict[str, Scored] = {}
    for number, read in enumerate(reads):
        for outcome in read.record.outcomes if read.record is not None else ():
            scores.setdefault(outcome.task, Scored(outcome, number, _base_run(read)))
    step = _STEP.fullmatch(Path(key.format).name)
    recipe, seed = _trained(key, reads, reader)
    return Row(
        key,
        "" if folder is None or key.base else str(folder),
        tuple(map(_about, reads)),
        tuple(scores.values()),
        next((record.base for record in records if record.base), ""),
        facts_of(Facts(record.size, record.memory, record.speed, record.length) for record in records),
        float(step[1]) if step else None,
        recipe,
        seed,
        reads[0].problem if not records else "",
    )


def facts_of(found: Iterable[Facts]) -> Facts:
    """Return each fact from the first that has it."""
    several = list(found)
    return Facts(
        next((facts.size for facts in several if facts.size is not None), None),
        next((facts.memory for facts in several if facts.memory is not None), None),
        next((facts.speed for facts in several if facts.speed is not None), None),
        next((facts.length for facts in several if facts.length is not None), None),
    )


def _counts(read: ReadRun) -> tuple[int, str, str]:
    """Return what sorts runs by how far they count: those that cannot be read last."""
    record = read.record
    return (-1, "", read.run.path.name) if record is None else (record.standing, record.created.isoformat(), "")


def _about(read: ReadRun) -> CandidateRun:
    record, place = read.record, str(read.run.path)
    if record is None:
        return CandidateRun(place, None, "failed", -1, problem=read.problem)
    return CandidateRun(place, record.created, record.state, record.standing, record.suite, read.problem)


def _base_run(read: ReadRun) -> str:
    record, benchmarks = read.record, read.run.benchmarks
    if record is None or not record.base_run or benchmarks is None:
        return ""
    return str(RunDirectory(benchmarks / record.base_run).path)


def _trained(key: Key, reads: Sequence[ReadRun], reader: RunReader | None) -> tuple[str, int | None]:
    """Return the recipe and the seed that the newest run's model was trained with."""
    record = next((read.record for read in reads if read.record is not None), None)
    if record is None or key.base:
        return "", None
    training = record.training
    if (training is None or training.seed is None) and reader is not None:
        training = reader.training_now(record.created)
    if training is None or training.seed is None or not training.recipe:
        return "", None
    form = "step" if _STEP.fullmatch(Path(key.format).name) else ""
    parts = (training.recipe, key.format if form or not key.format.endswith(".gguf") else "gguf")
    return "/".join((*parts, key.backend, key.quantization)), training.seed
