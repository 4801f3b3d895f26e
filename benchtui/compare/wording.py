"""Differences, intervals and p-values in words, as the sentences of a comparison say them."""

from __future__ import annotations

from benchtui.evidence.records import ALPHA, Interval


def points(value: float, *, signed: bool = True) -> str:
    """A difference of shares in percentage points: "+18.1"."""
    number = round(100 * value, 1) + 0.0
    return f"{number:+.1f}".replace("-", "−") if signed else f"{abs(number):.1f}"


def p_number(p: float) -> str:
    """ "<0.001", "0.012", "0.34"."""
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def p_words(p: float) -> str:
    """ "p < 0.001", "p = 0.012"."""
    return "p < 0.001" if p < 0.001 else f"p = {p_number(p)}"


def size_words(value: float, *, is_share: bool) -> str:
    return f"{points(value)} points" if is_share else f"{value:+.4g}".replace("-", "−")


def interval_words(interval: Interval | None, *, is_share: bool, alpha: float = ALPHA) -> str:
    if interval is None:
        return "no interval"
    return f"{100 * (1 - alpha):.3g} % CI {between(interval, is_share=is_share)}"


def between(interval: Interval, *, is_share: bool) -> str:
    """Both ends of an interval: "40.7 to 56.0", "−3.1 to 2.0"."""
    if is_share:
        return f"{points(interval.low)} to {points(interval.high)}".replace("+", "")
    return f"{interval.low:.4g} to {interval.high:.4g}".replace("-", "−")


def three_figures(value: float) -> str:
    """A speed or a number of tokens: three figures, or all that are before the point: "34.5", "1,234"."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def rough_size(detectable: float, *, is_share: bool) -> str:
    """The smallest difference that would show, roughly: a size for planning, not a measurement."""
    if not is_share:
        return f"{detectable:.2g}"
    return f"{100 * detectable:.0f}" if detectable >= 0.1 else points(detectable, signed=False)


def too_few_words(size: str, *, is_share: bool = True) -> str:
    """That only differences above `size` would show."""
    unit = " points" if is_share else ""
    return f"too few samples: only differences above ~{size}{unit} would show"
