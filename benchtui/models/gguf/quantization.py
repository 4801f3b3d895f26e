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


def bits_per_weight(headers: Sequence[GgufHeader]) -> float | None:
    """Return how many bits of the tensors there are for each weight; None for a type that is not known here."""
    tensors = [tensor for header in headers for tensor in header.tensors.values()]
    weights = sum(tensor.elements for tensor in tensors)
    if not weights or any(tensor.kind not in TYPE_NAMES for tensor in tensors):
        return None
    return 8 * sum(tensor.bytes for tensor in tensors) / weights


def why_quantized(headers: Sequence[GgufHeader]) -> str:
    """Return which of a model's matrices have fewer than 16 bits a weight, worded to follow its name; "" where none
    has. Only the tensors count: neither the file's name nor what it says of itself."""
    matrices = [tensor for header in headers for tensor in header.tensors.values() if len(tensor.shape) > 1]
    kinds = Counter(TYPE_NAMES.get(tensor.kind, f"type {tensor.kind}") for tensor in matrices)
    narrow = {kind: count for kind, count in kinds.items() if kind not in WHOLE_NUMBERS}
    if not narrow:
        return "" if matrices else "has no matrices"
    named = " and ".join(f"{count} are {kind}" for kind, count in sorted(narrow.items()))
    return f"is quantised: of its {len(matrices)} matrices {named}"


def unlike_shape(headers: Sequence[GgufHeader], others: Sequence[GgufHeader]) -> str:
    """Return the name of a tensor that two models do not have in the same shape, so that neither can be a quantisation
    of the other; "" where there is none. The output layer may be left out, where it is the embedding's."""
    first, second = (
        {name: tensor.shape for header in each for name, tensor in header.tensors.items()} for each in (headers, others)
    )
    for name in sorted({*first, *second}):
        shapes = first.get(name), second.get(name)
        if shapes[0] != shapes[1] and not (name == "output.weight" and None in shapes):
            return name
    return ""


def _declares(headers: Sequence[GgufHeader]) -> bool:
    return headers[0].number("general.file_type") is not None
