"""Turns a difference into words: the bands of the requirements, and only where the data support them."""

from __future__ import annotations

from benchtui.compare.differences.difference import BOOTSTRAP
from benchtui.compare.records import Difference, Kind, Verdict
from benchtui.compare.wording import between, interval_words, p_words, rough_size, size_words, too_few_words
from benchtui.evidence.bootstrap import FEWEST as FEWEST_FOR_BOOTSTRAP
from benchtui.evidence.matched_pairs import fewest
from benchtui.evidence.means import FEWEST_WITHOUT_SCALE
from benchtui.evidence.records import ALPHA, Interval
from benchtui.points import point_words
from benchtui.results.records import EarlyStop

_GAINS = ((10.0, Kind.EXCELLENT), (5.0, Kind.GOOD), (2.0, Kind.MARGINAL), (0.0, Kind.WEAK))
"""Gains and losses in percentage points, largest first; each from its number up, but forgetting only beyond five."""
_FORGETTING, _LOSS = 5.0, 3.0


def band(points: float) -> Kind:
    """Return the band's word for a gain (positive) or loss in percentage points, rounded as they are shown: "+10.0" is
    never called less than excellent."""
    size = round(abs(points), 1)
    if points >= 0:
        return next(kind for least, kind in _GAINS if size >= least)
    if size > _FORGETTING:
        return Kind.FORGETTING
    return Kind.LOSS if size >= _LOSS else Kind.ACCEPTABLE_LOSS


def supported(difference: Difference) -> bool:
    """Return whether the data distinguish the difference from zero: corrected p-value and interval agree on it."""
    p = difference.p if difference.p_holm is None else difference.p_holm
    return p < ALPHA and difference.interval is not None and difference.interval.excludes_zero()


def judge(difference: Difference, *, higher_is_better: bool, is_share: bool, corrected_for: str = "") -> Verdict:
    """Judge one paired difference: its sign, and its size as far as the interval shows it. `corrected_for` names why
    small p-values are more frequent than in a single test, and were corrected."""
    if not supported(difference):
        return _nothing_shown(difference, is_share=is_share, corrected_for=corrected_for)
    gain = difference.value if higher_is_better else -difference.value
    detail = f"{size_words(difference.value, is_share=is_share)} ({evidence_words(difference, is_share=is_share)})"
    missing = missing_words(difference, is_share=is_share)
    if not is_share:
        kind = Kind.BETTER if gain > 0 else Kind.WORSE
        return Verdict(kind, kind.value, f"{kind.value.capitalize()}: {detail}.{missing}")
    assert difference.interval is not None  # noqa: S101 - supported() says so
    ends = sorted((difference.interval.low, difference.interval.high), key=abs)
    near, likely, far = (
        band(100 * (value if higher_is_better else -value)) for value in (ends[0], difference.value, ends[1])
    )
    word = shown_words(near, likely)
    perhaps = f"; the interval allows for {far.value}" if near.is_loss and far is not likely else ""
    return Verdict(
        near,
        word,
        f"{word[0].upper()}{word[1:]}: {detail}{perhaps}.{missing}",
        likely if likely is not near else None,
    )


def shown_words(shown: Kind, likely: Kind) -> str:
    """A band that is shown, and in brackets the one that is likely: "excellent", "at least weak (most likely good)"."""
    if shown is likely:
        return shown.value
    least = (
        f"an {shown.value}" if shown is Kind.ACCEPTABLE_LOSS else f"a {shown.value}" if shown.is_loss else shown.value
    )
    return f"at least {least} (most likely {likely.value})"


def evidence_words(difference: Difference, *, is_share: bool) -> str:
    """Return interval, p-value and, where it differs, the corrected one."""
    corrected = ""
    if difference.p_holm is not None and p_words(difference.p_holm) != p_words(difference.p):
        why = " for the early looks" if difference.alpha < ALPHA else ""
        corrected = f", corrected{why} " + p_words(difference.p_holm).removeprefix("p ").removeprefix("= ")
    interval = interval_words(difference.interval, is_share=is_share, alpha=difference.alpha)
    return f"{interval}, {p_words(difference.p)}{corrected}"


def _nothing_shown(difference: Difference, *, is_share: bool, corrected_for: str) -> Verdict:
    kind = Kind.NO_DIFFERENCE
    if difference.clusters < fewest(difference.alpha):
        sentence = (
            f"No evidence: {difference.n} samples cannot show a difference of any size; even if every one had "
            f"changed the same way, p would be {2 * 0.5**difference.clusters:.2g}."
        )
        return Verdict(kind, f"no evidence (n = {difference.n})", sentence)
    if difference.interval is None:
        return Verdict(kind, f"no evidence (n = {difference.n})", f"No evidence: {_why_no_interval(difference)}.")
    seen = _could_see(difference, is_share=is_share)
    detail = f"{size_words(difference.value, is_share=is_share)} ({evidence_words(difference, is_share=is_share)})"
    if difference.p < ALPHA <= (difference.p_holm or 0.0):
        detail += f", which {corrected_for} shows too often by chance"
    missing = missing_words(difference, is_share=is_share)
    return Verdict(kind, kind.value, f"Inconclusive: {detail}{seen}.{missing}")


