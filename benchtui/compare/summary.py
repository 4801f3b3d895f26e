"""Writes benchmark.json: the results of a model's benchmarks in one file, for other people's scripts and for
READMEs."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec

from benchtui import __version__
from benchtui.compare.columns import group_columns
from benchtui.compare.compare import compare_runs
from benchtui.compare.health import health_notes, run_health
from benchtui.compare.records import CONFIDENCE_SEQUENCE, Comparison, Row, Side
from benchtui.errors import BenchtuiError
from benchtui.evidence.records import Interval
from benchtui.files import write_run_file
from benchtui.models.last_result import SUMMARY_FILE, SUMMARY_SCHEMA, newer_summary
from benchtui.results.choose import ChosenRuns, NewerRun, choose_runs, extent
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.results.routing import told as told_routing
from benchtui.runs.directory import benchmarks_folder
from benchtui.text import json_text


class Summary(msgspec.Struct, frozen=True):
    """What was written to `path`. `comparison` is None when only one side has results. `newer` runs do not count, since
    they are limited, partial or stopped early."""

    path: Path
    base: RunResults | None
    fine_tuned: RunResults | None
    comparison: Comparison | None
    newer: tuple[NewerRun, ...] = ()


def write_summary(model_path: Path, runs: ChosenRuns | None = None, *, now: dt.datetime | None = None) -> Summary:
    """Build benchmarks/benchmark.json from the runs' result files and write it in one piece.

    Without `runs` those that count for the model are taken. Raises BenchtuiError when neither has results, a file is
    damaged, or benchmark.json cannot be written or was made by a newer benchtui.
    """
    summary = summarize(model_path, runs)
    _check_not_newer(summary.path)
    document = _document(model_path, summary, now or dt.datetime.now())  # noqa: DTZ005 - local time, as run folders
    try:
        write_run_file(summary.path, json_text(document))
    except OSError as error:
        raise BenchtuiError(
            f"{summary.path} cannot be written: {error.strerror or error}.", "Make the folder writable, or make room."
        ) from None
    return summary


class NewerSummaryError(BenchtuiError):
    """A benchmark.json of a newer benchtui, which is not overwritten."""


def _check_not_newer(path: Path) -> None:
    if (made_by_newer := newer_summary(path)) is not None:
        raise NewerSummaryError(f"{path} was {made_by_newer} and is left as it is.", "Update benchtui to rebuild it.")


def summarize(model_path: Path, runs: ChosenRuns | None = None) -> Summary:
    """Build the same summary without writing anything."""
    runs = runs or choose_runs(model_path)
    base, fine_tuned = runs.base, runs.fine_tuned
    if base is None and fine_tuned is None:
        raise BenchtuiError(
            f"{model_path} has no benchmark results yet.", f"Type `benchtui run --model {model_path.name}` first."
        )
    first = read_run(base) if base is not None else None
    second = read_run(fine_tuned) if fine_tuned is not None else None
    comparison = compare_runs(first, second) if first is not None and second is not None else None
    return Summary(benchmarks_folder(model_path) / SUMMARY_FILE, first, second, comparison, runs.newer)


def _document(model_path: Path, summary: Summary, now: dt.datetime) -> dict[str, Any]:
    comparison = summary.comparison
    base_name = summary.base.model_name if summary.base else _base_in_files(model_path)
    return {
        "model_name": model_path.name,
        "model_path": str(model_path),
        "base_model_name": base_name,
        "timestamp": now.isoformat(timespec="seconds"),
        "base_model": _side(summary.base),
        "fine_tuned_model": _side(summary.fine_tuned),
        "comparison": {row.task: _compared(row, comparison) for row in comparison.rows if row.level != "detail"}
        if comparison
        else {},
        "schema_version": SUMMARY_SCHEMA,
        "benchtui_version": __version__,
        "verdict": comparison.sentence if comparison else None,
        "differing_settings": list(comparison.settings) if comparison else [],
        "only_in_one_run": list(comparison.missing) if comparison else [],
        "warnings": list(comparison.warnings) if comparison else [],
        "health": list(health_notes(comparison)) if comparison else _health(summary.fine_tuned or summary.base),
        "newer_runs": [_newer(run) for run in summary.newer],
    }


def _newer(run: NewerRun) -> dict[str, Any]:
    """Return the record of a newer run that does not count, since it asked less."""
    return {
        "run": run.run.path.name,
        "benchmark_dir": str(run.run.path),
        "extent": run.extent,
        "n": run.n,
        "total": run.total,
        "sentence": str(run),
    }


def _base_in_files(model_path: Path) -> str | None:
    """Return the base that the model's own files name, for a model that was run without one."""
    from benchtui.models.base import find_base
    from benchtui.models.discovery import inspect_model

    model = inspect_model(model_path)
    found = (find_base(model, form) for form in model.formats)
    return next((choice.name for choice in found if choice is not None), None)


