"""Two models that answer as one: which large one goes with the chosen model, by what strategy, and whether both fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from benchtui.backends.hybrid import HYBRID, LARGE, NONE
from benchtui.plans.choice import Choice, access_of
from benchtui.routing.names import OWN, STRATEGIES
from benchtui.settings.rows import SETTING
from benchtui.wizard.options import Option

PAIR = f"{HYBRID.name}:pair"
"""The value of the answer that asks for the large model."""
_WORDS: Mapping[str, str] = {
    "uncertainty": "tokens at which it is unsure",
    "entropy": "tokens at which its entropy is high",
    "margin": "tokens at which its two likeliest are close",
    "least-confidence": "tokens at which its likeliest is unlikely",
    "logtoku": "tokens at which its evidence is spread",
    "logtoku-eu": "tokens at which its evidence is little",
    "switch": "from where both are far apart; no saving",
    "defer": "whole samples of which it is unsure",
    "speculative": "all, as if alone: this one only drafts",
    "small": "nothing",
    "large": "everything",
}
"""What the large model then answers."""
_OF_PAIRS = (LARGE, "strategy", "threshold")


def is_pair(choice: Choice) -> bool:
    """Return whether two models were chosen."""
    return choice.backend == HYBRID.name


def pair_option() -> Option:
    """Return the answer that asks for the large model."""
    return Option(
        PAIR,
        "small + large",
        "A large model answers where this one is unsure: what is lost, and what does it cost? Type its name below.",
    )


def strategies() -> list[tuple[str, str]]:
    """Return each strategy with what the large model answers by it."""
    return [(name, _WORDS[name]) for name in STRATEGIES]


def said(choice: Choice, name: str) -> str:
    """Return what was said of `large`, `strategy` or `threshold`; "" for the large model where none was."""
    value = str(choice.more.get(name, SETTING[name].default))
    return "" if name == LARGE and value == NONE else value


def with_large(choice: Choice, large: str, strategy: str, threshold: str) -> Choice:
    """Return `choice` with a large model beside the chosen one. Both are evaluated without a base."""
    more = {LARGE: large.strip() or NONE, "strategy": strategy, "threshold": threshold.strip() or OWN}
    return replace(
        choice,
        backend=HYBRID.name,
        format=None,
        server=None,
        base=None,
        compare=False,
        decide_early=None,
        more={**choice.more, **more},
    )


def without_large(choice: Choice) -> Choice:
    """Return `choice` as it is where one model answers."""
    if not is_pair(choice):
        return choice
    return replace(choice, more={**choice.more, **{name: SETTING[name].default for name in _OF_PAIRS}})


def room_of(choice: Choice) -> str:
    """Find both models, and return one line on the memory that they take, "" where nothing is known.

    It may ask the hub: call it in a thread. Raises BenchtuiError for a model that is not there, a strategy or threshold
    that means nothing, and where both do not fit.
    """
    access = access_of(choice, HYBRID)
    pair = HYBRID.find(choice.outputs, choice.model, access)
    described = HYBRID.describe(pair.formats[0].location, access)
    return HYBRID.memory_note(described, access, choice.planned_device, choice.dtype, choice.max_length)
