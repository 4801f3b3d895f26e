"""The names of what routes, and of the strategies made of it: what every command may read, so it imports nothing."""

from __future__ import annotations

from typing import Literal, get_args

SignalName = Literal["uncertainty", "entropy", "margin", "least-confidence", "logtoku", "logtoku-eu"]
"""What says how unsure a model is of the next token (benchtui/routing/signals.py): greater, less sure."""
DeferScore = Literal["margin", "confidence", "mean-logprob", "low-logprob"]
"""What says how unsure a model is of its answer to a document (benchtui/routing/signals.py): greater, less sure."""

StrategyName = Literal[
    "uncertainty", "entropy", "margin", "least-confidence", "logtoku", "logtoku-eu",
    "switch", "defer", "speculative", "small", "large",
]  # fmt: skip
"""The signals: the large model writes (or scores) the tokens of which the small one is unsure. `switch`: those at which
both are far apart. `defer`: the documents of which the small one is unsure. `speculative`: all, and the small one
drafts. `small`, `large`: one of them alone."""
STRATEGIES: tuple[StrategyName, ...] = get_args(StrategyName)
Drafts = int | Literal["auto"]
VERSION = "1"
"""Of what the strategies compute: part of a run's fingerprint, to be counted up where an answer could change."""

AUTO_THRESHOLDS = tuple(f"p{percent}" for percent in range(10, 100, 10))
"""The thresholds of a sweep for which none is named."""
OWN = "auto"
"""A setting that is left to the strategy."""

FIRST_DRAFT = 4
"""Tokens that are drafted at a time where nobody says otherwise."""
