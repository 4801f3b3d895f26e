"""Model folders as training tools leave them, with real safetensors files of a few numbers."""

from __future__ import annotations

import json
import os
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
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"a": np.zeros(numbers, dtype), "b": np.ones((2, 4), dtype)}, path, metadata={"format": "pt"})
    return path


def full_model(folder: Path, *, tokenizer: bool = True, **config: Any) -> Path:
    write_json(folder / "config.json", LLAMA | config)
    weights(folder / "model.safetensors")
    if tokenizer:
        write_json(folder / "tokenizer.json", {"version": "1.0"})
    return folder


def sharded_model(folder: Path, shards: int = 3) -> Path:
    full_model(folder)
    (folder / "model.safetensors").unlink()
    names = [f"model-{number:05}-of-{shards:05}.safetensors" for number in range(1, shards + 1)]
    for name in names:
        weights(folder / name)
    index = {"metadata": {}, "weight_map": {f"layer.{i}": name for i, name in enumerate(names)}}
    write_json(folder / "model.safetensors.index.json", index)
    return folder


def adapter(folder: Path, base: str | None = "meta/Base-1B") -> Path:
    write_json(folder / "adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": base, "r": 8})
    weights(folder / "adapter_model.safetensors", numbers=8)
    return folder


def gguf(path: Path, size: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" + bytes(size - 4))
    return path


def cut(path: Path, by: int = 10) -> Path:
    os.truncate(path, path.stat().st_size - by)
    return path
