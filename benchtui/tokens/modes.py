"""The words that say how models are compared token by token and what is kept: for whoever needs no array."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from types import MappingProxyType
from typing import Literal

REFERENCE = "reference"
"""Who wrote the right answers of a task (`TokenDocument.written_by`)."""
Mode = Literal["given", "own"]
"""given: every model reads the same texts. own: each model writes its own, so that nothing is compared by position."""
Keep = Literal["hidden", "full", "topk", "scalars"]
"""What is stored of each position beside its numbers: what the output head reads; log-probabilities of the whole
vocabulary; of the likeliest tokens; nothing."""
Bound = Literal["exact", "lower"]
"""lower: computed from the likeliest tokens of both models and one rest each, so the true value may be greater."""
Change = Literal["fixed", "broken", "same", ""]
"""Which side a document changed to from the first run to the second; "" where nothing was compared."""
DivergenceKind = Literal["js", "kl", "kl-reverse", "tv"]
"""js: Jensen-Shannon, 0 to ln 2 (not its square root). kl: KL(first‖second). kl-reverse: KL(second‖first). tv: total
variation, half of the sum of absolute differences, 0 to 1."""
GREATEST: Mapping[DivergenceKind, float] = MappingProxyType({"js": log(2), "tv": 1.0})
"""What a divergence is never above; those that are not named have no upper end."""
