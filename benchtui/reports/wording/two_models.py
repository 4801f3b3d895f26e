"""Words for two models that answered a run together: by what strategy, who wrote how much, and what that is not."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.compare.records import Comparison
from benchtui.reports.wording.hybrid import FALLS_LESS, STILL_READS
from benchtui.results.records import RunResults
from benchtui.results.routing import RoutedRun, shares
from benchtui.routing.answers import Work
from benchtui.text import one_line

WHY_NOT_COMPUTE = f"That is not compute: {STILL_READS}. Its calls fall, its {FALLS_LESS}"
"""Said wherever a share of tokens by the large model is shown."""
_TASKS = 3
"""Tasks whose thresholds a line has room for."""
_SKIPPED = "Documents that stay with the small model cost the large one nothing"
_ALONE = {"small": "the small model alone", "large": "the large model alone"}
_BY_DOCUMENT = "Log-likelihoods are those of one model for each document"
_MIXTURE = "Log-likelihoods by token mixture, each token scored by the model that the strategy takes there"
_BY_LARGE = "Log-likelihoods by the large model alone: speculative decoding changes none"


def two_model_words(results: RunResults) -> Iterator[str]:
    """Yield sentences without a full stop on how two models answered a run; none where one did."""
    routing = results.routing
    if routing is None:
        return
    yield models_words(routing)
    if routing.strategy in _ALONE:
        return
    yield from filter(None, (share_words(routing), cost_words(routing)))
    if any(task.output_type not in ("", "generate_until") for task in results.tasks):
        yield {"defer": _BY_DOCUMENT, "speculative": _BY_LARGE}.get(routing.strategy, _MIXTURE)


def models_words(routing: RoutedRun) -> str:
    """Return "Small model A, large model B: uncertainty, threshold 0.3"."""
    small, large = (one_line(part.name, 120) for part in (routing.small, routing.large))
    return f"Small model {small}, large model {large}: {strategy_words(routing)}"


def two_model_lines(comparison: Comparison) -> Iterator[str]:
    """Yield such sentences for each side of a comparison that two models answered."""
    sides = ((comparison.first_name, comparison.first), (comparison.second_name, comparison.second))
    for name, results in sides:
        if words := ". ".join(two_model_words(results)):
            yield f"{name}: {words}"


def strategy_words(routing: RoutedRun) -> str:
    """Return "uncertainty, threshold 0.3", or "defer, threshold p70 (gsm8k 0.412)"."""
    if routing.strategy in _ALONE:
        return f"{_ALONE[routing.strategy]} answered"
    if routing.strategy == "speculative":
        return f"speculative, {one_line(str(routing.drafts), 20)} drafts at a time"
    settled = sorted(routing.settled.items())
    named = [f"{one_line(task, 40)} {value:.4g}" for task, value in settled[:_TASKS]]
    more = [f"{len(settled) - _TASKS} more"] if len(settled) > _TASKS else []
    numbers = f" ({', '.join([*named, *more])})" if named else ""
    return f"{routing.strategy}, threshold {one_line(str(routing.threshold), 20)}{numbers}"


def share_words(routing: RoutedRun) -> str:
    """Return how much either model wrote, with what that is not; "" where nothing was counted."""
    facts = routing.all
    small, large = shares(facts)
    if not small + large:
        return ""
    words = f"{_percent(large, small + large)} of {small + large:,} tokens by the large model"
    if facts.drafted:
        words = f"{_percent(facts.accepted, facts.drafted)} of {facts.drafted:,} drafted tokens accepted, {words}"
    return f"{words}. {_SKIPPED if routing.strategy == 'defer' else WHY_NOT_COMPUTE}"


def cost_words(routing: RoutedRun) -> str:
    """Return the calls, positions and, where they are known, floating-point operations of each model; "" where nothing
    was counted."""
    facts = routing.all
    if not facts.small.calls + facts.large.calls:
        return ""
    sides = (("small", facts.small), ("large", facts.large))
    return "Computed: " + "; ".join(
        f"{side} model {work.positions:,} positions in {work.calls:,} calls{_flops(work)}" for side, work in sides
    )


def _flops(work: Work) -> str:
    return f", {work.flops / 1e9:,.3g} GFLOP" if work.flops else ""


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