def missing_words(difference: Difference, *, is_share: bool) -> str:
    """Say what samples without a pair could have changed: test and interval hold for all of that."""
    if not difference.completions:
        return ""
    values = [completed.value for completed in difference.completions]
    unit = " points" if is_share else ""
    ends = f"{between(Interval(min(values), max(values)), is_share=is_share)}{unit}"
    are, they = ("sample is", "it") if difference.missing == 1 else ("samples are", "they")
    had = f" {difference.missing:,} {are} missing: whatever {they} had been, the change over all is"
    if supported(difference):
        return f"{had} {ends} and still shown."
    return f"{had} somewhere in {ends}."


def _why_no_interval(difference: Difference) -> str:
    """Return why scores without a scale of 0..1 show nothing: nothing bounds what a sample that was not seen
    could be."""
    n, what = difference.clusters, "samples" if difference.clusters == difference.n else "different samples"
    if difference.method == BOOTSTRAP:
        if n < FEWEST_FOR_BOOTSTRAP:
            return f"{n} {what} are too few to see by drawing them anew; it takes {FEWEST_FOR_BOOTSTRAP}"
        return f"drawing the {n} {what} anew shows no change"
    if difference.stderr:
        least = FEWEST_WITHOUT_SCALE
        return f"{n} {what} are too few for scores without a scale, which may have any shape; it takes {least}"
    if difference.value == 0:
        return f"none of {n} {what} changed, and scores without a scale do not say how far another sample could"
    return f"all {n} {what} changed by the same amount, and scores without a scale do not say how far another could"


def _could_see(difference: Difference, *, is_share: bool) -> str:
    if difference.detectable is None:
        return ""
    return f"; {too_few_words(rough_size(difference.detectable, is_share=is_share), is_share=is_share)}"


def not_comparable(why: str, difference: Difference | None, *, is_share: bool) -> Verdict:
    """Make a verdict that says why nothing is concluded, with the samples that do pair."""
    on_pairs = ""
    if difference is not None and difference.n:
        shown = size_words(difference.value, is_share=is_share)
        told = "" if difference.completions else f" ({evidence_words(difference, is_share=is_share)})"
        on_pairs = (
            f" On the {difference.n} samples in both: {shown}{told}.{missing_words(difference, is_share=is_share)}"
        )
    return Verdict(Kind.NOT_COMPARABLE, "not comparable", f"Not comparable: {why}.{on_pairs}")


def decided_early(stop: EarlyStop, *, higher_is_better: bool, is_share: bool) -> Verdict:
    """Make the verdict of a task that stopped as soon as its anytime-valid interval had answered the questions."""
    at = f"stopped early at {stop.n} of {stop.total} samples"
    shown = interval_words(Interval(stop.low, stop.high), is_share=is_share, alpha=stop.alpha)
    claim = f"{size_words(stop.difference, is_share=is_share)} ({shown}, valid at every look)"
    loss = stop.loss_excluded(higher_is_better=higher_is_better)
    size = point_words(100 * stop.max_loss) if is_share else f"{stop.max_loss:.3g}"
    of_loss = "" if loss is None else f" {'No' if loss else 'A'} loss over {size}: shown."
    if stop.decision == "within":
        limit = f"±{point_words(100 * stop.delta)}" if is_share else f"±{stop.delta:.3g}"
        return Verdict(
            Kind.WITHIN,
            "no relevant difference",
            f"No relevant difference: {at}, when the difference over all {stop.total} was surely within {limit}: "
            f"{claim}. It says nothing of samples outside this set.{of_loss}",
        )
    if stop.decision in ("above", "below"):
        word = f"no {'loss' if (stop.decision == 'above') == higher_is_better else 'gain'} over {size}"
        found = f"{word.capitalize()}: {at}, when that was certain: {claim}. Nothing else was asked."
        return Verdict(Kind.NO_DIFFERENCE, word, found)
    kind = Kind.BETTER if (stop.decision == "higher") == higher_is_better else Kind.WORSE
    return Verdict(
        kind,
        kind.value,
        f"{kind.value.capitalize()}: {at}, when the sign of the difference was certain: {claim}. Only the sign is "
        f"claimed; the size would be known better from all samples.{of_loss}",
    )
