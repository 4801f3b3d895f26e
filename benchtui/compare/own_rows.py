"""Rows of one's own data that tell no two models apart: those that every run got right, and those that none did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchtui.compare.differences.leaves import SampleSource
from benchtui.errors import BenchtuiError
from benchtui.results.records import RunResults, Score
from benchtui.tasks.data.documents.content import question_digest
from benchtui.tasks.primary_metric import ordered

_Question = tuple[str, int]
"""The digest of a question, and how many of the same stood before it."""


@dataclass(frozen=True)
class Outcomes:
    """The ids of the rows that all runs got right (`everybody`) and that none did (`nobody`), by the task's main
    `metric`, among the `rows` that all of them answered. `left_out` counts rows of the runs that are not in the file as
    it is now."""

    metric: str
    rows: int
    everybody: tuple[str, ...]
    nobody: tuple[str, ...]
    left_out: int = 0


def outcomes(runs: Sequence[RunResults], task: str, rows: Sequence[tuple[str, str]]) -> Outcomes:
    """Sort the rows of a task by which runs got them right. `rows` are those of the file as it is now: the id and the
    `question_digest` of each. Rows of the runs are found among them by what they ask, since their numbers change when
    others are put before them.

    Raises BenchtuiError for a run without the task or without its samples, and for a metric that is not 0 or 1.
    """
    ids = dict(zip(_numbered(digest for _, digest in rows), (each for each, _ in rows), strict=True))
    right: list[dict[_Question, bool]] = []
    for results in runs:
        scores = ordered(results.scores_of(task))
        file = SampleSource(results).file(task)
        if not scores or file is None:
            raise BenchtuiError(
                f"{results.folder} has no samples of {task}.", "Name runs of these data: benchtui run --data FILE."
            )
        found = list(_right(file, scores[0]))
        right.append(dict(zip(_numbered(digest for digest, _ in found), (each for _, each in found), strict=True)))
    metric = ordered(runs[0].scores_of(task))[0].key
    shared = [each for each in ids if all(each in of_run for of_run in right)]
    return Outcomes(
        metric,
        len(shared),
        tuple(ids[each] for each in shared if all(of_run[each] for of_run in right)),
        tuple(ids[each] for each in shared if not any(of_run[each] for of_run in right)),
        len(set().union(*right) - ids.keys()),
    )


def _numbered(digests: Iterable[str]) -> Iterator[_Question]:
    """Tell questions that are the same apart by their order."""
    seen = Counter[str]()
    for digest in digests:
        yield digest, seen[digest]
        seen[digest] += 1


def _right(file: Path, score: Score) -> Iterator[tuple[str, bool]]:
    """Yield the digest of what each row asked, and whether it was right."""
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
                yield question_digest(doc if isinstance(doc, dict) else {}), value == best
    except (ValueError, RecursionError, AttributeError):
        raise BenchtuiError(f"{file} is damaged in line {number}.", "Run the benchmark again.") from None
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be read: {error.strerror or error}.") from None
