"""Names the quantisation of a GGUF model as llama.cpp does (Q4_K_M)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchtui.models.gguf.header import GgufHeader
from benchtui.models.gguf.types import FILE_TYPES, TYPE_NAMES, WHOLE_NUMBERS


def quantization_of(headers: Sequence[GgufHeader]) -> str:
    """Return what the file says of itself (`general.file_type`), and the type of most of its weights where that
    contradicts it: a file that was made 16-bit again may still call itself Q4_1. "" where neither is known."""
    most = commonest_type(headers)
    declared = FILE_TYPES.get(headers[0].number("general.file_type") or 0, "") if headers and _declares(headers) else ""
    if not declared or ((declared in WHOLE_NUMBERS or most in WHOLE_NUMBERS) and declared != most):
        return most
    return declared


def commonest_type(headers: Sequence[GgufHeader]) -> str:
    """Return the type of most weights, of matrices where there are any; "" for one that is not known here."""
    counts: Counter[int] = Counter()
    for only_matrices in (True, False):
        for header in headers:
            for tensor in header.tensors.values():
                if len(tensor.shape) > 1 or not only_matrices:
                    counts[tensor.kind] += tensor.elements
        if counts:
            break
    return TYPE_NAMES.get(max(counts, key=lambda kind: counts[kind]), "") if counts else ""


def _declares(headers: Sequence[GgufHeader]) -> bool:
    return headers[0].number("general.file_type") is not None
