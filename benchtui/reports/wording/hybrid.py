"""Words for a small and a large model that answer as one: work, scores, differences, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchtui.points import point_words
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.scores import metric_name
from benchtui.routing.sweeps.records import Measure, Sweep, SweptTask
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.evidence.records import Interval
    from benchtui.routing.curve import Recovered
    from benchtui.routing.rules import Threshold
    from benchtui.routing.sweeps.conclude import Conclusion, Place
    from benchtui.tokens.summary import Estimate

WORK: dict[Measure, str] = {
    "calls": "large calls",
    "documents": "to large",
    "tokens": "large tokens",
    "positions": "large reads",
    "flops": "large FLOPs",
}
"""The headings of columns."""
OF_WORK: dict[Measure, str] = {
    "calls": "calls of the large model",
    "documents": "documents answered by the large model",
    "tokens": "tokens by the large model",
    "positions": "positions computed by the large model",
    "flops": "FLOPs of the large model",
}
"""The names of axes."""
STILL_READS = "the large model still reads every token that stands before one of its own, once"
FALLS_LESS = "arithmetic falls less, or not at all"
CALLS_FALL = f"A share of calls or tokens is not compute: {STILL_READS}. Calls fall, {FALLS_LESS}."
DEFERRED = (
    "A document that stays with the small model is never read by the large one; the small one answers all of them "
    "first, and that is not counted here."
)


def cost_sentence(sweep: Sweep) -> str:
    """Return what has to be known beside every share of the large model's work."""
    return DEFERRED if sweep.strategy == "defer" else CALLS_FALL


def model_words(sweep: Sweep, limit: int = 60) -> str:
    """Return what a sweep is of: "defer, small a, large b"."""
    how = f"strategy {sweep.strategy}{'' if sweep.defer_by is None else f' by {sweep.defer_by}'}"
    return f"{how}{UNICODE.dot}small {one_line(sweep.small, limit)}{UNICODE.dot}large {one_line(sweep.large, limit)}"


def task_words(task: SweptTask, found: Conclusion) -> str:
    """Return which documents the numbers are of."""
    name = metric_name(found.metric, found.filter, 1)
    how = f", {task.likelihoods}" if task.likelihoods else ""
    said = f"{found.reported:,} documents"
    if found.chosen:
        both = f"{found.chosen:,} to choose by, {found.reported:,} to report"
        said = f"{found.chosen + found.reported:,} documents ({both})"
    return f"{one_line(found.task, 60)}{UNICODE.dot}{one_line(name, 60)}{how}{UNICODE.dot}{said}"


def threshold_words(found: Place, alone: str = "") -> str:
    """Return a threshold with the quantile that it was asked for as, "0.60 p70"."""
    threshold = found.threshold
    if threshold is None:
        return f"{alone} only"
    return value_words(threshold)


def value_words(threshold: Threshold) -> str:
    number = f"{threshold.value:.4g}"
    return f"{number} {threshold.asked}" if isinstance(threshold.asked, str) else number


def percent(value: float | None) -> str:
    """Return a share of work: "31 %"; less than one, but not nothing, as "<1 %"."""
    if value is None:
        return ""
    rounded = f"{100 * value:.0f} %"
    return "<1 %" if value > 0 and rounded == "0 %" else ">99 %" if value < 1 and rounded == "100 %" else rounded


def score_words(found: Estimate, *, is_share: bool, glyphs: Glyphs = UNICODE) -> str:
    """Return a score with its interval's larger half: "65.7 ± 5.4"."""
    if found.value is None:
        return ""
    scale, form = (100, ".1f") if is_share else (1, ".3g")
    said = f"{scale * found.value:{form}}"
    if found.low is None or found.high is None:
        return said
    return f"{said} {glyphs.plus_minus} {scale * max(found.value - found.low, found.high - found.value):{form}}"


def number_words(value: float | None, *, is_share: bool) -> str:
    """Return a score alone."""
    return "" if value is None else f"{100 * value:.1f}" if is_share else f"{value:.3g}"


