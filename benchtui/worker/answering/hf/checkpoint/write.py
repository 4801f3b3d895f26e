"""Writes a safetensors file one tensor at a time: no more memory than the largest of them takes.

The format: eight bytes with the little-endian header length, the header as JSON, then the tensors in its order
(https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from benchtui.worker.answering.hf.checkpoint.pieces import Piece
from benchtui.worker.answering.hf.checkpoint.torchtune import in_halves

_DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64"}


def bytes_of(pieces: Sequence[Piece], tensors: Mapping[str, torch.Tensor]) -> int:
    """Return how many bytes the tensors of `pieces` take."""
    return sum(tensors[piece.source].numel() * tensors[piece.source].element_size() for piece in pieces)


def is_storable(tensor: torch.Tensor) -> bool:
    """Return whether a tensor of this precision can be written."""
    return tensor.dtype in _DTYPES


def write_tensors(
    path: Path, pieces: Sequence[Piece], tensors: Mapping[str, torch.Tensor], written: Callable[[int], None]
) -> None:
    """Write the tensors of `pieces` by their names in the model, in the precision in which they are stored; `written`
    is told after each how many bytes there are. Raises OSError, as of a full disk."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for piece in pieces:
        tensor = tensors[piece.source]
        start, end = end, end + tensor.numel() * tensor.element_size()
        entry = {"dtype": _DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
        header[piece.name] = entry
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    with path.open("xb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        done = 0
        for piece in pieces:
            tensor = tensors[piece.source]
            moved = in_halves(tensor, piece.heads) if piece.heads else tensor
            data = moved.contiguous().reshape(-1).view(torch.uint8).numpy()
            file.write(data.data)
            done += data.nbytes
            written(done)
        file.flush()
        os.fsync(file.fileno())
