"""Events as JSON: all of them, to whoever reads, for as long as they read."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from benchtui.displays.display import open_display
from benchtui.runs import events as ev
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.kinds.benchmark.events import Planned
from tests.run_stories import Story, make_bench, make_run


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_event_with_the_run_model_and_role_in_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    base, tuned = make_bench(tmp_path)
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        display = open_display([base, tuned], "json", stdout=out, stderr=err)
        display.start()
        Story(base).start().load()
        Story(tuned).start()
        display.note("Stopping")
        display.stop()
    lines = read_lines(tmp_path / "out")
    written = read_events(base.events) + read_events(tuned.events)
    assert len(lines) == len(written)
    assert list(lines[0])[:4] == ["run", "model", "role", "event"]
    assert lines[0] == {
        "run": "my-llama/benchmarks/base", "model": "my-llama", "role": "base",
        "event": "worker-started", "t": 1_795_200_000.0, "pid": 4711,
    }  # fmt: skip
    assert lines[-1]["role"] == "fine-tuned"
    assert (tmp_path / "err").read_text() == "Stopping\n"


def test_only_what_is_new_unless_all_is_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    story = Story(run).start()
    for from_start, expected in ((False, ["planned"]), (True, None)):
        with (tmp_path / "out").open("w") as out:
            display = open_display([run], "json", stdout=out, from_start=from_start)
            display.start()
            story.tell(Planned(tasks=[]))
            display.stop()
        names = [line["event"] for line in read_lines(tmp_path / "out")]
        assert names == (expected or ["worker-started", "phase", "phase", "planned", "planned"])


def test_no_event_is_lost_to_a_slow_reader(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    Story(run)
    line = ev.encode(ev.Log(t=1.0, level="info", message="x" * 900))
    run.events.write_bytes(b"".join(line for _ in range(4000)))
    received = bytearray()
    reading, writing = os.pipe()

    def read_slowly() -> None:
        while chunk := os.read(reading, 200_000):
            received.extend(chunk)
            time.sleep(0.002)

    reader = threading.Thread(target=read_slowly)
    with os.fdopen(writing, "w") as out:
        display = open_display([run], "json", stdout=out, from_start=True)
        display.start()
        reader.start()
        display.refresh()
        display.stop()
    reader.join()
    assert received.count(b"\n") == 4000


def test_a_reader_that_waits_holds_nothing_up_meanwhile(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    Story(run)
    line = ev.encode(ev.Log(t=1.0, level="info", message="x" * 900))
    run.events.write_bytes(b"".join(line for _ in range(2000)))
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out:
        display = open_display([run], "json", stdout=out, from_start=True)
        display.start()
        began = time.monotonic()
        for _ in range(5):
            display.refresh()
            time.sleep(0.11)
        assert time.monotonic() - began < 2
        os.close(reading)  # `| head`: it got what it wanted
        display.stop()


def test_a_closed_stdout_is_no_error(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as out:
        display = open_display([run], "json", stdout=out, from_start=True)
        story = Story(run).start()
        display.start()
        for done in range(5):
            story.progress("ifeval", done)
            time.sleep(0.11)
            display.refresh()
        display.stop()


def test_a_run_deleted_meanwhile(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        display = open_display([RunDirectory(tmp_path / "gone")], "json", stdout=out)
        display.start()
        display.refresh()
        display.stop()
    assert (tmp_path / "out").read_text() == ""


def test_models_that_come_and_go(tmp_path: Path) -> None:
    first, second = make_run(tmp_path / "a", model="alpha"), make_run(tmp_path / "b", model="beta")
    with (tmp_path / "out").open("w") as out:
        display = open_display((), "json", stdout=out)
        display.start()
        display.add((first,), "alpha")
        Story(first).start().load()
        display.add((second,), "beta")
        display.remove((first,))
        Story(second).start()
        display.stop()
    written = len(read_events(first.events)), len(read_events(second.events))
    models = [line["model"] for line in read_lines(tmp_path / "out")]
    assert models == ["alpha"] * written[0] + ["beta"] * written[1]
