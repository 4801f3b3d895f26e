"""The exit code of a command is how its runs ended."""

from __future__ import annotations

import pytest

from benchtui.runs.outcome import exit_code_of
from benchtui.runs.records import DoneRecord, Status


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ([], 0),
        (["finished", "finished"], 0),
        (["finished", "partial"], 3),
        (["finished", "failed"], 3),
        (["finished", None], 3),
        (["partial"], 3),
        (["failed"], 1),
        (["timed out", None], 1),
        (["finished", "cancelled"], 130),
        (["failed", "cancelled"], 130),
    ],
)
def test_a_script_can_tell_how_the_runs_ended(ended: list[Status | None], code: int) -> None:
    """None stands for a run that died without an ending; finished and partial ones leave results."""
    records = [
        DoneRecord(status, "", 0.0, results="results_x.json" if status in ("finished", "partial") else None)
        if status
        else None
        for status in ended
    ]
    assert exit_code_of(iter(records)) == code