def _side(results: RunResults | None) -> dict[str, Any]:
    """Return a run as the first three keys always had it, with our own keys added."""
    if results is None:
        return {}
    return {
        "results": _verbatim(results.file),
        "benchmark_dir": str(results.run),
        "timestamp": results.file.stat().st_mtime,
        "model": results.model_name,
        "date": results.created.isoformat(),
        "status": results.state,
        "extent": extent(results),
        "fingerprint": results.fingerprint,
        "suite": results.suite,
        "lm_eval_version": results.lm_eval_version,
        "benchtui_version": results.benchtui_version,
        "caveats": list(results.caveats),
        "health": msgspec.to_builtins(results.health),
        "speed": msgspec.to_builtins(results.speed),
        **({"routing": told_routing(results.routing)} if results.routing else {}),
        "partial": {p.task: {"done": p.done, "total": p.total} for p in results.partial},
        "stopped_early": {stop.task: msgspec.to_builtins(stop) for stop in results.early},
        "settings": {setting.name: setting.value for setting in results.settings},
        "tasks": {
            task.name: {"version": task.version, "num_fewshot": task.shots, "n": task.n, "total": task.total}
            for task in results.tasks
        },
    }


def _health(results: RunResults | None) -> list[str]:
    return list(run_health(results)) if results is not None else []


def _verbatim(file: Path) -> Any:
    """Return lm-eval's own "results", exactly as it wrote them."""
    return json.loads(file.read_text(encoding="utf-8"))["results"]


def _compared(row: Row, comparison: Comparison) -> dict[str, Any]:
    metrics = [
        other for other in comparison.rows if other.task == row.task and (other is row or other.level == "detail")
    ]
    return {
        **_metric(row),
        "title": row.title,
        "level": row.level,
        "verdict": row.verdict.kind.value if row.verdict else None,
        "verdict_likely": row.verdict.likely.value if row.verdict and row.verdict.likely else None,
        "claims": msgspec.to_builtins(row.claims),
        "population": row.population,
        **group_columns(row),
        "verdict_sentence": row.verdict.sentence if row.verdict else None,
        "matched": row.pairing.matched,
        "unmatched": row.pairing.only_first + row.pairing.only_second,
        "differing_prompts": row.pairing.differing_prompts,
        "notes": list(row.notes),
        "metrics": {other.key: _metric(other) for other in metrics},
    }


def _metric(row: Row) -> dict[str, Any]:
    found, tested = row.difference, row.tested
    return {
        "metric": row.key,
        "base_accuracy": row.first.value,
        "finetuned_accuracy": row.second.value,
        "delta": row.change,
        "delta_percent": row.relative,
        "paired_on": row.paired_on,
        "higher_is_better": row.higher_is_better,
        "n": row.second.n,
        "limit": None if row.second.n >= row.second.total else row.second.n,
        "base": _score(row.first),
        "fine_tuned": _score(row.second),
        "paired_n": found.n if found else 0,
        "paired_delta": found.value if found else None,
        "delta_stderr": found.stderr if found else None,
        "delta_interval": _ends(row.interval),
        "delta_interval_level": row.level_of_interval,
        "p_value": tested.p if tested else None,
        "p_value_holm": tested.p_holm if tested else None,
        "test": tested.method if tested else CONFIDENCE_SEQUENCE if row.early else None,
        "detectable_delta": tested.detectable if tested else None,
        "flips": msgspec.to_builtins(row.flips),
    }


def _score(side: Side) -> dict[str, Any]:
    return {
        "value": side.value,
        "stderr": side.stderr,
        "interval": _ends(side.interval),
        "n": side.n,
        "total": side.total,
        "partial": {"done": side.partial.done, "total": side.partial.total} if side.partial else None,
        "health": msgspec.to_builtins(side.health),
        **({"answers_to_each": side.answers, "spread": msgspec.to_builtins(side.spread)} if side.answers > 1 else {}),
    }


def _ends(interval: Interval | None) -> list[float] | None:
    return [interval.low, interval.high] if interval else None
