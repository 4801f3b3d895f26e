"""Models that a server has: how they are described, and where their results go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from benchtui.models.describe import ModelDescription
from benchtui.models.discovery import absolute
from benchtui.models.layout import ModelFormat, TrainedModel

_UNSAFE = re.compile(r"[^\w.+-]", re.ASCII)


@dataclass(frozen=True)
class ServedDescription(ModelDescription):
    """A model that a server has loaded or can load; `name` is its name there, the rest is that of a `ServedSource`.
    `no_gguf` says why its file cannot be opened here, where a server's product has one."""

    server: str = ""
    product: str = "openai"
    gguf: str | None = None
    quantization: str = ""
    no_gguf: str = ""


def served_model(
    name: str, outputs: Path, *, size: int = 0, quantization: str = "", modified: float = 0.0, problem: str = ""
) -> TrainedModel:
    """Return the model that a server calls `name`; its results go to a folder of `outputs`, named after it.

    `size` is in bytes, `modified` in seconds since the epoch; `problem` says why it cannot be used.
    """
    path = absolute(outputs) / folder_name(name)
    form = ModelFormat(
        "served", path, size, problem, modified=modified, name=name, served_name=name, quantization=quantization
    )
    return TrainedModel(name, path, (form,), modified=modified)


def folder_name(name: str) -> str:
    """Return the name of the folder for results of a served model: `hf.co/org/m:Q4_K_M` is `hf.co--org--m-Q4_K_M`."""
    return _UNSAFE.sub("-", name.strip().replace("/", "--")).strip(".") or "model"
