"""What is asked of a row: the text of one column, or of a Jinja template over the columns, rendered in a sandbox.

Templates may come from a benchtui.toml that somebody else wrote, cells from anybody.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchtui.errors import UsageError
from benchtui.tasks.data.documents import sandbox
from benchtui.tasks.data.documents.sandbox import SPECIAL, check_parts, environment, made_characters, too_long
from benchtui.tasks.data.rows import Cell, Row
from benchtui.text import one_line

_LONGEST_TEMPLATE = 20_000
_ROW = "row"


def is_template(text: str) -> bool:
    """Return whether `text` is a Jinja template and no name of a column."""
    return "{{" in text or "{%" in text


@dataclass(frozen=True)
class Column:
    """The cells of one column."""

    name: str

    def of(self, row: Row) -> Cell:
        """Return the cell. Raises UsageError naming the row that lacks the column."""
        if self.name not in row.cells:
            raise UsageError(
                f"{row.place} has no {quoted(self.name)}.", "Add it, or leave the row out: every document needs it."
            )
        return row.cells[self.name]

    def __str__(self) -> str:
        return quoted(self.name)


@dataclass(frozen=True)
class Template:
    """A checked template; `flag` is where the user gave it, `shown` how it is told, `columns` which ones it names."""

    source: str
    flag: str
    columns: tuple[str, ...]
    compiled: Any
    expression: Any = None
    shown: str = ""

    def of(self, row: Row) -> str:
        """Render the row. Raises UsageError naming the row: for a column that it lacks, nothing or a list where text
        is wanted, and a text that is too long."""
        return str(self._evaluated(_rendered, self.compiled, row))

    def values(self, row: Row) -> Cell:
        """Return what the only expression of the template gives, as it is: a list for {{options.split(';')}}.

        Raises UsageError naming the row, as `of` does.
        """
        value: Cell = self._evaluated(_valued, self.expression, row)
        return value

    def _evaluated(self, function: Callable[[Any, Mapping[str, Any]], Any], compiled: Any, row: Row) -> Any:
        made_characters.set(0)
        try:
            return function(compiled, {_ROW: row.cells, **row.cells})
        except UsageError as error:
            raise UsageError(f"{row.place}: {self.flag} {error.what}", error.next_step) from None

    def __str__(self) -> str:
        return self.shown or one_line(self.source, 80)


Field = Column | Template
"""Where a text of a document comes from."""


def field_of(text: str, columns: Sequence[str], flag: str) -> Field:
    """Return the column called `text`, or the template that it is. Raises UsageError when it is neither."""
    if text in columns:
        return Column(text)
    if is_template(text):
        return parse_template(text, columns, flag)
    raise UsageError(f"{flag} {quoted(text)} is no column.", nearest(text, columns))


def parse_template(source: str, columns: Sequence[str], flag: str) -> Template:
    """Check a template over `columns`. Raises UsageError for what is no Jinja, for names that are no columns, and for
    parts of Jinja that data templates do not have."""
    import jinja2

    if len(source) > _LONGEST_TEMPLATE:
        raise UsageError(f"{flag} is longer than {_LONGEST_TEMPLATE:,} characters.", "Give a shorter template.")
    jinja = environment()
    try:
        tree = jinja.parse(source)
        check_parts(tree, flag)
        named = _check_names(tree, columns, flag)
        compiled = jinja.from_string(source)
        inner = source.strip()[2:-2].strip("+-") if _is_one_expression(tree) else ""
        expression = jinja.compile_expression(inner, undefined_to_none=False) if inner else None
    except (jinja2.TemplateSyntaxError, RecursionError) as error:
        raise UsageError(
            f"{flag} is no Jinja template: {_reason(error)}.",
            "Write columns as {{question}}, or give the name of one column.",
        ) from None
    return Template(source, flag, named, compiled, expression)


def nearest(name: str, columns: Sequence[str]) -> str:
    """Return a sentence with the columns there are, the ones nearest to `name` first."""
    close = difflib.get_close_matches(name, columns, n=3, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(quoted(column) for column in close)}?"
    return f"The columns are {listed(columns)}."


def listed(columns: Sequence[str]) -> str:
    """Return the names of columns for a sentence, at most twelve."""
    more = f" and {len(columns) - 12} more" if len(columns) > 12 else ""
    return ", ".join(quoted(column) for column in columns[:12]) + more


def quoted(name: str) -> str:
    """Return a name of the user's file as it is shown in a sentence."""
    return f'"{one_line(name, 60)}"'


def _check_names(tree: Any, columns: Sequence[str], flag: str) -> tuple[str, ...]:
    from jinja2 import meta, nodes

    named = meta.find_undeclared_variables(tree) | (SPECIAL & {node.name for node in tree.find_all(nodes.Name)})
    for name in sorted(named - set(columns) - {_ROW}):
        raise UsageError(f"{flag} names {quoted(name)}, which is no column.", nearest(name, columns))
    return tuple(sorted(named - {_ROW}))


def _is_one_expression(tree: Any) -> bool:
    from jinja2 import nodes

    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    parts = tree.body[0].nodes
    return len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)


def _rendered(template: Any, cells: Mapping[str, Any]) -> str:
    parts, length = [], 0
    with _errors_told():
        for part in template.generate(cells):
            length += len(part)
            if length > sandbox.LONGEST_TEXT:
                raise too_long()
            parts.append(part)
    return "".join(parts)


def _valued(expression: Any, cells: Mapping[str, Any]) -> Any:
    if expression is None:
        raise UsageError("gives a text where a list is wanted.", "Give one expression, as in {{options.split(';')}}.")
    with _errors_told():
        value = expression(**cells)
        return value if isinstance(value, str | list | dict) else list(value)


@contextmanager
def _errors_told() -> Iterator[None]:
    """Turn what Jinja and its functions raise into words for the user."""
    import jinja2

    try:
        yield
    except UsageError:
        raise
    except jinja2.UndefinedError as error:
        raise UsageError(
            f"uses what this row does not have ({_reason(error)}).",
            "Say what is written then, as in {{context|default('')}}.",
        ) from None
    except Exception as error:  # noqa: BLE001 - a template can raise whatever Python can
        raise UsageError(f"fails: {_reason(error)}.", "Correct the template.") from None


def _reason(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__).rstrip(".")
