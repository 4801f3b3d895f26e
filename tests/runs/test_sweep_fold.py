"""What is kept of a sweep's events, which a run may have from anybody: so many tasks, and each one's newest stages."""

from __future__ import annotations

from benchtui.runs.kinds.sweep.events import SweepPlanned, Swept, TaskToSweep
from benchtui.runs.kinds.sweep.fold import MOST_TASKS, SweepFold


def planned(*numbers: int, documents: int = 4) -> SweepPlanned:
    return SweepPlanned(tasks=[TaskToSweep(f"task_{number}", documents, ("small", "large")) for number in numbers])


def test_there_is_a_most_of_tasks_whatever_the_events_name() -> None:
    fold = SweepFold()
    for begin in range(0, MOST_TASKS + 3000, 1000):
        fold.apply(planned(*range(begin, begin + 1000)))
    assert len(fold.view().rows) == MOST_TASKS
    assert fold.view().counts.total == 4 * MOST_TASKS
    fold.apply(Swept(task=f"task_{MOST_TASKS + 1}", stage="large", documents=4, documents_total=4))
    assert fold.view().counts.documents == 0, "one that is not kept changes nothing"


def test_a_task_that_is_kept_is_told_anew_where_there_is_no_room_for_more() -> None:
    fold = SweepFold()
    fold.apply(planned(*range(MOST_TASKS)))
    fold.apply(Swept(task="task_7", stage="large", documents=3, documents_total=4))
    fold.apply(planned(7, MOST_TASKS, documents=6))
    rows = {row.name: row for row in fold.view().rows}
    assert len(rows) == MOST_TASKS
    assert rows["task_7"].documents == 3, "what is done stays done"
    fold.apply(Swept(task="task_7", stage="large", documents=6, documents_total=6))
    assert {row.name: row.documents for row in fold.view().rows}["task_7"] == 6
