"""What the signals of a small model are like on some texts, which of them finds the tokens that a large model would
write differently, which threshold gives a wanted share, and what drafting would do.

All of it follows from one pass of each model over the same texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.routing.acceptance import greedy_acceptance, predict_all, sampled_acceptance
from benchtui.routing.distribution import Distribution, auroc, distribution, finite
from benchtui.routing.names import SignalName
from benchtui.routing.signals import SIGNALS
from benchtui.routing.thresholds import calibrates, for_share, held_out_share
from benchtui.tokens.summary import Estimate

SHARES = (0.1, 0.2, 0.3, 0.5)
DRAFTS = (1, 2, 3, 4, 5, 6, 8, 12, 16)
FEWEST_DOCUMENTS = 10
"""Below so many, no half of them is left to report on."""
PREDICTED = 20_000
"""Tokens, in whole texts, from which drafting is predicted."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Document:
    """One text: `name` for telling it from others, the `signals` of the small model before each of its n tokens; the
    likeliest token of the small and the large model there, and their total variation `tv`, all (n,); None without a
    large model, `tv` also where it is not known."""

    name: str
    signals: Mapping[SignalName, Floats]
    small_top: NDArray[np.int32]
    large_top: NDArray[np.int32] | None = None
    tv: Floats | None = None

    @property
    def differs(self) -> NDArray[np.bool_] | None:
        """Where the large model finds another token likeliest."""
        return None if self.large_top is None else self.small_top != self.large_top


class AtShare(msgspec.Struct, frozen=True):
    """The `threshold` above which a `wanted` share (0..1) of the tokens lies, the `quantile` that it is ("p70"), the
    `share` that it really has (with many equal values more), and the share of the differing tokens that are among them
    (`caught`, None without a large model)."""

    wanted: float
    quantile: str
    threshold: float
    share: float
    caught: float | None = None


class SignalProfile(msgspec.Struct, frozen=True):
    """One signal: how it is distributed, its AUROC for a token that the large model would write differently (None
    where that is not known), and thresholds. `warning` is to be shown where it is used."""

    name: SignalName
    values: Distribution
    thresholds: tuple[AtShare, ...]
    auroc: float | None = None
    warning: str = ""


class HeldOut(msgspec.Struct, frozen=True):
    """A threshold for a `wanted` share, from one half of the documents, and the `share` on the other."""

    wanted: float
    threshold: float
    share: Estimate


class Drafting(msgspec.Struct, frozen=True):
    """Speculative decoding with drafts of `draft` tokens: the share of them that is `acceptance`, the tokens written by
    a call of the large model, and how many times faster than it alone that is (None where no cost is known)."""

    draft: int
    acceptance: float | None
    tokens_per_call: float | None
    speed_up: float | None = None


class Profile(msgspec.Struct, frozen=True):
    """All of it. `recommended` is the signal to take, `held_out` are its thresholds checked on other documents than
    they were chosen on; `differing` counts the places where the large model finds another token likeliest. `greedy` is
    drafting where both take the likeliest token, `sampled` where both draw at temperature 1 (() where that is not
    known), along the first `predicted` tokens; `cost` a step of the small model by one of the large."""

    documents: int
    tokens: int
    signals: tuple[SignalProfile, ...]
    recommended: SignalName
    held_out: tuple[HeldOut, ...] = ()
    differing: int | None = None
    greedy: tuple[Drafting, ...] = ()
    sampled: tuple[Drafting, ...] = ()
    predicted: int = 0
    cost: float | None = None


UNMEASURED: SignalName = "margin"
"""The signal to take where nothing says which is best: it was on every pair that was measured, or near it."""


