"""A counter on a terminal's standard error, for work of seconds that no run directory tells of."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

PATIENCE = 1.0
"""Seconds before anything is said: what is done by then needs no counter."""


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that is told how many are done, and of how many, and writes "Comparing 12 of 40" over its last
    line; at the end the line is empty again. Nothing is written where standard error is no terminal."""
    shown = False
    began = time.monotonic()

    def tell(done: int, every: int) -> None:
        nonlocal shown
        if not sys.stderr.isatty() or time.monotonic() - began < PATIENCE:
            return
        click.echo(f"\r\x1b[K{what} {done:,} of {every:,}", nl=False, err=True)
        shown = True

    try:
        yield tell
    finally:
        if shown:
            click.echo("\r\x1b[K", nl=False, err=True)
