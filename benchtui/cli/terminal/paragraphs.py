"""Plain paragraphs for a terminal: a label, and text that hangs beside it."""

from __future__ import annotations

import os
import shutil
import textwrap

import click

_WIDEST = 100
"""Columns; longer lines are hard to read however wide the terminal is."""


def width() -> int:
    return max(min(shutil.get_terminal_size((80, 24)).columns, _WIDEST), 40)


def say(text: str = "", *, to_stderr: bool = False) -> None:
    """Print styled text; without a terminal, or with NO_COLOR, without the styles."""
    click.echo(text, err=to_stderr, color=False if os.environ.get("NO_COLOR") else None)


def hanging(label: str, text: str, indent: int, **style: bool) -> None:
    """Print `label` in the first `indent` columns and `text` beside it, wrapped to hang there."""
    if len(label) >= indent:  # a label too long for its column gets a line of its own
        say(click.style(label, **style))
        label = ""
    styled = click.style(label, **style) if label else ""
    lines = textwrap.wrap(text, width() - indent, break_long_words=True, break_on_hyphens=False) or [""]
    say((styled + " " * (indent - len(label)) + lines[0]).rstrip())
    for line in lines[1:]:
        say(" " * indent + line)


def aside(text: str) -> None:
    """Print a remark on stderr: what else can be typed, how many were left out."""
    for line in text.splitlines():
        lines = textwrap.wrap(line, width(), subsequent_indent="  ", drop_whitespace=True) or [""]
        indent = line[: len(line) - len(line.lstrip())]
        for number, part in enumerate(lines):
            shown = indent + part.lstrip() if number == 0 else part
            say(click.style(shown, dim=True) if shown else "", to_stderr=True)
