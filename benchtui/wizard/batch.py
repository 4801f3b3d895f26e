"""How many sequences fit into memory at once, told before anything is loaded: the worker's own rule on the model's
config.json and on the memory that is free now."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

from benchtui.machine import free_gpu_memory, free_memory
from benchtui.models.describe import ModelDescription
from benchtui.worker.answering.hf.batch import LONGEST_PLANNED, MEMORY_SHARE, choose_batch, row_bytes

_WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class BatchAdvice:
    """`size` is advised, `fits` how many rows of full length memory holds; `why` one line without a full stop."""

    size: int
    fits: int
    device: str
    why: str


def advise_batch(model: ModelDescription, *, device: str = "auto", max_length: int | None = None) -> BatchAdvice:
    """For a model described but not loaded; `device` as in a Choice. Asks the GPU driver, which takes a moment."""
    gpu = free_gpu_memory() if device == "auto" or device.startswith("cuda") else None
    kind = "cpu" if gpu is None else "cuda"
    width = 4 if kind == "cpu" else _WIDTHS.get(model.dtype or "", 2)
    weights = (model.parameters or 0) * width or model.weight_bytes
    free = max((free_memory() if gpu is None else gpu) - weights, 0)
    shape = model.architecture
    config = SimpleNamespace(
        vocab_size=shape.vocab_size or 32_000,
        hidden_size=shape.hidden_size or 4096,
        num_hidden_layers=shape.layers or 32,
        num_attention_heads=shape.kv_heads or 32,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
    )
    length = max_length or shape.max_positions or LONGEST_PLANNED
    choice = choose_batch(config, device=kind, free=free, max_length=length, element_bytes=width)
    row = row_bytes(config, min(length, LONGEST_PLANNED), width)
    return BatchAdvice(choice.size, max(int(free * MEMORY_SHARE) // row, 0), kind, choice.why)
