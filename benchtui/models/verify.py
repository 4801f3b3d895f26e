"""Reads every byte of a model's weight files, when the user asks for it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.describe import is_adapter
from benchtui.models.gguf.digest import gguf_identity
from benchtui.models.identity import content_files, local_identity
from benchtui.models.layout import ModelFormat
from benchtui.models.reading import Unreadable, open_regular
from benchtui.models.weights.files import Weights, adapter_weights, full_model_weights, list_entries
from benchtui.text import one_line


def file_hashes(form: ModelFormat) -> Iterator[tuple[Path, str]]:
    """Yield each weight file of `form` with the SHA-256 of all its bytes. Raises BenchtuiError for an unreadable
    one."""
    for path in _files(form):
        try:
            with os.fdopen(open_regular(path), "rb") as file:
                yield path, hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, Unreadable) as error:
            reason = str(error) if isinstance(error, Unreadable) else "is gone"
            raise BenchtuiError(f"{one_line(str(path), 300)} {reason}.", "Save or copy it again.") from None


def whole_digest(folder: Path) -> str:
    """Compute the digest over every byte of the model, adapter or tokenizer in `folder`: `sha256:…`.

    Raises BenchtuiError for a file that is unreadable.
    """
    try:
        adapter = is_adapter(list_entries(folder))
        return local_identity(content_files(folder), dict.fromkeys(_weights(folder, adapter).files), whole=True)
    except Unreadable as error:
        raise BenchtuiError(f"{one_line(str(folder), 300)} {error}.", "Save or copy it again.") from None


def whole_gguf(files: Sequence[Path]) -> str:
    """Compute the digest over every byte of a model's GGUF files: `sha256:…`. Raises BenchtuiError for a file that is
    unreadable."""
    try:
        return gguf_identity(files, whole=True)
    except (FileNotFoundError, Unreadable) as error:
        reason = str(error) if isinstance(error, Unreadable) else "is gone"
        raise BenchtuiError(f"{one_line(str(files[0]), 300)} {reason}.", "Save or copy it again.") from None


def _files(form: ModelFormat) -> tuple[Path, ...]:
    return (form.path, *form.parts) if form.kind == "gguf" else _weights(form.path, form.adapter).files


def _weights(folder: Path, adapter: bool) -> Weights:
    return (adapter_weights if adapter else full_model_weights)(folder, list_entries(folder))
