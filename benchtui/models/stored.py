"""How large the weights of a model are on disk."""

from __future__ import annotations

from pathlib import Path

from benchtui.models.reading import Unreadable
from benchtui.models.source import FolderSource, GgufSource, Source
from benchtui.models.weights.files import adapter_weights, full_model_weights, list_entries


def stored_weights(source: Source) -> int | None:
    """The size of the files that hold a model's weights, in bytes; None where they are not on this machine's disk."""
    try:
        return _stored(source)
    except (OSError, Unreadable):
        return None  # moved away since


def _stored(source: Source) -> int | None:
    if isinstance(source, GgufSource):
        return sum(Path(part).stat().st_size for part in source.places)
    if not isinstance(source, FolderSource):
        return None
    folder = Path(source.path)
    stored = full_model_weights(folder, list_entries(folder)).bytes
    if source.adapter and source.adapter_on:
        stored += adapter_weights(Path(source.adapter), list_entries(source.adapter)).bytes
    return stored
