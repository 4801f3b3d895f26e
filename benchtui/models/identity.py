"""Computes a digest that shows whether a local model is still the same one, without reading gigabytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchtui.models.layout import TOKENIZER_FILES
from benchtui.models.reading import Unreadable, open_regular
from benchtui.models.tokenizer.chat_template import MORE_TEMPLATES
from benchtui.models.weights.safetensors import Header

_CONTENT = TOKENIZER_FILES | {
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "model.safetensors.index.json",
}
SMALL_WEIGHTS = 64 * 1024 * 1024
_MAX_CONTENT = 256 * 1024 * 1024
_SPREAD_BLOCKS, _SPREAD_BYTES = 32, 64 * 1024
_TENSOR_BYTES = 4096
_SAMPLED = 2 * 1024 * 1024
"""At most so many bytes of one file are read for the blocks of its tensors, and as many for blocks spread over it."""
_MANY_TENSORS = 10_000


def content_files(folder: Path) -> list[Path]:
    """Return the files of `folder` besides the weights that can change a score: configuration, tokenizer, code."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name in _CONTENT or entry.name.endswith(".py")]
    except OSError:
        return []
    return [*(folder / name for name in sorted(names)), *sorted((folder / MORE_TEMPLATES).glob("*.jinja"))]


def local_identity(content: Iterable[Path], weights: Mapping[Path, Header | None], *, whole: bool = False) -> str:
    """Compute the digest over names and content of `content`, then of the weights; modification times do not count.

    `sha256:…` covers every byte: used where the weights are below SMALL_WEIGHTS, and with `whole`. Otherwise
    `sampled:…` covers of each weight file its size, its header, blocks at the start, middle and end of every tensor,
    and blocks spread over the file. A copied or touched model keeps its identity; training or merging it again changes
    it. A change of a few numbers between the blocks is only noticed with `whole`. Raises Unreadable when a file
    disappears or cannot be read.
    """
    digest = hashlib.sha256()
    for path in content:
        _add(digest, path.name.encode("utf-8", "surrogateescape"))
        _add_file(digest, path)
    whole = whole or sum(path.stat().st_size for path in weights) < SMALL_WEIGHTS
    for path, header in weights.items():
        _add(digest, path.name.encode("utf-8", "surrogateescape"))
        if whole:
            _add_file(digest, path, limit=None)
        else:
            add_samples(digest, path, header)
    return f"{'sha256' if whole else 'sampled'}:{digest.hexdigest()}"


def file_identity(path: Path) -> str:
    """Compute the digest of one file: SHA-256 of all of it, or for a very large one of its size and of samples."""
    size = path.stat().st_size
    if size <= _MAX_CONTENT:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    add_samples(digest, path, None)
    return f"sampled:{digest.hexdigest()}"


def sampled_places(header: Header | None, size: int) -> list[tuple[int, int]]:
    """Return where in a file of `size` bytes blocks are read, and how many bytes of each: always the same places."""
    step = max(size - _SPREAD_BYTES, 0) / (_SPREAD_BLOCKS - 1)
    places = [(int(step * number), _SPREAD_BYTES) for number in range(_SPREAD_BLOCKS)]
    if header is None or not header.tensors:
        return places
    parts = (0.0, 0.5, 1.0) if len(header.tensors) <= _MANY_TENSORS else (0.5,)
    block = max(min(_SAMPLED // (len(parts) * len(header.tensors)), _TENSOR_BYTES), 16)
    for tensor in header.tensors.values():
        start, end = (len(header.raw) + offset for offset in tensor.data_offsets)
        room = max(end - start - block, 0)
        places += [(start + int(room * part), min(block, end - start)) for part in parts]
    return sorted(set(places))


def _add(digest: hashlib._Hash, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))  # so that no two lists of pieces run together alike
    digest.update(data)


def add_samples(digest: hashlib._Hash, path: Path, header: Header | None) -> None:
    """Add the size of a weight file, its header, and blocks of it, to `digest`. Raises Unreadable."""
    descriptor = _open(path)
    try:
        size = os.fstat(descriptor).st_size
        _add(digest, str(size).encode())
        _add(digest, header.raw if header else b"")
        for place, length in sampled_places(header, size):
            _add(digest, os.pread(descriptor, length, place))
    except OSError as error:
        raise Unreadable(f"cannot be read ({(error.strerror or 'error').lower()})") from None
    finally:
        os.close(descriptor)


def _add_file(digest: hashlib._Hash, path: Path, limit: int | None = _MAX_CONTENT) -> None:
    with os.fdopen(_open(path), "rb") as file:
        if limit is not None and os.fstat(file.fileno()).st_size > limit:
            raise Unreadable(f"is larger than {limit // 1_000_000} MB")
        content = hashlib.file_digest(file, "sha256")
    _add(digest, content.digest())


def _open(path: Path) -> int:
    try:
        return open_regular(path)
    except FileNotFoundError:
        raise Unreadable("is gone") from None
