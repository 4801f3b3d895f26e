"""The whole content of a model's weight files, read on demand."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.layout import ModelFormat
from benchtui.models.reading import Unreadable, open_regular
from benchtui.models.weights import adapter_weights, full_model_weights, list_entries
from benchtui.text import one_line


def file_hashes(form: ModelFormat) -> Iterator[tuple[Path, str]]:
    """Each weight file of `form` with the SHA-256 of all its bytes. Raises BenchtuiError for one that is unreadable."""
    for path in _files(form):
        try:
            with os.fdopen(open_regular(path), "rb") as file:
                yield path, hashlib.file_digest(file, "sha256").hexdigest()
        except (FileNotFoundError, Unreadable) as error:
            reason = str(error) if isinstance(error, Unreadable) else "is gone"
            raise BenchtuiError(f"{one_line(str(path), 300)} {reason}.", "Save or copy it again.") from None


def _files(form: ModelFormat) -> tuple[Path, ...]:
    if form.kind == "gguf":
        return (form.path,)
    entries = list_entries(form.path)
    return (adapter_weights if form.adapter else full_model_weights)(form.path, entries).files
