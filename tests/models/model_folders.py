"""Model folders as training tools leave them, with real safetensors files of a few numbers."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 512,
    "vocab_size": 512,
    "dtype": "float16",
}


def write_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def weights(path: Path, *, numbers: int = 64, dtype: str = "float16") -> Path:
    """A safetensors file of two tensors whose names say nothing."""
    return save(path, {"a": np.zeros(numbers, dtype), "b": np.ones((2, 4), dtype)})


def save(path: Path, tensors: dict[str, np.ndarray[Any, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"format": "pt"})
    return path


def llama_tensors(*, layers: int = 2, dtype: str = "float16") -> dict[str, np.ndarray[Any, Any]]:
    """The names of a Llama with tied embeddings: 512 tokens, 64 wide, of every layer two tensors."""
    found = {"model.embed_tokens.weight": np.ones((512, 64), dtype), "model.norm.weight": np.ones(64, dtype)}
    for number in range(layers):
        found[f"model.layers.{number}.input_layernorm.weight"] = np.ones(64, dtype)
        found[f"model.layers.{number}.self_attn.q_proj.weight"] = np.ones((64, 64), dtype)
    return found


LLAMA_NUMBERS = 512 * 64 + 64 + 2 * (64 + 64 * 64)
"""How many numbers llama_tensors() holds."""


def full_model(folder: Path, *, tokenizer: bool = True, **config: Any) -> Path:
    write_json(folder / "config.json", LLAMA | config)
    save(folder / "model.safetensors", llama_tensors())
    if tokenizer:
        write_json(folder / "tokenizer.json", {"version": "1.0"})
    return folder


def sharded_model(folder: Path, shards: int = 3) -> Path:
    full_model(folder)
    (folder / "model.safetensors").unlink()
    names = [f"model-{number:05}-of-{shards:05}.safetensors" for number in range(1, shards + 1)]
    parts = [dict(list(llama_tensors().items())[number::shards]) for number in range(shards)]
    for name, part in zip(names, parts, strict=True):
        save(folder / name, part)
    weight_map = {tensor: name for name, part in zip(names, parts, strict=True) for tensor in part}
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    return folder


def adapter(folder: Path, base: str | None = "meta/Base-1B") -> Path:
    write_json(folder / "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": base, "r": 8})
    save(folder / "adapter_model.safetensors", lora_tensors())
    return folder


def lora_tensors(*, layers: int = 2, width: int = 64, rank: int = 8) -> dict[str, np.ndarray[Any, Any]]:
    """A LoRA of q_proj as PEFT names it."""
    places = [f"base_model.model.model.layers.{number}.self_attn.q_proj" for number in range(layers)]
    first = {f"{place}.lora_A.weight": np.ones((rank, width), "float16") for place in places}
    return first | {f"{place}.lora_B.weight": np.ones((width, rank), "float16") for place in places}


def gguf(path: Path, size: int = 192) -> Path:
    """A GGUF file of `size` bytes: one tensor of bytes, all ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + _text("general.name") + struct.pack("<I", 8) + _text("m")
    header += _text("t")
    start = -(-(len(header) + 24) // 32) * 32
    header += struct.pack("<IQIQ", 1, size - start, 24, 0)
    path.write_bytes(header + bytes(start - len(header)) + b"\1" * (size - start))
    return path


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def cut(path: Path, by: int = 10) -> Path:
    os.truncate(path, path.stat().st_size - by)
    return path
