"""A digest that tells whether a local model is still the same one, without reading gigabytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from benchtui.models.chat_template import MORE_TEMPLATES
from benchtui.models.discovery import TOKENIZER_FILES
from benchtui.models.reading import Unreadable, open_regular
from benchtui.models.safetensors import Header

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


def content_files(folder: Path) -> list[Path]:
    """The files of `folder` besides the weights that can change a score: configuration, tokenizer, code."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name in _CONTENT or entry.name.endswith(".py")]
    except OSError:
        return []
    return [*(folder / name for name in sorted(names)), *sorted((folder / MORE_TEMPLATES).glob("*.jinja"))]


def local_identity(content: Iterable[Path], weights: Mapping[Path, Header | None]) -> str:
    """`sha256:` and the digest over names and content of `content`, then of the weights.

    A weight file counts by its whole content when all of them together are below SMALL_WEIGHTS, else by its name, size,
    time of change and header: replacing a file is noticed, copying a large one gives a new identity.
    Raises Unreadable when a file goes away or cannot be read.
    """
    digest = hashlib.sha256()
    for path in content:
        _add(digest, path.name.encode("utf-8", "surrogateescape"))
        _add_file(digest, path)
    small = sum(path.stat().st_size for path in weights) < SMALL_WEIGHTS
    for path, header in weights.items():
        _add(digest, path.name.encode("utf-8", "surrogateescape"))
        if small:
            _add_file(digest, path)
            continue
        status = path.stat()
        _add(digest, f"{status.st_size} {status.st_mtime_ns}".encode())
        _add(digest, header.raw if header else b"")
    return f"sha256:{digest.hexdigest()}"


def _add(digest: hashlib._Hash, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))  # so that no two lists of pieces run together alike
    digest.update(data)


def _add_file(digest: hashlib._Hash, path: Path) -> None:
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        raise Unreadable("is gone") from None
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MAX_CONTENT:
            raise Unreadable(f"is larger than {_MAX_CONTENT // 1_000_000} MB")
        content = hashlib.file_digest(file, "sha256")
    _add(digest, content.digest())
