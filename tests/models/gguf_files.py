"""Small GGUF files, written by the package that llama.cpp's own converters use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf
import numpy as np

TOKENS = ("<unk>", "<s>", "</s>", "a", "b", "c", "d", "e")
TEMPLATE = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"

Tensors = Mapping[str, np.ndarray[Any, Any]]


def tensors(kind: str = "float32", *, layers: int = 3, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Matrices as a small model has them, 32 numbers wide."""
    numbers = np.random.default_rng(seed)
    names = ["token_embd.weight", *(f"blk.{layer}.attn_{part}.weight" for layer in range(layers) for part in "qkv")]
    return {name: numbers.standard_normal((8, 32)).astype(kind) for name in names}


def write_gguf(
    path: Path,
    content: Tensors | None = None,
    *,
    template: str | None = TEMPLATE,
    quantize: str | None = None,
    more: Mapping[str, Any] | None = None,
    file_type: int | None = 0,
    tokenizer: str = "llama",
    pre: str | None = None,
) -> Path:
    """Write a model: `quantize` is ggml's name of the type of its matrices, `more` further metadata (texts, whole
    numbers, flags)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    if file_type is not None:
        writer.add_file_type(file_type)
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_block_count(3)
    writer.add_head_count(4)
    writer.add_head_count_kv([1, 2, 2])
    writer.add_tokenizer_model(tokenizer)
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(list(TOKENS))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    if template is not None:
        writer.add_chat_template(template)
    for key, value in (more or {}).items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint16(key, value) if key in ("split.no", "split.count") else writer.add_int32(key, value)
        else:
            writer.add_string(key, value)
    _add(writer, tensors() if content is None else content, quantize)
    return _written(writer, path)


def write_parts(folder: Path, stem: str = "m", *, parts: int = 3, quantize: str | None = None) -> list[Path]:
    """Write the model of `write_gguf` in parts, as `gguf-split` does: the metadata is in the first."""
    every = list(tensors().items())
    share = -(-len(every) // parts)
    paths = [folder / f"{stem}-{number:05}-of-{parts:05}.gguf" for number in range(1, parts + 1)]
    for number, path in enumerate(paths):
        split = {"split.no": number, "split.count": parts, "split.tensors.count": len(every)}
        own = dict(every[number * share : (number + 1) * share])
        if number == 0:
            write_gguf(path, own, quantize=quantize, more=split)
            continue
        writer = gguf.GGUFWriter(path, "llama")
        for key, value in split.items():
            writer.add_int32(key, value) if key == "split.tensors.count" else writer.add_uint16(key, value)
        _add(writer, own, quantize)
        _written(writer, path)
    return paths


def _add(writer: gguf.GGUFWriter, content: Tensors, quantize: str | None) -> None:
    for name, numbers in content.items():
        if quantize is None:
            writer.add_tensor(name, numbers)
        else:
            kind = gguf.GGMLQuantizationType[quantize]
            writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)


def _written(writer: gguf.GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def join(paths: Sequence[Path], target: Path) -> Path:
    """What `cat` makes of the files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"".join(path.read_bytes() for path in paths))
    return target
