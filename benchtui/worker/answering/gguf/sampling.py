"""Generation settings of a task, and the next token by them, as transformers reads and computes them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lm_eval.models.utils import normalize_gen_kwargs
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.gguf.logits import Logits, checked_best
from benchtui.worker.answering.protocol import TOP_K

_READ_ELSEWHERE = frozenset({"until", "max_gen_toks", "do_sample"})


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: the likeliest where `temperature` is None, else drawn.

    `top_k` 0, `top_p` 1, `min_p` 0 and `repetition_penalty` 1 change nothing.
    """

    temperature: float | None = None
    top_k: int = TOP_K
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Sampling:
        """Read a request's `gen_kwargs`. Raises BenchtuiError for a setting that is not known here, or not possible."""
        kwargs = {
            name: value
            for name, value in normalize_gen_kwargs(dict(settings)).items()
            if value is not None or name == "do_sample"
        }
        drawn = bool(kwargs.get("do_sample"))
        unknown = kwargs.keys() - _READ_ELSEWHERE - cls.__dataclass_fields__.keys()
        if unknown:
            raise BenchtuiError(
                f"The gguf backend does not know the generation setting {one_line(', '.join(sorted(unknown)), 200)}.",
                f"Use {', '.join(cls.__dataclass_fields__)}, or another backend.",
            )
        temperature = float(kwargs.get("temperature", 1.0)) if drawn else None
        if temperature is not None and temperature <= 0:
            raise BenchtuiError(
                "A temperature of 0 with do_sample is no distribution to draw from.",
                "Set do_sample=false in --gen-kwargs, or a temperature above 0.",
            )
        return cls(
            temperature,
            int(kwargs.get("top_k", TOP_K)),
            float(kwargs.get("top_p", 1.0)),
            float(kwargs.get("min_p", 0.0)),
            float(kwargs.get("repetition_penalty", 1.0)),
        )

    def choose(self, logits: Logits, history: Sequence[int], chance: random.Random) -> int:
        """Return the next token from its logits [vocabulary], after the tokens of `history`.

        Raises NotANumberError where the logits are NaN, or nothing but -infinity.
        """
        best = int(checked_best(logits[None])[0])
        if self.repetition_penalty != 1:
            logits = _less_repeated(logits, history, self.repetition_penalty)
            best = int(logits.argmax())
        if self.temperature is None:
            return best
        scores = self._kept(logits.astype(np.float32) / np.float32(self.temperature))
        # Inverse transform sampling, in the precision and order of the hf backend's.
        cumulated = _softmax(scores).astype(np.float64).cumsum()
        return int(np.searchsorted(cumulated, chance.random() * cumulated[-1], side="right"))

    def _kept(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rule out what `top_k`, `top_p` and `min_p` leave away, one after the other."""
        if 0 < self.top_k < len(scores):
            least = np.partition(scores, -self.top_k)[-self.top_k]
            scores = np.where(scores < least, -np.inf, scores)
        if self.top_p < 1:
            order = np.argsort(scores, kind="stable")
            below = _softmax(scores[order]).cumsum() <= 1 - self.top_p
            below[-1] = False
            scores = scores.copy()
            scores[order[below]] = -np.inf
        if self.min_p > 0:
            chances = _softmax(scores)
            scores = np.where(chances < self.min_p * chances.max(), -np.inf, scores)
        return scores.astype(np.float32)


def _less_repeated(logits: Logits, history: Sequence[int], penalty: float) -> Logits:
    """Logits of tokens that occurred, divided by the penalty where they are positive, else multiplied (Keskar et al.
    2019, "CTRL", section 4.1)."""
    changed = logits.copy()
    seen = np.unique(np.asarray(history, dtype=np.int64))
    values = changed[seen]
    changed[seen] = np.where(values < 0, values * np.float32(penalty), values / np.float32(penalty))
    return changed


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    exponentials: NDArray[np.float32] = np.exp(scores - scores.max())
    exponentials /= exponentials.sum()
    return exponentials
