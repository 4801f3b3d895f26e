"""Writes the leaderboard as CSV and JSON, for spreadsheets and scripts. Keys and columns are only ever added."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.records import Candidate, CandidateRun, Cell, Leaderboard
from benchtui.evidence.records import Interval
from benchtui.reports.exports import cell as csv_cell
from benchtui.reports.leaderboard.page import Page
from benchtui.reports.wording.leaderboard import best_sentences, warnings
from benchtui.text import json_text

_CANDIDATE = (
    "name",
    "model",
    "model_format",
    "backend",
    "quantization",
    "is_base",
    "base",
    "reference",
    "step",
    "seed",
    "seeds",
    "size_bytes",
    "memory_bytes",
    "tokens_per_second",
    "answer_tokens",
    "problem",
)
_CELL = (
    "task",
    "metric",
    "higher_is_better",
    "state",
    "value",
    "low",
    "high",
    "n",
    "total",
    "partial",
    "stopped_early",
    "reference_value",
    "change",
    "difference_low",
    "difference_high",
    "difference_level",
    "p",
    "p_holm",
    "verdict",
    "verdict_sentence",
    "why",
    "notes",
    "best",
    "seeds_deviation",
    "run",
)


def leaderboard_csv(page: Page) -> str:
    """Return one line a candidate and task, in the order of the page; scores on lm-eval's own scale."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_CANDIDATE, *_CELL])
    for record in _records(page):
        for found in record["tasks"]:
            facts = [len(record["seeds"]) if name == "seeds" else record[name] for name in _CANDIDATE]
            writer.writerow(map(csv_cell, [*facts, *(_flat(found[name]) for name in _CELL)]))
    return buffer.getvalue()


def _flat(value: Any) -> Any:
    return "; ".join(value) if isinstance(value, list) else value


def leaderboard_json(page: Page) -> str:
    """Return the whole leaderboard as one JSON object; ends in a newline."""
    board = page.board
    return json_text(
        {
            "schema_version": 1,
            "tests": board.tests,
            "correction": "Holm",
            "pending": board.pending,
            "sorted_by": page.sort,
            "columns": [_column(board, place) for place in range(len(board.columns))],
            "sentences": best_sentences(board),
            "warnings": warnings(board),
            "candidates": _records(page),
        }
    )


def _column(board: Leaderboard, place: int) -> dict[str, Any]:
    column = board.columns[place]
    best = board.best[place] if place < len(board.best) else None
    found: dict[str, Any] = {
        "task": column.task,
        "title": column.title,
        "metric": column.metric,
        "higher_is_better": column.higher_is_better,
        "is_share": column.is_share,
        "tasks": list(column.tasks),
        "best": None,
    }
    if best is not None:
        found["best"] = {
            "leader": board.candidates[best.leader].name,
            "shown": best.shown,
            "cannot_be_told_apart": [board.candidates[each].name for each in best.tied],
            "of": best.of,
            "not_comparable_with_it": [board.candidates[each].name for each in best.apart],
            "expected_shrinkage": best.shrinkage,
        }
    return found


def _records(page: Page) -> list[dict[str, Any]]:
    return [_candidate(page, place) for _, places in page.groups for place in places]


def _candidate(page: Page, place: int) -> dict[str, Any]:
    board = page.board
    candidate, reference = board.candidates[place], board.references[place]
    return {
        "name": candidate.name,
        "model": candidate.key.model,
        "model_format": candidate.key.format,
        "backend": candidate.key.backend,
        "quantization": candidate.key.quantization,
        "is_base": candidate.key.base,
        "base": candidate.base_name,
        "reference": None if reference is None else board.candidates[reference].name,
        "step": candidate.step,
        "seed": candidate.seed,
        "seeds": [_seed(seed) for seed in candidate.seeds],
        "size_bytes": candidate.facts.size,
        "memory_bytes": candidate.facts.memory,
        "tokens_per_second": candidate.facts.speed,
        "answer_tokens": candidate.facts.length,
        "problem": candidate.problem,
        "tasks": [_cell(board, place, number) for number in range(len(board.columns))],
        "other_runs": [_run(page, run) for run in candidate.others],
    }


def _seed(seed: Candidate) -> dict[str, Any]:
    return {"name": seed.name, "seed": seed.seed, "scores": _scores(seed.outcomes)}


def _run(page: Page, run: CandidateRun) -> dict[str, Any]:
    """Return another run; its scores where all runs were asked for."""
    date = run.created.isoformat() if run.created else None
    scores = {"scores": _scores(page.scores.get(run.path, ()))} if page.all_runs else {}
    return {"run": str(run.path), "date": date, "state": run.state, "suite": run.suite, **scores}


def _scores(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {outcome.task: outcome.value for outcome in outcomes}


def _cell(board: Leaderboard, place: int, number: int) -> dict[str, Any]:
    column, cell = board.columns[number], board.cells[place][number]
    return {
        "task": column.task,
        "metric": column.metric,
        "higher_is_better": column.higher_is_better,
        "state": cell.state,
        "value": cell.value,
        "low": _low(cell.interval),
        "high": _high(cell.interval),
        "n": cell.n,
        "total": cell.total,
        "partial": cell.partial,
        "stopped_early": cell.early,
        **_compared(cell),
        "why": cell.why or None,
        "notes": list(cell.row.notes) if cell.row else [],
        "best": _best(board, place, number),
        "seeds_deviation": cell.between.deviation if cell.between else None,
        "run": None if cell.run is None else str(cell.run),
    }


def _compared(cell: Cell) -> dict[str, Any]:
    """Return the comparison with the reference; of a cell that is not comparable nothing."""
    row = cell.row if cell.state == "compared" else None
    tested = row.tested if row is not None else None
    verdict = row.verdict if row is not None else None
    return {
        "reference_value": row.first.value if row else None,
        "change": row.change if row else None,
        "difference_low": _low(row.interval) if row else None,
        "difference_high": _high(row.interval) if row else None,
        "difference_level": row.level_of_interval if row else None,
        "p": tested.p if tested else None,
        "p_holm": tested.p_holm if tested else None,
        "verdict": verdict.kind.value if verdict else None,
        "verdict_sentence": verdict.sentence if verdict else None,
    }


def _best(board: Leaderboard, place: int, number: int) -> str | None:
    best = board.best[number] if number < len(board.best) else None
    if best is None or (place != best.leader if best.shown else place not in best.tied):
        return None
    return "best" if best.shown else "cannot be told apart from the leader"


def _low(interval: Interval | None) -> float | None:
    return interval.low if interval else None


def _high(interval: Interval | None) -> float | None:
    return interval.high if interval else None
