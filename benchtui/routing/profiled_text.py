"""A text that a small model wrote, or a small and a large one together, and how unsure the small one was of each token.

The names and the file are those of the seed of the idea (nano-vllm's ProfileResult), so that its scripts read them.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from benchtui.errors import UsageError
from benchtui.files import write_run_file
from benchtui.routing.names import SignalName
from benchtui.text import json_text, one_line

_LINE = 70
SHOWN = 10
"""How many of the tokens that the small model was least sure of are printed."""


class TokenProfile(msgspec.Struct, frozen=True):
    """One token: `signals` are how unsure the small model was before it, by the name of each (NaN where that is not
    known), `model_used` who wrote it."""

    token_id: int
    token_text: str
    position: int
    signals: Mapping[SignalName, float]
    model_used: Literal["slm", "llm"]

    @property
    def aleatoric_uncertainty(self) -> float:
        """What --strategy uncertainty goes by: entropy of the ten likeliest tokens, renormalised, by ln 10; 0 to 1.

        The seed has LogTokU's AU here, which hardly differs between tokens: it is `signals["logtoku"]`.
        """
        return self.signals["uncertainty"]

    @property
    def epistemic_uncertainty(self) -> float:
        """LogTokU's EU; NaN where a logit that it reads is not above 0, or no logits are to be had."""
        return self.signals["logtoku-eu"]

    @property
    def entropy(self) -> float:
        """Entropy of the distribution at temperature 1, in nats."""
        return self.signals["entropy"]


class ProfileResult(msgspec.Struct, frozen=True):
    """A text (`generated_text` begins with its prompt), its `tokens`, how it was written, and what that took."""

    generated_text: str
    tokens: tuple[TokenProfile, ...]
    strategy: str
    total_time: float
    stats: dict[str, Any]

    def analyze_distribution(self, metric: str = "uncertainty") -> dict[str, Any]:
        """Describe how a signal is distributed over the tokens: count, mean, std, min, max, median, percentiles
        ("top_30%": what 30 % of the tokens exceed) and the tenth with the greatest values.

        `metric` is any signal: uncertainty, entropy, margin, least-confidence, logtoku, logtoku-eu. Raises UsageError
        for another, and where it is known of no token.
        """
        from benchtui.routing.distribution import distribution
        from benchtui.routing.signals import SIGNALS

        if metric not in SIGNALS:
            raise UsageError(f"There is no signal {one_line(metric, 40)!r}.", f"There are {', '.join(SIGNALS)}.")
        found = distribution([token.signals[metric] for token in self.tokens])
        if found is None:
            raise UsageError(f"{metric} is known of no token of this text.", "Choose another signal, such as margin.")
        return {"metric": metric, **msgspec.to_builtins(found)}

    def print_summary(self) -> None:
        """Print what the text took, how unsure the small model was, and of which tokens most."""
        sys.stdout.write("\n".join([*self._head(), *self._signals(), *self._least_sure(), "=" * _LINE, ""]))

    def save_to_file(self, path: str | Path) -> None:
        """Write everything as JSON, in the seed's form; null where a number is not known. Raises OSError."""
        tokens = [
            {
                "token_id": token.token_id,
                "token_text": token.token_text,
                "position": token.position,
                "aleatoric_uncertainty": _known(token.aleatoric_uncertainty),
                "epistemic_uncertainty": _known(token.epistemic_uncertainty),
                "entropy": _known(token.entropy),
                "model_used": token.model_used,
            }
            for token in self.tokens
        ]
        record = {
            "generated_text": self.generated_text,
            "strategy": self.strategy,
            "total_time": self.total_time,
            "stats": self.stats,
            "tokens": tokens,
        }
        write_run_file(Path(path), json_text(record))

    def _head(self) -> list[str]:
        count, small = len(self.tokens), sum(token.model_used == "slm" for token in self.tokens)
        routing = "by the small model alone"
        if self.stats.get("enable_routing"):
            routing = f"by {self.strategy}, threshold {self.stats.get('threshold')}"
        by = f"small model {small} tokens, large model {count - small}" if count else "no tokens"
        return [
            "=" * _LINE,
            f"Profile: {count} tokens {routing}",
            "=" * _LINE,
            f"{count} tokens in {self.total_time:.2f} s ({count / max(self.total_time, 1e-9):.1f} a second): {by}",
        ]

    def _signals(self) -> list[str]:
        lines: list[str] = []
        for metric in ("uncertainty", "entropy"):
            if not self.tokens:
                continue
            found = self.analyze_distribution(metric)
            top = found["top_10_percent"]
            from_to = f"from {found['min']:.4f} to {found['max']:.4f}"
            lines += [
                "",
                f"{metric}: {found['count']} values",
                f"  mean {found['mean']:.4f}, std {found['std']:.4f}, median {found['median']:.4f}, {from_to}",
                f"  the tenth with the greatest: mean {top['mean']:.4f}, from {top['min']:.4f} to {top['max']:.4f}",
                "  exceeded by that share of the tokens (threshold for it to go to the large model):",
                "  " + "  ".join(f"{name}: {value:.4f}" for name, value in list(found["percentiles"].items())[:5]),
                "  " + "  ".join(f"{name}: {value:.4f}" for name, value in list(found["percentiles"].items())[5:]),
            ]
        return lines

    def _least_sure(self) -> list[str]:
        ordered = sorted(self.tokens, key=lambda token: -token.entropy)[:SHOWN]
        lines = ["", "least sure of (by entropy):"] if ordered else []
        return lines + [
            f"  {token.position:4d}  {one_line(repr(token.token_text), 24):24s}  uncertainty "
            f"{token.aleatoric_uncertainty:.4f}  entropy {token.entropy:.4f}  {token.model_used}"
            for token in ordered
        ]


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
