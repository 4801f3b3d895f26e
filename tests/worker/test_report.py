"""What the worker tells: work that advanced, and not more of it than anybody can read."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from benchtui.runs.events import Advance, EventWriter, Log, Mark, Marked, read_events
from benchtui.worker.report import EventLogHandler, Reporter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_a_fast_evaluation_writes_little(path: Path) -> None:
    reporter = Reporter(EventWriter(path))
    for _ in range(10_000):
        reporter.advance("documents", 1)
    found = [event for event in read_events(path) if isinstance(event, Advance)]
    assert 1 <= len(found) < 10


def test_marks_are_told_seldom_and_the_last_ones_at_the_end(path: Path) -> None:
    reporter = Reporter(EventWriter(path))
    for number in range(10_000):
        reporter.mark(number, number % 2 == 0, f"question {number}")
        if number % 64 == 0:
            reporter.tell_marks("arc")
    reporter.tell_marks("arc", force=True)
    reporter.tell_marks("arc", force=True)
    found = [event for event in read_events(path) if isinstance(event, Marked)]
    assert 2 <= len(found) < 10
    assert found[-1].marks[-1] == Mark(9_999, right=False, first_line="question 9999")
    assert max(len(event.marks) for event in found) <= 40


def test_warnings_become_events_each_once_and_bounded(path: Path) -> None:
    handler = EventLogHandler(Reporter(EventWriter(path)))
    logger = logging.getLogger("tests.worker.report")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        for number in range(300):
            logger.warning("the same")
            logger.warning("line %d %s", number, "z" * 100_000)
        logger.warning("broken %d", "format")
    finally:
        logger.removeHandler(handler)
    found = [event.message for event in read_events(path) if isinstance(event, Log)]
    assert found.count("the same") == 1
    assert len(found) < 100
    assert max(map(len, found)) <= 500


def test_imports_are_signs_of_life(path: Path) -> None:
    script = textwrap.dedent(
        """
        import pathlib, sys
        from benchtui.runs.events import EventWriter
        from benchtui.worker import report
        report.ADVANCE_INTERVAL = 0.0
        reporter = report.Reporter(EventWriter(pathlib.Path(sys.argv[1])))
        report.report_imports(report.EventLogHandler(reporter))
        import asyncio, xml.dom.minidom
        """
    )
    subprocess.run([sys.executable, "-c", script, path], check=True)
    assert len([event for event in read_events(path) if isinstance(event, Advance)]) > 20


def test_pytorch_is_imported_under_the_watchdogs_eyes() -> None:
    """Before the worker reports its imports it must not spend its seconds on the heaviest of them."""
    import subprocess
    import sys

    script = "import sys, benchtui.worker.session, benchtui.worker.evaluate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
