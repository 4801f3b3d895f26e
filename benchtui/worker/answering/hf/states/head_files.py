"""The tensors of output heads on disk: in the safetensors files of models, and in files that hold a head alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from transformers.utils import cached_file

from benchtui.errors import BenchtuiError
from benchtui.files import open_regular_file, write_run_file
from benchtui.models.source import HuggingFaceSource
from benchtui.text import one_line

_WHOLE, _INDEX, _ADAPTER = "model.safetensors", "model.safetensors.index.json", "adapter_model.safetensors"
_OF_PEFT = "base_model.model."
"""What PEFT puts before the names of a model's own tensors, in the files of adapters."""


class ModelFiles:
    """The tensors of a model, by their names in its files; of an adapter's file those that replace the model's own.

    Raises BenchtuiError where there are no safetensors files, or they cannot be read.
    """

    def __init__(self, source: HuggingFaceSource) -> None:
        self.name = one_line(source.path, 300)
        self._places: dict[str, tuple[Path, str]] = {}
        self._add(self._files(source.path, source.revision), "")
        if source.adapter and source.adapter_on:
            adapter = _file(source.adapter, _ADAPTER, None)
            if adapter is not None:
                self._add([adapter], _OF_PEFT)

    def _files(self, path: str, revision: str | None) -> list[Path]:
        if (whole := _file(path, _WHOLE, revision)) is not None:
            return [whole]
        index = _file(path, _INDEX, revision)
        names = sorted(set(json.loads(index.read_bytes())["weight_map"].values())) if index is not None else []
        found = [_file(path, Path(str(name)).name, revision) for name in names]
        if not found or None in found:
            raise BenchtuiError(
                f"{self.name} has no safetensors files to read an output head from.",
                "Score the tokens again with --keep-heads.",
            )
        return [file for file in found if file is not None]

    def _add(self, files: list[Path], prefix: str) -> None:
        for file in files:
            with _opened(file) as tensors:
                own = (name for name in tensors.keys() if name.startswith(prefix))  # noqa: SIM118 - it is no mapping
                self._places |= {name.removeprefix(prefix): (file, name) for name in own}

    def find(self, name: str) -> str | None:
        """Return under which name the files have a tensor of the model: some were saved with a prefix, or without the
        model's own. None where there is none, or several might be meant."""
        if name in self._places:
            return name
        alike = [one for one in self._places if one.endswith(f".{name}") or name.endswith(f".{one}")]
        return alike[0] if len(alike) == 1 else None

    def read(self, name: str) -> torch.Tensor:
        """Read one tensor, by the name that `find` returned."""
        file, key = self._places[name]
        with _opened(file) as tensors:
            tensor: torch.Tensor = tensors.get_tensor(key)
        return tensor


def write_head(file: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, str]) -> None:
    """Write a head alone. Raises OSError."""
    on_processor = {name: tensor.detach().to("cpu").contiguous().clone() for name, tensor in tensors.items()}
    write_run_file(file, save(on_processor, dict(facts)))


def read_head(file: Path) -> tuple[dict[str, torch.Tensor], Mapping[str, str]]:
    """Return the tensors and the facts of a head that `write_head` wrote. Raises BenchtuiError where it cannot."""
    with _opened(file) as tensors:
        found = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118 - it is no mapping
        return found, tensors.metadata() or {}


def _file(place: str, name: str, revision: str | None) -> Path | None:
    try:
        found = cached_file(place, name, revision=revision, _raise_exceptions_for_missing_entries=False)
    except OSError as error:
        raise _unreadable(place, error) from None
    return None if found is None else Path(found)


def _opened(file: Path) -> Any:
    try:
        open_regular_file(file).close()
        return safe_open(file, "pt")
    except (OSError, SafetensorError) as error:
        raise _unreadable(str(file), error) from None


def _unreadable(place: str, error: Exception) -> BenchtuiError:
    return BenchtuiError(
        f"{one_line(place, 300)} cannot be read: {one_line(str(error), 200)}.",
        "Put the model's folder back, or score the tokens again with --keep-heads.",
    )
