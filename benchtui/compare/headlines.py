"""Reads the last result of a model from its benchmark.json alone, in a few words: for lists, where nothing is
recomputed."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.compare.records import Kind
from benchtui.errors import MADE_BY_NEWER
from benchtui.files import BENCHMARKS
from benchtui.models.last_result import SUMMARY_FILE, is_newer
from benchtui.models.reading import MAX_INDEX, Unreadable, read_json
from benchtui.models.training import parse_moment
from benchtui.results.records import is_share
from benchtui.tasks.primary_metric import MetricName, preferred
from benchtui.tasks.words import task_title


@dataclass(frozen=True)
class Headline:
    """One task: both scores on lm-eval's scale (`base` None without one), the verdict as it was written down, and the
    band that is `likely` where another is shown; `no_loss` is the loss, in points, that is shown not
    to be exceeded. A score that is not a number is NaN here; its task is still shown.

    `on_pairs` is the change over the paired documents where that is not the difference of the two scores.
    """

    task: str
    title: str
    base: float | None
    fine_tuned: float
    share: bool
    improved: bool | None
    verdict: Kind | None
    on_pairs: float | None = None
    n: int | None = None
    total: int | None = None
    likely: Kind | None = None
    no_loss: float | None = None

    @property
    def tone(self) -> Kind | None:
        """The kind that the colour shows; see `Verdict.tone`."""
        return self.likely if self.likely is not None and self.likely.is_loss else self.verdict

    @property
    def n_words(self) -> str:
        """ "n=541", "n=10 of 541"; "" where the file does not say it."""
        if self.n is None:
            return ""
        return f"n={self.n:,}" if self.total is None or self.n >= self.total else f"n={self.n:,} of {self.total:,}"

    @property
    def change(self) -> float | None:
        if self.on_pairs is not None:
            return self.on_pairs
        return None if self.base is None or math.isnan(self.fine_tuned) else self.fine_tuned - self.base


@dataclass(frozen=True)
class LastBenchmark:
    """`sentence` is the overall conclusion, "" in files of other tools. `newer` are sentences about newer runs that
    were limited or did not finish, and so are not shown instead."""

    headlines: tuple[Headline, ...]
    sentence: str
    when: dt.datetime | None
    newer: tuple[str, ...] = ()


def last_benchmark(model: Path) -> LastBenchmark | None:
    """Return what benchmarks/benchmark.json of a model folder says; None when there is none or it cannot be read."""
    try:
        summary = read_json(model / BENCHMARKS / SUMMARY_FILE, MAX_INDEX)
    except (FileNotFoundError, Unreadable):
        return None
    if is_newer(summary):
        return LastBenchmark((), f"Its benchmark.json was {MADE_BY_NEWER}.", None)
    comparison = summary.get("comparison")
    compared = comparison if isinstance(comparison, dict) and comparison else _side_by_side(summary)
    found = [_headline(task, entry) for task, entry in compared.items()]
    sentence = summary.get("verdict")
    headlines = tuple(headline for headline in found if headline is not None)
    return LastBenchmark(
        headlines,
        sentence if isinstance(sentence, str) else "",
        parse_moment(summary.get("timestamp")),
        tuple(_newer(summary.get("newer_runs"))),
    )


def _newer(runs: Any) -> Iterator[str]:
    for run in runs if isinstance(runs, list) else ():
        sentence = run.get("sentence") if isinstance(run, dict) else None
        if isinstance(sentence, str):
            yield sentence


def _headline(task: str, entry: Any) -> Headline | None:
    if not isinstance(entry, dict) or entry.get("level", "headline") != "headline":
        return None
    if "finetuned_accuracy" not in entry:
        return None
    base, written = _number(entry.get("base_accuracy")), entry["finetuned_accuracy"]
    tuned = math.nan if written is None else _number(written)
    if tuned is None:
        return None
    better = entry.get("higher_is_better", True) is not False
    on_pairs = _number(entry.get("delta")) if entry.get("paired_on") is not None else None
    change = on_pairs if on_pairs is not None else tuned - base if base is not None else 0.0
    improved = None if change == 0 or math.isnan(change) else (change > 0) == better
    known = {kind.value: kind for kind in Kind}
    verdict, likely = entry.get("verdict"), entry.get("verdict_likely")
    return Headline(
        task,
        title if isinstance(title := entry.get("title"), str) else task_title(task),
        base,
        tuned,
        is_share(str(entry.get("metric", "")), base if math.isnan(tuned) and base is not None else tuned),
        improved,
        known.get(verdict) if isinstance(verdict, str) else None,
        on_pairs,
        _count(entry.get("n")),
        _count(entry["fine_tuned"].get("total")) if isinstance(entry.get("fine_tuned"), dict) else None,
        known.get(likely) if isinstance(likely, str) else None,
        _no_loss(entry.get("claims")),
    )


def _no_loss(claims: Any) -> float | None:
    for claim in claims if isinstance(claims, list) else ():
        if isinstance(claim, dict) and claim.get("kind") == "no loss" and claim.get("shown") is True:
            return _number(claim.get("margin"))
    return None


def _side_by_side(summary: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the scores themselves where a file compares nothing: it was run without a base, or it has the layout from
    before `comparison`, with the scores of each backend under the backend's name."""
    base, tuned = (_scores(summary.get(side)) for side in ("base_model", "fine_tuned_model"))
    found = {}
    for task, metrics in tuned.items():
        named = {MetricName(name, filtered): key for key in metrics for name, _, filtered in [key.partition(",")]}
        main = preferred(list(named))
        if main is not None:
            chosen = named[main]
            theirs = base.get(task, {}).get(chosen)
            counts = _counts(summary.get("fine_tuned_model"), task)
            scores = {"metric": chosen, "base_accuracy": theirs, "finetuned_accuracy": metrics[chosen]}
            found[task] = {**scores, "n": counts.get("n"), "fine_tuned": counts}
    return found


def _counts(side: Any, task: str) -> dict[str, Any]:
    tasks = side.get("tasks") if isinstance(side, dict) else None
    counts = tasks.get(task) if isinstance(tasks, dict) else None
    return counts if isinstance(counts, dict) else {}


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _scores(side: Any) -> dict[str, dict[str, float]]:
    """Return {task: {metric: value}}, without what lm-eval lists inside a group; what is not a number is null in the
    file."""
    if not isinstance(side, dict):
        return {}
    results: dict[str, Any] = next(
        (side[key] for key in ("results", "huggingface") if isinstance(side.get(key), dict)), {}
    )
    return {
        task: {
            name: number
            for name, value in metrics.items()
            if (number := math.nan if value is None else _number(value)) is not None
        }
        for task, metrics in results.items()
        if isinstance(metrics, dict) and not str(metrics.get("alias", "")).startswith(" ")
    }


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
