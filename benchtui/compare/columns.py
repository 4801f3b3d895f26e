"""The columns about groups that benchmark.json and the exports share."""

from __future__ import annotations

from benchtui.compare.records import Row


def group_columns(row: Row) -> dict[str, float | None]:
    """Return what a group shows about new tasks of its kind, and for a task inside a group its effect estimated
    together with the others; shares or the score's own units, None where a row has none."""
    found, shrunk = row.new_tasks, row.shrunk
    new = found.interval if found else None
    return {
        "tasks": row.tasks or None,
        "new_tasks_difference": found.value if found else None,
        "new_tasks_low": new.low if new else None,
        "new_tasks_high": new.high if new else None,
        "new_tasks_p": found.p if found else None,
        "new_tasks_p_holm": found.p_holm if found else None,
        "shrunk": shrunk.value if shrunk else None,
        "shrunk_low": shrunk.interval.low if shrunk else None,
        "shrunk_high": shrunk.interval.high if shrunk else None,
    }
