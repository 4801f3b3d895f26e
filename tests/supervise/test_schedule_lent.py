"""A worker that waits for a place to run in keeps no documents from those that have one."""

from __future__ import annotations

from pathlib import Path

from benchtui.runs.chunks import WorkUnit
from tests.supervise.test_schedule import Workers


def test_what_a_slot_had_is_answered_by_the_others_while_it_waits_for_a_place(tmp_path: Path) -> None:
    workers = Workers(tmp_path, 3, [WorkUnit("arc", 100)])
    for shard in range(3):
        workers.begin(shard)
        workers.say_ready(shard)
    workers.begin(2)  # its node is gone: the next one waits until another worker ends
    workers.schedule.lend(2)
    for shard in (0, 1, 0, 1):
        while workers.given(shard):
            workers.answer(shard)
    assert {place for chunk in workers.done for place in range(chunk.start, chunk.stop)} == set(range(100))
    assert workers.ended(0)
    assert workers.ended(1)
    assert workers.schedule.over(2)


def test_where_nobody_else_is_at_work_it_keeps_what_it_had(tmp_path: Path) -> None:
    workers = Workers(tmp_path, 2, [WorkUnit("arc", 10)])
    workers.begin(0)
    workers.say_ready(0)
    had = list(workers.given(0))
    workers.begin(0)
    workers.begin(1)
    workers.schedule.lend(0)
    assert workers.given(0) == had
    workers.say_ready(0)
    while workers.given(0):
        workers.answer(0)
    assert {place for chunk in workers.done for place in range(chunk.start, chunk.stop)} == set(range(10))
