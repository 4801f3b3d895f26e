"""Digests of documents by what they hold, wherever they come from: their Parquet file, or the samples of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

_QUESTION = ("system", "prompt", "target", "targets", "choices")
_DOCUMENT = (*_QUESTION, "id", "letters", "gold")


def question_digest(document: Mapping[str, object]) -> str:
    """Return a digest of what is asked and which answers are right, whatever the row's number and id. The order of the
    choices counts for nothing: which of two preferred answers is the first depends on the number."""
    return _digest([sorted(cell) if isinstance(cell, list) else cell for cell in _cells(document, _QUESTION)])


def document_digest(document: Mapping[str, object]) -> str:
    """Return a digest of all columns but the place in the file and how answers are scored."""
    return _digest(_cells(document, _DOCUMENT))


def _cells(document: Mapping[str, object], columns: tuple[str, ...]) -> list[str | list[str]]:
    """Return these columns as text; a column without a value is the empty text, whoever wrote it how."""
    found = (document.get(name) for name in columns)
    return [_texts(cell) if isinstance(cell, list) else str(cell) if cell is not None else "" for cell in found]


def _texts(cell: list[object]) -> list[str] | str:
    return [str(item) for item in cell] or ""


def _digest(cells: list[str | list[str]]) -> str:
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:32]
