"""The note that a user keeps beside a run."""

from __future__ import annotations

from benchtui.errors import BenchtuiError
from benchtui.files import delete_run_file, write_run_file
from benchtui.runs.directory import RunDirectory

NOTE = "note.txt"
LONGEST_NOTE = 10_000


def read_note(run: RunDirectory) -> str:
    """Return the note about a run, "" for none."""
    try:
        return (run.path / NOTE).read_text(encoding="utf-8", errors="replace")[:LONGEST_NOTE].strip()
    except OSError:
        return ""


def write_note(run: RunDirectory, note: str) -> None:
    """Keep `note` beside a run; an empty one removes it. Raises BenchtuiError when it cannot be written."""
    file = run.path / NOTE
    try:
        if note.strip():
            write_run_file(file, note.strip() + "\n")
        else:
            delete_run_file(file)
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be written: {error.strerror or error}.") from None
