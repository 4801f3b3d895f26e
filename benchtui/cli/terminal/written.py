"""Writes what a command made to a file or to standard output."""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchtui.errors import BenchtuiError


def write_out(text: str | bytes, output: Path | None) -> None:
    """Write text or bytes to the file `output`, or to standard output without one; devices, /dev/stdout among them, are
    written to. Raises BenchtuiError for a file that cannot be written."""
    if output is None:
        click.echo(text, nl=False)
        return
    from benchtui.files import write_run_file

    try:
        if _is_device(output):
            _append(output, text)
        else:
            write_run_file(output, text)  # it may lie in a run, which may come from anybody
    except OSError as error:
        raise BenchtuiError(
            f"{output} cannot be written: {error.strerror or error}.", "Give --output another place."
        ) from None
    click.echo(f"Written: {output}", err=True)


def _is_device(output: Path) -> bool:
    """Whether it is a name of the system's (/dev/null, /dev/stdout, /dev/fd/63): not to be replaced by a file."""
    place = output.absolute()
    named = Path("/dev") in place.parents and Path("/dev/shm") not in place.parents  # noqa: S108 - a folder of files
    return named and (place.is_symlink() or (place.exists() and not place.is_file()))


def _append(output: Path, text: str | bytes) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_NOCTTY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode() if isinstance(text, str) else text)
