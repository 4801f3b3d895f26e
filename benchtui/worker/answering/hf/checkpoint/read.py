"""Reads the tensors of a state dict: a safetensors file, or what `torch.save` wrote, with `weights_only`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from benchtui.errors import BenchtuiError
from benchtui.text import one_line

_PARTS = ("model", "state_dict", "model_state_dict", "module", "model_state", "weights")
"""Where trainers put the weights when a file holds more: torchtune, Lightning, plain PyTorch, DeepSpeed."""
_DEEPEST = 3
_REFUSED = re.compile(r"GLOBAL [\w.]+|Unsupported (global|class|operand)[^\n]*|Unsupported [^\n]*instruction[^\n]*")
"""What PyTorch's `weights_only` says of a pickle that would run code."""


def read_tensors(file: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Return the tensors of `file` by their names, most of them still on disk, and what is to be told of it.

    Nothing in a pickle is run: PyTorch's `weights_only` makes tensors and plain containers of it, and refuses anything
    else. Raises BenchtuiError naming the file where it is damaged, holds something else, or no weights.
    """
    if file.suffix == ".safetensors":
        return _safetensors(file), []
    content, notes = _pickled(file), list[str]()
    path: list[str] = []
    while not _is_state(content) and len(path) < _DEEPEST and (part := _part(content)):
        path.append(part)
        if others := [one_line(str(name), 40) for name in content if name != part]:
            notes.append(f"not used: {', '.join(others[:5])}{' …' if len(others) > 5 else ''}")
        content = content[part]
    if not _is_state(content):
        raise BenchtuiError(f"{_shown(file)} holds no state dict (a name for each tensor).", "Save model.state_dict().")
    if path:
        notes.insert(0, f"the weights are its part “{'.'.join(path)}”")
    if other := [name for name, value in content.items() if not isinstance(value, torch.Tensor)]:
        raise BenchtuiError(
            f"{_shown(file)}: {one_line(str(other[0]), 80)} is no tensor.", "Save model.state_dict(), and nothing else."
        )
    return {str(name): tensor.detach() for name, tensor in content.items()}, notes


def _part(content: Any) -> str:
    """Return the name of the part in which the weights are, "" where there is none."""
    if not isinstance(content, Mapping):
        return ""
    return next((name for name in _PARTS if isinstance(content.get(name), Mapping)), "")


def _is_state(content: Any) -> bool:
    return isinstance(content, Mapping) and any(isinstance(value, torch.Tensor) for value in content.values())


def _safetensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError) as error:
        raise _damaged(file, error) from None


def _pickled(file: Path) -> Any:
    try:
        try:
            return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError as error:
            if "mmap" not in str(error):
                raise
            return torch.load(file, map_location="cpu", weights_only=True)  # as PyTorch wrote files before 1.6
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - what is no pickle makes the unpickler fail in any way
        if refused := _REFUSED.search(str(error)):
            raise BenchtuiError(
                f"{_shown(file)} holds more than weights ({one_line(refused[0], 160)}): it is not read, since that "
                "would run code.",
                "Save model.state_dict(), best as safetensors.",
            ) from None
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> BenchtuiError:
    return BenchtuiError(
        f"{_shown(file)} cannot be read: {one_line(str(error), 200)}.",
        "Save or copy it again: it is damaged or cut short.",
    )


def _shown(file: Path) -> str:
    return one_line(str(file), 300)
