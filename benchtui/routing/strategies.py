"""How a small and a large model answer as one: the strategies, and what each can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast, get_args

import msgspec

from benchtui.errors import UsageError
from benchtui.routing.names import FIRST_DRAFT, OWN, STRATEGIES, DeferScore, Drafts, SignalName, StrategyName
from benchtui.routing.rules import DeferRule, RouteRule, SwitchRule, back_threshold, parse_threshold
from benchtui.text import one_line
from benchtui.tokens.modes import DivergenceKind

_THRESHOLDS: Mapping[str, float | str] = {
    "entropy": 2.0,
    "switch": "p95",
    "logtoku": "p70",
    "logtoku-eu": "p70",
    "defer": "p70",  # what choices are compared by, sums or means by length, has no scale of its own
}
_OTHERWISE = 0.5


class Strategy(msgspec.Struct, frozen=True):
    """A strategy with all that it was told. `threshold` is a number or a quantile like "p70" of the signals that are
    measured first; `hold`, `k`, `back` and `min_stay` are those of RouteRule and SwitchRule, `drafts` the tokens that
    are drafted at a time, `defer_by` the score of DeferRule (None: the one that suits the task)."""

    name: StrategyName
    threshold: float | str = _OTHERWISE
    hold: int = 1
    drafts: Drafts = FIRST_DRAFT
    divergence: DivergenceKind = "js"
    back: float | None = None
    min_stay: int = 1
    defer_by: DeferScore | None = None

    @property
    def signal(self) -> SignalName | None:
        """The signal of the small model that routes tokens; None where nothing does, or something else."""
        return cast("SignalName", self.name) if self.name in get_args(SignalName) else None

    @property
    def has_threshold(self) -> bool:
        """Whether it goes by a threshold at all."""
        return self.name not in ("speculative", "small", "large")

    def route(self, threshold: float) -> RouteRule:
        """Return the rule of a signal. Raises ValueError as RouteRule does."""
        assert self.signal is not None  # noqa: S101 - only strategies with a signal route tokens
        return RouteRule(self.signal, threshold, self.hold)

    def switch(self, threshold: float) -> SwitchRule:
        """Return the rule of "switch". Raises ValueError as SwitchRule does."""
        return SwitchRule(self.divergence, threshold, back_threshold(threshold, self.back), self.min_stay)

    def defer(self, threshold: float, *, choices: bool) -> DeferRule:
        """Return the rule of "defer", for documents whose answers are `choices`, or texts. A `defer_by` of the other
        kind is not used."""
        fitting: tuple[DeferScore, ...] = ("margin", "confidence") if choices else ("mean-logprob", "low-logprob")
        return DeferRule(self.defer_by if self.defer_by in fitting else fitting[0], threshold)


def strategy_of(settings: Mapping[str, str]) -> Strategy:
    """Read the settings of the hybrid backend, by their names. Raises UsageError naming the one that means nothing."""
    name = settings.get("strategy", "uncertainty")
    if name not in STRATEGIES:
        raise UsageError(f"--strategy: there is no {one_line(name, 60)!r}.", f"There are {', '.join(STRATEGIES)}.")
    asked = settings.get("threshold", OWN)
    try:
        threshold = _THRESHOLDS.get(name, _OTHERWISE) if asked == OWN else parse_threshold(asked)
    except ValueError as error:
        raise UsageError(f"--threshold: {one_line(str(error))}.", "Give a number, or for example p70.") from None
    drafts = settings.get("num-drafts", str(FIRST_DRAFT))
    back = settings.get("back", OWN)
    defer_by = settings.get("defer-by", OWN)
    found = Strategy(
        name,
        threshold,
        hold=_count("hold", settings.get("hold", "1")),
        drafts="auto" if drafts == "auto" else _count("num-drafts", drafts),
        divergence=cast("DivergenceKind", settings.get("divergence", "js")),
        back=None if back == OWN else _number("back", back),
        min_stay=_count("min-stay", settings.get("min-stay", "1")),
        defer_by=None if defer_by == OWN else cast("DeferScore", defer_by),
    )
    _check(found)
    return found


def _check(strategy: Strategy) -> None:
    if strategy.name == "switch" and not isinstance(strategy.threshold, str):
        try:
            strategy.switch(strategy.threshold)
        except ValueError as error:
            raise UsageError(f"--threshold and --back: {error}.", "Give --back a smaller number.") from None


def _count(flag: str, text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 1 << 20:
        return int(text)
    raise UsageError(f"--{flag} {one_line(text, 40)}: must be a whole number from 1 on.", "Correct it.")


def _number(flag: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise UsageError(f"--{flag} {one_line(text, 40)}: must be a number from 0 on.", "Correct it.")
    return found
