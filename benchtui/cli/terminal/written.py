"""Writes what a command made to a file or to standard output."""

from __future__ import annotations

from pathlib import Path

import click

from benchtui.errors import BenchtuiError


def write_out(text: str | bytes, output: Path | None) -> None:
    """Write text or bytes to the file `output`, or to standard output without one. Raises BenchtuiError for a file that
    cannot be written."""
    if output is None:
        click.echo(text, nl=False)
        return
    from benchtui.files import write_run_file

    try:
        write_run_file(output, text)  # it may lie in a run, which may come from anybody
    except OSError as error:
        raise BenchtuiError(
            f"{output} cannot be written: {error.strerror or error}.", "Give --output another place."
        ) from None
    click.echo(f"Written: {output}", err=True)
