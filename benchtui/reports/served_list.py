"""The list of what an OpenAI-compatible server has, as lines and as records for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchtui.backends.servers import ServedModel, ServerFacts
from benchtui.models.layout import size_text
from benchtui.text import one_line

_COLUMNS = ("At the server", "Window", "Size", "Adapter of")


def served_lines(facts: ServerFacts) -> Iterator[str]:
    """Yield one line a model in aligned columns, below a line that names the server."""
    product = one_line(f"{facts.product} {facts.version}".strip(), 100)
    how = f"--backend openai --server {one_line(facts.url, 200)} --model NAME evaluates these."
    yield f"{product}: {how}" if facts.models else f"{product} at {one_line(facts.url, 200)} has no models."
    table = [_COLUMNS, *(_cells(model) for model in facts.models)] if facts.models else []
    widths = [max(len(row[column]) for row in table) if table else 0 for column in range(len(_COLUMNS) - 1)]
    for cells in table:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        yield "  ".join([*padded, cells[-1]]).rstrip()


def served_record(facts: ServerFacts, model: ServedModel) -> dict[str, Any]:
    """One model as `--json` shows it; keys are only ever added. Sizes in bytes, windows in tokens."""
    return {
        "kind": "served",
        "name": model.name,
        "server": facts.url,
        "product": facts.product,
        "version": facts.version or None,
        "identity": model.identity,
        "window": model.window,
        "bytes": model.bytes or None,
        "parameters": model.parameters,
        "parent": model.parent,
    }


def _cells(model: ServedModel) -> tuple[str, ...]:
    return (
        one_line(model.name, 80),
        f"{model.window:,}" if model.window else "—",
        size_text(model.bytes) if model.bytes else "—",
        one_line(model.parent or "", 80),
    )
