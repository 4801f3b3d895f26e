"""Asking a run to stop, from any process: a file in run/ that its supervisor looks for."""

from __future__ import annotations

from benchtui.errors import BenchtuiError
from benchtui.files import delete_run_file, write_run_file
from benchtui.runs.directory import RunDirectory


def ask_to_stop(run: RunDirectory, by: str) -> None:
    """Ask the supervisor of `run` to stop it, and the runs that wait behind it; `by` says who asks.

    Raises BenchtuiError when that cannot be written.
    """
    try:
        write_run_file(run.cancel, f"asked by {by}\n")
    except OSError as error:
        raise BenchtuiError(
            f"{run.cancel} cannot be written: {error.strerror}.", "Stop it in its own terminal, or make it writable."
        ) from None


def is_asked_to_stop(run: RunDirectory) -> bool:
    return run.cancel.exists()


def forget_request(run: RunDirectory) -> None:
    """Delete the request, once it was answered or before a run starts anew. Raises OSError."""
    delete_run_file(run.cancel)
