"""The list of an Ollama server's models, as lines and as records for JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from benchtui.backends.ollama_models import ListedOllama
from benchtui.models.layout import size_text
from benchtui.text import one_line

_COLUMNS = ("In Ollama", "Size", "Quantisation", "Digest", "Same as")


def ollama_lines(url: str, listed: Sequence[ListedOllama]) -> Iterator[str]:
    """Yield one line a model in aligned columns, below a line that names the server."""
    yield f"Ollama at {one_line(url, 200)}: --backend ollama --model NAME evaluates these."
    table = [_COLUMNS, *(_cells(item) for item in listed)]
    widths = [max(len(row[column]) for row in table) for column in range(len(_COLUMNS) - 1)]
    for cells in table:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*padded, cells[-1]]).rstrip()


def ollama_record(url: str, item: ListedOllama) -> dict[str, Any]:
    """One model as `--json` shows it; keys are only ever added. Sizes in bytes, times ISO 8601."""
    model = item.model
    moment = dt.datetime.fromtimestamp(model.modified, dt.UTC).replace(microsecond=0) if model.modified else None
    return {
        "kind": "ollama",
        "name": model.name,
        "server": url,
        "digest": model.digest,
        "bytes": model.bytes,
        "quantization": model.quantization or None,
        "parameters": model.parameters or None,
        "modified": moment.isoformat() if moment else None,
        "runs_at": model.remote or None,
        "same_as": [{"model": name, "format": label} for name, label in item.same_as],
        "unread": item.unread or None,
    }


def _cells(item: ListedOllama) -> tuple[str, ...]:
    model = item.model
    same = ", ".join(f"{one_line(name, 60)} ({one_line(label, 60)})" for name, label in item.same_as)
    return (
        one_line(model.name, 80),
        size_text(model.bytes) if model.bytes else "—",
        one_line(model.quantization, 20) or "—",
        model.digest[:12] or "—",
        same or (f"not known: {one_line(item.unread, 200)}" if item.unread else "—"),
    )
