"""What the arrays of a store must be like: a store may come from anybody, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.records import TOP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchtui.tokens.records import TokenDocument

_LARGEST_ID = 2**63 - 1
_ROUNDING = 0.01
"""How far above 0 a log-probability may be, as some server rounds it, and below it what is never negative."""


@dataclass(frozen=True)
class Layout:
    """The kind of an array's numbers (numpy's letters), how many columns its rows have (None: each is one number; 0:
    any), and what its numbers lie between; `unknown` says that NaN may be among them."""

    kinds: str
    columns: int | None = None
    least: float = -inf
    most: float = inf
    unknown: bool = False
    checked: bool = True

    def misfit(self, array: NDArray[Any]) -> str:
        """Return in words what is wrong with an array; "" where it fits."""
        if array.dtype.kind not in self.kinds:
            return f"holds numbers of the kind {array.dtype}"
        if array.ndim != (1 if self.columns is None else 2) or (self.columns and array.shape[1] != self.columns):
            return f"has the shape {array.shape}"
        if not self.checked or array.size == 0:
            return ""
        with np.errstate(invalid="ignore"):
            fits = (array >= self.least) & (array <= self.most)
        if self.unknown:
            fits |= np.isnan(array)
        return "" if fits.all() else f"holds {array[~fits][0]}"


_SPAN = Layout("i", least=0)
_DIVERGENCE = Layout("f", least=-_ROUNDING, unknown=True)
_IDS, _LOGPROBS = Layout("i", 0, least=-1), Layout("f", 0, most=_ROUNDING)
LAYOUTS: Mapping[str, Layout] = {
    **dict.fromkeys(("ids", "starts", "ends", "lengths", "shards"), _SPAN),
    **{name: Layout("i", least=1) for name in ("first", "answer")},
    "logprob": Layout("f", most=_ROUNDING, unknown=True),
    "entropy": Layout("f", least=-_ROUNDING, most=float(np.finfo(np.float32).max), unknown=True),
    "rank": Layout("i", least=0),
    "top_ids": Layout("i", TOP, least=-1),
    "top_logprobs": Layout("f", TOP, most=_ROUNDING),
    "logsumexp": Layout("f", unknown=True),
    **dict.fromkeys(("kl", "kl_reverse", "js", "tv"), _DIVERGENCE),
    "shift": Layout("i", least=1),
    "likeliest_ids": _IDS,
    "likeliest_logprobs": _LOGPROBS,
    "logprobs": Layout("f", 0, checked=False),
    "hidden": Layout("fu", 0, checked=False),
    "data": Layout("u"),
    "special": Layout("u"),
}
"""By the name of an array: `ends` are those of texts and of vocabularies."""


def texts_fit(documents: Sequence[TokenDocument], arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether the arrays of a text set fit its documents and each other."""
    lengths, shards, starts, ends = (arrays[name] for name in ("lengths", "shards", "starts", "ends"))
    if not all(-1 <= document.doc_id <= _LARGEST_ID for document in documents):
        return False
    if not len(documents) == len(lengths) == len(arrays["first"]) == len(arrays["answer"]):
        return False
    if not int(lengths.sum(dtype=np.int64)) == len(arrays["ids"]) == len(starts) == len(ends):
        return False
    if len(shards) < 2 or shards[0] != 0 or shards[-1] != len(documents) or (np.diff(shards) < 0).any():
        return False
    characters = np.repeat([len(document.text) for document in documents], lengths)
    fits = (starts <= ends) & (ends <= characters)
    return bool(fits.all() and (arrays["first"] <= arrays["answer"]).all() and _within(arrays["answer"], lengths))


def _within(answer: NDArray[Any], lengths: NDArray[Any]) -> bool:
    return bool((answer <= np.maximum(lengths, 1)).all())
