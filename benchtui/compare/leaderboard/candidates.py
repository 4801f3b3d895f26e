"""Finds what was evaluated: every model, checkpoint, quantisation and backend with results is one candidate."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from benchtui.compare.history.history import Outcome, outcomes_of
from benchtui.compare.leaderboard.records import Candidate, CandidateRun, Facts, Key
from benchtui.errors import BenchtuiError
from benchtui.results.choose import base_of, standing
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import FINE_TUNED, is_base, model_folders, model_runs
from benchtui.runs.result_files import has_results

_STEP = re.compile(r"(?:checkpoint-|epoch_)(\d+(?:\.\d+)?)")


class _Run(msgspec.Struct, frozen=True):
    """One run of a candidate, as it was read."""

    about: CandidateRun
    outcomes: tuple[Outcome, ...]
    base_name: str
    base: Path | None
    facts: Facts


def find_candidates(outputs: Path, models: Sequence[str] = ()) -> list[Candidate]:
    """Return every candidate in `outputs`, or those of the named models alone, bases first.

    Raises UsageError when there is no such folder.
    """
    runs: dict[Key, list[_Run]] = defaultdict(list)
    folders: dict[Key, Path] = {}
    for name, folder in model_folders(outputs):
        if models and name not in models:
            continue
        for key, run in _runs_of(name, folder):
            runs[key].append(run)
            folders.setdefault(key, folder)
    names = _names(runs)
    found = [_candidate(key, names[key], folders[key], runs[key]) for key in runs]
    return sorted(found, key=lambda candidate: (not candidate.key.base, candidate.key))


def _runs_of(model: str, folder: Path) -> Iterator[tuple[Key, _Run]]:
    for known in model_runs(folder, model):
        run = known.run
        if known.problem or not (is_base(run) or run.path.parent.name == FINE_TUNED) or not has_results(run):
            continue
        results = read_run(run)
        base = None if is_base(run) else base_of(run, folder)
        theirs = _readable(base)
        yield (
            _key(model, run, results),
            _Run(
                CandidateRun(run.path, results.created, results.state, standing(results), results.suite),
                tuple(outcomes_of(results, theirs)),
                theirs.model_name if theirs is not None else "",
                base.path if base is not None else None,
                _facts(results),
            ),
        )


def _readable(run: RunDirectory | None) -> RunResults | None:
    if run is None:
        return None
    try:
        return read_run(run)
    except BenchtuiError:
        return None


def _key(model: str, run: RunDirectory, results: RunResults) -> Key:
    backend = results.setting("backend") or ""
    quantization = results.setting("quantization") or ""
    if is_base(run):
        return Key(results.model_name, "", backend, "", base=True)
    return Key(model, results.format, backend, "" if quantization == "not set" else quantization)


def _facts(results: RunResults) -> Facts:
    speed = results.speed
    lengths = [(health.mean_tokens, health.answers) for health in results.health.values() if health.mean_tokens]
    answers = sum(count for _, count in lengths)
    return Facts(
        size=speed.weights if speed else None,
        memory=(speed.device_memory or speed.memory) if speed else None,
        speed=speed.decode.median if speed and speed.decode else None,
        length=sum(mean * count for mean, count in lengths if mean) / answers if answers else None,
    )


def _names(keys: Iterable[Key]) -> dict[Key, str]:
    """Name each by its model, and by what tells it from the others of that model."""
    keys = list(keys)
    of_model = Counter((key.model, key.base) for key in keys)
    of_format = Counter((key.model, key.base, key.format) for key in keys)
    found = {}
    for key in keys:
        name = key.model
        if key.format and of_model[key.model, key.base] > 1:
            name = f"{name}/{key.format}"
        if of_format[key.model, key.base, key.format] > 1:
            name += f" ({', '.join(filter(None, (key.backend, key.quantization)))})"
        found[key] = name
    return found


def _candidate(key: Key, name: str, folder: Path, runs: Sequence[_Run]) -> Candidate:
    ordered = sorted(runs, key=lambda run: (run.about.standing, run.about.created or 0), reverse=True)
    counting: dict[str, tuple[Outcome, _Run]] = {}
    for run in ordered:
        for outcome in run.outcomes:
            counting.setdefault(outcome.task, (outcome, run))
    used = {run.about.path for _, run in counting.values()}
    step = _STEP.fullmatch(Path(key.format).name)
    return Candidate(
        key,
        name,
        None if key.base else folder,
        base_name=next((run.base_name for run in ordered if run.base_name), ""),
        outcomes=tuple(outcome for outcome, _ in counting.values()),
        runs={task: run.about.path for task, (_, run) in counting.items()},
        base_runs={task: run.base for task, (_, run) in counting.items() if run.base is not None},
        others=tuple(run.about for run in ordered if run.about.path not in used),
        facts=ordered[0].facts,
        step=float(step[1]) if step else None,
    )
