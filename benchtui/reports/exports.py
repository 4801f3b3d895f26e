"""Writes the comparison as CSV and JSON, for spreadsheets and scripts. Keys and columns are only ever added."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import Any

import msgspec

from benchtui.compare.columns import group_columns
from benchtui.compare.health import health_notes, row_health
from benchtui.compare.records import CONFIDENCE_SEQUENCE, Comparison, Row
from benchtui.compare.speed import smaller_but_slower
from benchtui.evidence.records import Interval
from benchtui.results.records import RunResults
from benchtui.results.routing import told as told_routing
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.speed import Speed
from benchtui.text import json_text, printable

_HEALTH = (
    "answers",
    "unknown",
    "cut",
    "empty",
    "looping",
    "refused",
    "mean_tokens",
    "prompts",
    "prompts_unknown",
    "prompts_cut",
    "prompt_tokens",
    "prompt_tokens_lost",
    "all_prompt_tokens",
    "choices",
    "only_choice",
    "equal",
    "loglikelihoods",
    "floored",
    "floor",
)
"""What is known of the answers behind a score, by its name in the record; empty where nobody counted."""

_SPEED = ("prefill_tokens_per_second", "decode_tokens_per_second", "first_token_seconds", "memory", "weights")
"""How fast the model of a run answered (medians) and how large it is (bytes); empty where nobody measured it."""

_CLAIM = ("margin", "p", "p_holm", "shown")
"""Of each claim that nothing bad happened, its parts by their names in the record."""

_COLUMNS = (
    "task",
    "title",
    "metric",
    "filter",
    "level",
    "depth",
    "higher_is_better",
    "first",
    "first_stderr",
    "first_low",
    "first_high",
    "first_n",
    "second",
    "second_stderr",
    "second_low",
    "second_high",
    "second_n",
    "total",
    "change",
    "relative_percent",
    "paired_n",
    "paired_difference",
    "difference_low",
    "difference_high",
    "difference_level",
    "p",
    "p_holm",
    "test",
    "detectable",
    "fixed",
    "broken",
    "both_right",
    "both_wrong",
    "matched",
    "unmatched",
    "differing_prompts",
    "partial",
    "verdict",
    "verdict_sentence",
    "paired_on",
    "population",
    "tasks",
    "new_tasks_difference",
    "new_tasks_low",
    "new_tasks_high",
    "new_tasks_p",
    "new_tasks_p_holm",
    "shrunk",
    "shrunk_low",
    "shrunk_high",
    "verdict_likely",
    *(f"{kind}_{name}" for kind in ("no_loss", "no_difference") for name in _CLAIM),
    *(f"{side}_{name}" for side in ("first", "second") for name in (*_HEALTH, *_SPEED)),
    "first_answers_to_each",
    "second_answers_to_each",
)

_FORMULA = re.compile(r"^(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])|(?<=[;\t])(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""What begins with one of these is a formula to a spreadsheet, the wide ones included. Where semicolons part cells, as
they do in many countries, a semicolon in a name begins one."""


