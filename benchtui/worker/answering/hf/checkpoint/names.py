"""Finds which tensor of a state dict is which of the model's, and accounts for every one of both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from benchtui.errors import BenchtuiError
from benchtui.models.weights.full_check import BUFFER
from benchtui.text import one_line
from benchtui.worker.answering.hf.checkpoint.pieces import Piece
from benchtui.worker.answering.hf.checkpoint.torchtune import is_meta, is_torchtune, translated

_WRAPPER = re.compile(
    r"(^|(?<=\.))(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module)\."
)
_ADAPTER = re.compile(r"(^|\.)(lora_[abAB]|lora_embedding_[AB]|magnitude|lora_magnitude_vector)(\.|$)")
_NAMED = 2
"""How many tensors a message names of each kind."""


@dataclass(frozen=True)
class Architecture:
    """What a model of this configuration holds: `shapes` by name, `tied` the groups of names that are one tensor.

    `prefix` is what transformers puts before all but the head; `heads` and `kv_heads` count those of the attention.
    """

    shapes: Mapping[str, tuple[int, ...]]
    tied: Sequence[frozenset[str]]
    model_type: str
    prefix: str
    heads: int
    kv_heads: int


def find_pieces(names: Iterable[str], model: Architecture) -> tuple[list[Piece], list[str]]:
    """Return which tensors of the file are which of the model, and what was done to their names, in words.

    Raises BenchtuiError for an adapter's matrices, and for names that nothing is known of.
    """
    bare = {name: _WRAPPER.sub("", name) for name in names if not BUFFER.search(name)}
    adapters = [name for name in bare if _ADAPTER.search(name)]
    if adapters:
        raise BenchtuiError(
            f"The file holds the matrices of an adapter ({one_line(adapters[0], 120)}), not merged weights.",
            "Merge the adapter before saving, or give its folder (with adapter_config.json) with --model.",
        )
    notes = [f"“{word}.” removed from {count} names" for word, count in _wrappers(bare).items()]
    if is_torchtune(bare.values()) or is_meta(bare.values()):
        whose = "Meta" if is_meta(bare.values()) else "torchtune"
        by_bare = _unique({inner: name for name, inner in bare.items()}, bare)
        return translated(by_bare, model.model_type, model.heads, model.kv_heads), [
            *notes, f"{whose}'s names and order of the attention's rows were changed into transformers'",
        ]  # fmt: skip
    start, added = _best(list(bare.values()), model)
    pieces = [Piece(_renamed(inner, start, added, model), name) for name, inner in bare.items()]
    if start:
        notes.append(f"“{start}” removed from the front of all names")
    if added:
        notes.append(f"“{added}” put before the names")
    return pieces, notes


def account(
    pieces: Sequence[Piece], tensors: Mapping[str, torch.Tensor], model: Architecture, what: str
) -> list[Piece]:
    """Return the pieces to be written: one for each tensor of the model, once where several names are one tensor.

    Raises BenchtuiError naming what is missing, has no place in the model, or has another shape; `what` says in words
    which file and which model.
    """
    found = {piece.name: piece for piece in pieces}
    problems = []
    if len(found) < len(pieces):
        twice = [name for name, times in Counter(piece.name for piece in pieces).items() if times > 1]
        problems.append(f"{_some(twice)} there twice")
    groups = [*model.tied, *(frozenset({name}) for name in model.shapes if not any(name in one for one in model.tied))]
    missing = [min(group, key=list(model.shapes).index) for group in groups if not group & found.keys()]
    if missing:
        problems.append(f"{_some(missing)} missing")
    if strange := [piece.source for piece in pieces if piece.name not in model.shapes]:
        problems.append(f"{_some(strange)} in no such model")
    problems += _shapes(pieces, tensors, model)
    if not problems:
        problems += _untied(found, tensors, model)
    if problems:
        raise BenchtuiError(
            f"{what}: {'; '.join(problems)}.",
            "Name the model that it was trained from with --base-model, or give a folder with its own config.json.",
        )
    return [next(found[name] for name in model.shapes if name in group & found.keys()) for group in groups]


def _shapes(pieces: Sequence[Piece], tensors: Mapping[str, torch.Tensor], model: Architecture) -> list[str]:
    for piece in pieces:
        tensor, wanted = tensors[piece.source], model.shapes.get(piece.name)
        if wanted is not None and tuple(tensor.shape) != wanted:
            return [f"{one_line(piece.source, 120)} is {_size(tensor.shape)}, in the model {_size(wanted)}"]
        if wanted is not None and not tensor.is_floating_point():
            return [f"{one_line(piece.source, 120)} is stored as {tensor.dtype}: quantised weights are not read"]
    return []


def _untied(found: Mapping[str, Piece], tensors: Mapping[str, torch.Tensor], model: Architecture) -> list[str]:
    """Say where the model has one tensor and the file several different ones."""
    for group in model.tied:
        there = [found[name] for name in model.shapes if name in group and name in found]
        for other in there[1:]:
            if not torch.equal(tensors[there[0].source], tensors[other.source]):
                one, two = one_line(there[0].source, 80), one_line(other.source, 80)
                return [f"{one} and {two} differ, and are one tensor in the model (tie_word_embeddings)"]
    return []


def _best(names: Sequence[str], model: Architecture) -> tuple[str, str]:
    """Return what to remove from the front of all names, and what to put before them, so that most of them are the
    model's."""
    starts = [""]
    first = min(names, default="").split(".")
    for count in range(1, len(first)):
        start = ".".join(first[:count]) + "."
        if all(name.startswith(start) for name in names):
            starts.append(start)
    choices = [(start, added) for start in starts for added in ("", f"{model.prefix}." if model.prefix else "")]

    def fitting(choice: tuple[str, str]) -> int:
        return sum(_renamed(name, choice[0], choice[1], model) in model.shapes for name in names)

    return max(choices, key=fitting)


def _renamed(name: str, start: str, added: str, model: Architecture) -> str:
    inner = name.removeprefix(start)
    return added + inner if added + inner in model.shapes else inner


def _unique(by_bare: dict[str, str], bare: Mapping[str, str]) -> dict[str, str]:
    if len(by_bare) < len(bare):
        twice = next(name for name, times in Counter(bare.values()).items() if times > 1)
        raise BenchtuiError(
            f"The file holds {one_line(twice, 120)} twice, wrapped and not.", "Save the model unwrapped."
        )
    return by_bare


def _wrappers(bare: Mapping[str, str]) -> Counter[str]:
    return Counter(match[2] for name in bare for match in _WRAPPER.finditer(name))


def _some(names: Sequence[str]) -> str:
    listed = ", ".join(one_line(name, 120) for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{listed}{more} {'is' if len(names) == 1 else 'are'}"


def _size(shape: Sequence[int]) -> str:
    return " × ".join(f"{length:,}" for length in shape) or "one number"