def profile(
    documents: Sequence[Document], shares: Sequence[float] = SHARES, cost: float | None = None, seed: int = 0
) -> Profile:
    """Profile texts. A signal that is not known at some token is left out. `cost` is that of a step of the small model
    by one of the large. Raises ValueError where there are no tokens."""
    tokens = sum(len(document.small_top) for document in documents)
    if not tokens:
        raise ValueError("there are no tokens to profile")
    differs = _joined([document.differs for document in documents])
    found = [
        _of_signal(name, [document.signals[name] for document in documents], differs, shares)
        for name in SIGNALS
        if all(name in each.signals and np.isfinite(each.signals[name]).all() for each in documents)
    ]
    best, first = _best(found), _first(documents)
    return Profile(
        len(documents),
        tokens,
        tuple(found),
        best,
        _held_out(documents, best, shares, seed),
        None if differs is None else int(differs.sum()),
        _drafting([_greedy(each) for each in first], cost),
        _drafting([_sampled(each) for each in first], cost),
        0 if differs is None else sum(len(each.small_top) for each in first),
        cost,
    )


def _of_signal(
    name: SignalName, parts: Sequence[Floats], differs: NDArray[np.bool_] | None, shares: Sequence[float]
) -> SignalProfile:
    values = finite(np.concatenate(parts))
    described = distribution(values)
    assert described is not None  # noqa: S101 - there are tokens
    area = None if differs is None else auroc(values, differs)
    at = tuple(_at_share(values, wanted, differs) for wanted in shares)
    return SignalProfile(name, described, at, area, SIGNALS[name].warning)


def _at_share(values: NDArray[np.float64], wanted: float, differs: NDArray[np.bool_] | None) -> AtShare:
    threshold = for_share(values, wanted)
    routed = values >= threshold.value
    caught = float(routed[differs].mean()) if differs is not None and differs.any() else None
    return AtShare(wanted, str(threshold.asked), threshold.value, float(routed.mean()), caught)


def _best(found: Sequence[SignalProfile]) -> SignalName:
    """The signal with the greatest AUROC; those whose thresholds are no numbers to be remembered only last."""
    plain = [each for each in found if not each.warning and each.auroc is not None]
    return max(plain, key=lambda each: each.auroc or 0.0).name if plain else UNMEASURED


def _held_out(
    documents: Sequence[Document], name: SignalName, shares: Sequence[float], seed: int
) -> tuple[HeldOut, ...]:
    choosing = calibrates([document.name for document in documents], seed)
    if len(documents) < FEWEST_DOCUMENTS or choosing.all() or not choosing.any():
        return ()
    signals = [document.signals[name] for document in documents]
    chosen = np.concatenate([each for each, here in zip(signals, choosing, strict=True) if here])
    others = [each for each, here in zip(signals, choosing, strict=True) if not here]
    thresholds = [for_share(chosen, wanted).value for wanted in shares]
    return tuple(
        HeldOut(wanted, threshold, held_out_share(others, threshold))
        for wanted, threshold in zip(shares, thresholds, strict=True)
    )


def _first(documents: Sequence[Document]) -> Sequence[Document]:
    """The first documents, of PREDICTED tokens at most, at least one."""
    ends = np.cumsum([len(document.small_top) for document in documents])
    return documents[: max(1, int((ends <= PREDICTED).sum()))]


def _drafting(acceptances: Sequence[Floats | None], cost: float | None) -> tuple[Drafting, ...]:
    known = [each for each in acceptances if each is not None]
    if len(known) < len(acceptances):
        return ()
    return tuple(
        Drafting(
            each.draft,
            each.acceptance,
            each.tokens_per_call,
            None if cost is None else each.speed_up(cost),
        )
        for each in predict_all(known, DRAFTS)
    )


def _greedy(document: Document) -> Floats | None:
    return None if document.large_top is None else greedy_acceptance(document.small_top, document.large_top)


def _sampled(document: Document) -> Floats | None:
    return None if document.tv is None else sampled_acceptance(document.tv)


def _joined(parts: Sequence[NDArray[np.bool_] | None]) -> NDArray[np.bool_] | None:
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