def difference_words(value: float, interval: Interval | None, *, is_share: bool, glyphs: Glyphs = UNICODE) -> str:
    """Return a difference with its interval: "−3.3 [−7.0, +0.4]"."""
    scale, form = (100, "+.1f") if is_share else (1, "+.3g")

    def said(each: float) -> str:
        number = f"{scale * each + 0.0:{form}}"
        return number.replace("-", "−") if glyphs is UNICODE else number

    return said(value) if interval is None else f"{said(value)} [{said(interval.low)}, {said(interval.high)}]"


def verdict_words(found: Place, margin: float | None, *, higher_is_better: bool, glyphs: Glyphs = UNICODE) -> str:
    """Return sign and word for what is shown of a threshold against the large model alone."""
    if found.verdict is None or margin is None:
        return ""
    if found.verdict.shown:
        return f"{glyphs.gain} no loss > {100 * margin:g}"
    interval = found.difference.interval
    if interval is not None:
        worst, best = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
        if best < -margin:
            return f"{glyphs.loss} loss > {100 * margin:g}"
        if best < 0:
            return f"{glyphs.loss} loss"
        if worst > 0:
            return f"{glyphs.gain} better"
    return f"{glyphs.nothing} not shown"


def recovered_words(found: Recovered) -> str:
    """Return APGR, "0.71 [0.62, 0.79]", or why there is none."""
    if found.value is None or found.interval is None:
        tie = found.why == "the models do not differ"
        return f"none: {found.why}{', as far as is shown: there may be nothing to gain' if tie else ''}"
    return f"{found.value:.2f} [{found.interval.low:.2f}, {found.interval.high:.2f}], at random 0.50"


def sentences(found: Conclusion, *, is_share: bool, glyphs: Glyphs = UNICODE) -> Iterator[str]:
    """Yield what follows, from the threshold to take to figures of the whole curve."""
    yield from _recommended(found, is_share=is_share, glyphs=glyphs)
    gap = difference_words(found.gap.value, found.gap.interval, is_share=is_share, glyphs=glyphs)
    half = ""
    if found.half is not None:
        half = f"; half of the gap at {percent(found.half)} of the {OF_WORK[found.measure]}"
    yield f"Large minus small: {gap}. APGR {recovered_words(found.recovered)}{half}."


def _recommended(found: Conclusion, *, is_share: bool, glyphs: Glyphs) -> Iterator[str]:
    if found.margin is None:
        why = "too few documents for two halves" if not found.chosen else "the score is no share of anything"
        yield f"No threshold is recommended: {why}, so that no loss can be called small."
        return
    margin = point_words(100 * found.margin)
    chosen, recommended = f"on the {found.chosen:,} documents to choose by", found.recommended
    if recommended.alone == "large":
        yield f"No threshold loses at most {margin} {chosen}: take the large model alone, or allow more."
        return
    place = found.small if recommended.place is None else found.places[recommended.place]
    about = _here(place, found, is_share=is_share, glyphs=glyphs)
    if recommended.alone == "small":
        yield f"The small model alone loses at most {margin} {chosen}: nothing is gained by routing there. {about}"
        return
    assert place.threshold is not None  # noqa: S101 - only both ends have none
    yield f"Recommended: {value_words(place.threshold)}, the least work that loses at most {margin} {chosen}. {about}"


def _here(place: Place, found: Conclusion, *, is_share: bool, glyphs: Glyphs) -> str:
    """What a threshold does on the documents that it was not chosen on."""
    change = difference_words(place.difference.value, place.difference.interval, is_share=is_share, glyphs=glyphs)
    work = percent(place.work[found.measure].value)
    shown = place.verdict is not None and place.verdict.shown
    said = f"On the others: {work} of the {OF_WORK[found.measure]}, {change}"
    margin = point_words(100 * (found.margin or 0))
    return f"{said}: no loss over {margin}, at 5 %." if shown else f"{said}: no loss over {margin} is not shown."