def comparison_csv(comparison: Comparison) -> str:
    """Return one line a row of the comparison, MMLU's subjects included, with a header; scores on lm-eval's own
    scale."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for record in comparison_records(comparison):
        writer.writerow({name: cell(value) for name, value in record.items()})
    return buffer.getvalue()


def comparison_records(comparison: Comparison) -> list[dict[str, Any]]:
    """Return each row of the comparison as one flat record, with the column names of the CSV file."""
    speeds = {**_speed("first", comparison.first.speed), **_speed("second", comparison.second.speed)}
    return [{**_flat(row), **speeds} for row in comparison.rows]


def cell(value: Any) -> Any:
    """Return a value as a CSV cell that no spreadsheet reads as a formula, and no terminal as a command."""
    if isinstance(value, str):
        return _FORMULA.sub("'", printable(value))
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{value}"  # an empty cell would say that there is no such score
    return "" if value is None else value


def _flat(row: Row) -> dict[str, Any]:
    found, tested, flips = row.difference, row.tested, row.flips
    return {
        "task": row.task,
        "title": row.title,
        "metric": row.metric,
        "filter": row.filter,
        "level": row.level,
        "depth": row.depth,
        "higher_is_better": row.higher_is_better,
        "first": row.first.value,
        "first_stderr": row.first.stderr,
        "first_low": _low(row.first.interval),
        "first_high": _high(row.first.interval),
        "first_n": row.first.n,
        "second": row.second.value,
        "second_stderr": row.second.stderr,
        "second_low": _low(row.second.interval),
        "second_high": _high(row.second.interval),
        "second_n": row.second.n,
        "total": row.second.total,
        "change": row.change,
        "relative_percent": row.relative,
        "paired_n": found.n if found else 0,
        "paired_difference": found.value if found else None,
        "difference_low": _low(row.interval),
        "difference_high": _high(row.interval),
        "difference_level": row.level_of_interval,
        "p": tested.p if tested else None,
        "p_holm": tested.p_holm if tested else None,
        "test": tested.method if tested else CONFIDENCE_SEQUENCE if row.early else None,
        "detectable": tested.detectable if tested else None,
        "fixed": flips.fixed if flips else None,
        "broken": flips.broken if flips else None,
        "both_right": flips.both_right if flips else None,
        "both_wrong": flips.both_wrong if flips else None,
        "matched": row.pairing.matched,
        "unmatched": row.pairing.only_first + row.pairing.only_second,
        "differing_prompts": row.pairing.differing_prompts,
        "partial": bool(row.first.partial or row.second.partial),
        "verdict": row.verdict.kind.value if row.verdict else None,
        "verdict_sentence": row.verdict.sentence if row.verdict else None,
        "paired_on": row.paired_on,
        "population": row.population,
        **group_columns(row),
        "verdict_likely": row.verdict.likely.value if row.verdict and row.verdict.likely else None,
        **_claims(row),
        **_health("first", row.first.health),
        **_health("second", row.second.health),
        "first_answers_to_each": row.first.answers,
        "second_answers_to_each": row.second.answers,
    }


def _claims(row: Row) -> dict[str, Any]:
    return {f"{claim.kind.replace(' ', '_')}_{name}": getattr(claim, name) for claim in row.claims for name in _CLAIM}


def _health(side: str, health: TaskHealth | None) -> dict[str, Any]:
    return {f"{side}_{name}": getattr(health, name) if health is not None else None for name in _HEALTH}


def _speed(side: str, speed: Speed | None) -> dict[str, Any]:
    medians = (
        [part.median if part else None for part in (speed.prefill, speed.decode, speed.first_token)] if speed else []
    )
    values = (*medians, speed.memory, speed.weights) if speed else (None,) * len(_SPEED)
    return {f"{side}_{name}": value for name, value in zip(_SPEED, values, strict=True)}


def _low(interval: Interval | None) -> float | None:
    return interval.low if interval else None


def _high(interval: Interval | None) -> float | None:
    return interval.high if interval else None


def comparison_json(comparison: Comparison) -> str:
    """Return the whole comparison as one JSON object; ends in a newline."""
    document = {
        "schema_version": 1,
        "first": _run(comparison.first, comparison.first_name),
        "second": _run(comparison.second, comparison.second_name),
        "sentence": comparison.sentence,
        "tests": comparison.tests,
        "settings": list(comparison.settings),
        "missing": list(comparison.missing),
        "warnings": list(comparison.warnings),
        "health": list(health_notes(comparison)),
        "smaller_but_slower": smaller_but_slower(comparison),
        "rows": [
            {**_flat(row), "notes": list(row.notes), "health": row_health(row, comparison)} for row in comparison.rows
        ],
    }
    return json_text(document)


def _run(results: RunResults, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "model": results.model_name,
        "role": results.role,
        "run": str(results.run),
        "results": str(results.file),
        "date": results.created.isoformat(),
        "state": results.state,
        "fingerprint": results.fingerprint,
        "lm_eval_version": results.lm_eval_version,
        "settings": {setting.name: setting.value for setting in results.settings},
        "caveats": list(results.caveats),
        "speed": msgspec.to_builtins(results.speed),
        **({"routing": told_routing(results.routing)} if results.routing else {}),
        "partial": msgspec.to_builtins(results.partial),
    }
