"""What is known of a task of the catalogue, for reading."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchtui.errors import UsageError
from benchtui.tasks.catalogue import Catalogue
from benchtui.tasks.entries import TaskEntry
from benchtui.tasks.words import PLAIN_WORDS, task_title, task_words
from benchtui.text import one_line, printable
from screens.themes import Colours

_TYPES = {
    "generate_until": "the model writes an answer",
    "multiple_choice": "the model ranks given choices",
    "loglikelihood": "the model scores an ending",
    "loglikelihood_rolling": "how surprised the model is by a text",
}


def task_facts(catalogue: Catalogue, entry: TaskEntry, colours: Colours) -> RenderableType:
    """Title, what it tests, and a line for each fact."""
    title = task_title(entry.name)
    parts: list[RenderableType] = [Text(one_line(title, 100), style="bold")]
    if title != entry.name:
        parts.append(Text(one_line(entry.name, 200), style=colours.accent))
    words = task_words(entry.name) or entry.description
    if words:
        parts += [Text(""), Text(printable(words, 1500))]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=colours.muted)
    grid.add_column(overflow="fold")
    for label, value in _facts(catalogue, entry):
        grid.add_row(Text(label), Text(one_line(value, 300)))
    return Group(*parts, Text(""), grid)


def _facts(catalogue: Catalogue, entry: TaskEntry) -> Iterator[tuple[str, str]]:
    yield "Kind", entry.kind
    leaves = _leaves(catalogue, entry)
    if entry.kind != "task":
        yield (
            "Tasks",
            f"{len(leaves):,}: {', '.join(leaves[:6])}{' …' if len(leaves) > 6 else ''}" if leaves else "none",
        )
    known = PLAIN_WORDS.get(entry.name)
    if known and known.documents:
        yield "Samples", f"{known.documents:,}"
    if entry.output_type:
        yield "Asks", _TYPES.get(entry.output_type, entry.output_type)
    if entry.shots is not None:
        yield "Shots", str(entry.shots)
    if entry.dataset:
        yield "Dataset", entry.dataset
    if entry.tags:
        yield "Tags", ", ".join(entry.tags)
    if any((leaf := catalogue.get(name)) is not None and leaf.unsafe_code for name in leaves):
        yield "Careful", "executes code that the model wrote: --confirm-unsafe-code"
    if entry.file:
        yield "File", entry.file


def _leaves(catalogue: Catalogue, entry: TaskEntry) -> tuple[str, ...]:
    try:
        return catalogue.expand([entry.name])
    except UsageError:  # a group that lm-eval itself cannot load
        return ()
