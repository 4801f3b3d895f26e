"""Rows of one's own data that tell no two models apart: those that every run got right, and those that none did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.compare.differences.leaves import SampleSource
from benchtui.errors import BenchtuiError
from benchtui.results.records import RunResults, Score
from benchtui.tasks.primary_metric import ordered


@dataclass(frozen=True)
class Outcomes:
    """The ids of the rows that all runs got right (`everybody`) and that none did (`nobody`), by the task's main
    `metric`, among the `rows` that all of them answered."""

    metric: str
    rows: int
    everybody: tuple[str, ...]
    nobody: tuple[str, ...]


def outcomes(runs: Sequence[RunResults], task: str) -> Outcomes:
    """Sort the rows of a task by which runs got them right.

    Raises BenchtuiError for a run without the task or without its samples, and for a metric that is not 0 or 1.
    """
    right: list[dict[str, bool]] = []
    for results in runs:
        scores = ordered(results.scores_of(task))
        file = SampleSource(results).file(task)
        if not scores or file is None:
            raise BenchtuiError(
                f"{results.folder} has no samples of {task}.", "Name runs of these data: benchtui run --data FILE."
            )
        right.append(dict(_right(file, scores[0])))
    metric = ordered(runs[0].scores_of(task))[0].key
    shared = [name for name in right[0] if all(name in of_run for of_run in right[1:])]
    return Outcomes(
        metric,
        len(shared),
        tuple(name for name in shared if all(of_run[name] for of_run in right)),
        tuple(name for name in shared if not any(of_run[name] for of_run in right)),
    )


def _right(file: Path, score: Score) -> Iterator[tuple[str, bool]]:
    """Yield the id of each row, and whether it was right."""
    best, worst = (1, 0) if score.higher_is_better else (0, 1)
    number = 0
    try:
        with file.open("rb") as lines:
            for line in lines:
                number += 1
                raw = json.loads(line)
                if raw.get("filter", "none") != score.filter or score.metric not in raw:
                    continue
                value, doc = raw[score.metric], raw.get("doc")
                if not isinstance(value, bool | int | float) or value not in (best, worst):
                    raise BenchtuiError(
                        f"{score.metric} of {score.task} is not right or wrong: rows have a score in between.",
                        "Leave out --run.",
                    )
                yield (
                    str(doc.get("id", raw.get("doc_id")) if isinstance(doc, dict) else raw.get("doc_id")),
                    value == best,
                )
    except (ValueError, RecursionError, AttributeError):
        raise BenchtuiError(f"{file} is damaged in line {number}.", "Run the benchmark again.") from None
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be read: {error.strerror or error}.") from None
