"""What the worker tells: work that advanced, and not more of it than anybody can read."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Advance, EventWriter, Log
from benchtui.runs.kinds.benchmark.events import Mark, Marked
from benchtui.worker.benchmark.answers.marks import Marks
from benchtui.worker.libraries import LibraryListener
from benchtui.worker.report import Reporter


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
    marks = Marks(Reporter(EventWriter(path)), "arc")
    for number in range(10_000):
        marks.add(number, number % 2 == 0, f"question {number}")
        if number % 64 == 0:
            marks.tell()
    marks.tell(force=True)
    marks.tell(force=True)
    found = [event for event in read_events(path) if isinstance(event, Marked)]
    assert 2 <= len(found) < 10
    assert found[-1].marks[-1] == Mark(9_999, right=False, first_line="question 9999")
    assert max(len(event.marks) for event in found) <= 40


def test_warnings_become_events_each_once_and_bounded(path: Path) -> None:
    handler = LibraryListener(Reporter(EventWriter(path)))
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
        from benchtui.worker import libraries, report
        report.ADVANCE_INTERVAL = 0.0
        reporter = report.Reporter(EventWriter(pathlib.Path(sys.argv[1])))
        libraries.report_imports(libraries.LibraryListener(reporter))
        import asyncio, xml.dom.minidom
        """
    )
    subprocess.run([sys.executable, "-c", script, path], check=True)
    assert len([event for event in read_events(path) if isinstance(event, Advance)]) > 20


def test_pytorch_is_imported_under_the_watchdogs_eyes() -> None:
    """Before the worker reports its imports it must not spend its seconds on the heaviest of them."""
    import subprocess
    import sys

    modules = "benchtui.worker.__main__, benchtui.worker.benchmark.session"
    script = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


SIZE = 200_000


class SlowHub(ThreadingHTTPServer):
    """A hub with one file, of which the rest is only sent when the first bytes were a sign of life."""

    def __init__(self, events: Path) -> None:
        super().__init__(("127.0.0.1", 0), SlowFile)
        self.events = events
        self.seen_before_the_rest = False

    def wait_for_sign(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and not self.seen_before_the_rest:
            time.sleep(0.05)
            found = read_events(self.events) if self.events.exists() else []
            self.seen_before_the_rest = any(isinstance(event, Advance) and event.unit == "bytes" for event in found)


class SlowFile(BaseHTTPRequestHandler):
    server: SlowHub

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        self._head()
        for _ in range(3):  # 1 KB a second would do: events are told at most once a second
            self.wfile.write(b"x" * 1000)
            self.wfile.flush()
            time.sleep(1.1)
        self.server.wait_for_sign()
        self.wfile.write(b"x" * (SIZE - 3000))

    def _head(self) -> None:
        self.send_response(200)
        for name, value in (("ETag", '"abc"'), ("X-Repo-Commit", "a" * 40), ("Content-Length", str(SIZE))):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_download_of_a_kilobyte_a_second_is_a_sign_of_life(path: Path, tmp_path: Path) -> None:
    hub = SlowHub(path)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    script = f"""
    from pathlib import Path
    from benchtui.runs.events import EventWriter
    from benchtui.worker.libraries import LibraryListener, report_progress_bars, report_received_bytes
    from benchtui.worker.report import Reporter
    listener = LibraryListener(Reporter(EventWriter(Path({str(path)!r}))))
    report_progress_bars(listener)
    report_received_bytes(listener)
    listener.reporter.phase("loading model")
    from huggingface_hub import hf_hub_download
    file = hf_hub_download("org/slow", "weights.bin", endpoint="http://127.0.0.1:{hub.server_port}",
                           cache_dir={str(tmp_path / "cache")!r})
    assert Path(file).stat().st_size == {SIZE}
    """
    finished = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, timeout=120
    )
    hub.shutdown()
    assert finished.returncode == 0, finished.stderr
    assert hub.seen_before_the_rest, "the watchdog would have ended it"
    found = [event for event in read_events(path) if isinstance(event, Advance) and event.unit == "bytes"]
    assert max(event.done for event in found) < SIZE + 10_000, "no byte is counted twice"


def test_what_arrives_while_the_model_answers_is_no_sign_of_life(path: Path) -> None:
    reporter = Reporter(EventWriter(path))
    reporter.phase("evaluating")
    reporter.received(1000)
    assert not [event for event in read_events(path) if isinstance(event, Advance)]
    reporter.phase("loading task")
    reporter.received(1000)
    (found,) = [event for event in read_events(path) if isinstance(event, Advance)]
    assert (found.unit, found.done) == ("bytes", 2000)


def test_progress_bars_are_signs_of_life_and_no_lines_of_the_log(path: Path) -> None:
    script = f"""
    from pathlib import Path
    from benchtui.runs.events import EventWriter
    from benchtui.worker.libraries import LibraryListener, report_progress_bars
    from benchtui.worker.report import Reporter
    report_progress_bars(LibraryListener(Reporter(EventWriter(Path({str(path)!r})))))
    from tqdm.auto import tqdm, trange
    with tqdm(total=29, desc="Loading weights", unit="it", disable=False) as bar:
        bar.update(29)
    assert list(trange(3)) == [0, 1, 2]
    assert list(tqdm(range(4), "positional", 4, True, None, 20)) == [0, 1, 2, 3]
    """
    code = textwrap.dedent(script)
    finished = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    (first, *_) = [event for event in read_events(path) if isinstance(event, Advance)]
    assert (first.unit, first.done, first.total) == ("tensors", 29, 29)
