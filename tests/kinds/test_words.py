"""A second kind of run: listed, watched, stopped, killed, resumed and ended like a benchmark, by the same machinery.

Nothing but `tests/kinds/words/` knows it, and it is found by one line, that of its package's entry point.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice
from benchtui.plans.plan import Plan, read_plan, write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import WorkerStarted
from benchtui.runs.find import find_run
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.kinds.registry import GROUP, find_kind
from benchtui.runs.listing import list_runs
from benchtui.runs.records import DoneRecord, read_done, run_state
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from screens.app import BenchtuiApp
from screens.settings import Settings
from tests.kinds.words.kind import Counted, WordsPlan
from tests.screens.conftest import press, settle, shown

ROOT = Path(__file__).resolve().parents[2]
NAME = "novel/words/2026-11-20T10-30-15"
SUPERVISE = """
import pathlib, sys
from benchtui.runs.directory import RunDirectory
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
Supervisor([RunDirectory(pathlib.Path(sys.argv[1]))], SuperviseSettings(), Control()).supervise()
"""


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty outputs/, and a package installed beside benchtui that names the kind."""
    info = tmp_path / "installed" / "words-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: words\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nwords = tests.kinds.words.kind:WORDS\n")
    monkeypatch.syspath_prepend(info.parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(info.parent), str(ROOT))))
    find_kind.cache_clear()
    (tmp_path / "outputs").mkdir()
    return tmp_path / "outputs"


def make_run(outputs: Path, lines: int = 3, *, seconds: float = 0.0) -> RunDirectory:
    text = outputs / "story.txt"
    text.write_text("once upon a time\n" * lines)
    run = RunDirectory(outputs / "novel" / "words" / "2026-11-20T10-30-15")
    plan = WordsPlan(
        model_name="novel", bench_id="b", created="2026-11-20T10:30:15+00:00", text=str(text), seconds=seconds
    )
    write_plan(run.plan_file, plan)
    return run


def supervise(run: RunDirectory, control: Control | None = None, **settings: float) -> DoneRecord:
    (done,) = Supervisor([run], SuperviseSettings(**settings), control or Control()).supervise()  # type: ignore[arg-type]
    return done


def benchtui(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "benchtui", *arguments], capture_output=True, text=True, check=False)


def watch(*arguments: str) -> subprocess.Popen[str]:
    """A watcher that has begun to say what it sees."""
    command = [sys.executable, "-m", "benchtui", *arguments]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stderr is not None
    assert "evaluating" in watching.stderr.readline()
    return watching


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


async def until(pilot: Pilot[int], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, shown(pilot)
        await pilot.pause(0.1)


def counted(run: RunDirectory) -> int:
    return max((event.lines for event in read_events(run.events) if isinstance(event, Counted)), default=0)


def words(run: RunDirectory) -> int:
    return int(json.loads((run.path / "words" / "words.json").read_text())["words"])


def make_slower(run: RunDirectory, seconds: float) -> None:
    write_plan(run.plan_file, msgspec.structs.replace(read_plan(run.plan_file, WordsPlan), seconds=seconds))


def test_it_finishes_and_is_listed_and_watched(outputs: Path) -> None:
    run = make_run(outputs)
    done = supervise(run)
    assert (done.status, done.documents, done.documents_total, words(run)) == ("finished", 3, 3, 12)
    (listed,) = list_runs(outputs)
    assert (listed.name, listed.kind, listed.tasks, listed.state) == (NAME, "words", ("story.txt",), "finished")
    view = RunFollower(run).catch_up()
    assert (view.role, view.own, view.rows[0].name, view.rows[0].state) == ("words", 12, "story.txt", "done")
    ran = benchtui("runs", "--outputs", str(outputs))
    assert NAME in ran.stdout
    assert "story.txt" in ran.stdout
    ran = benchtui("attach", NAME, "--outputs", str(outputs), "--json")
    assert ran.returncode == 0, ran.stderr
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [event["words"] for event in events if event["event"] == "counted"] == [4, 8, 12]
    assert {event["role"] for event in events} == {"words"}


@pytest.mark.parametrize("name", [NAME, "2026-11-20T10-30-15", "words/2026-11-20T10-30-15", "novel"])
def test_it_is_found_by_every_name(outputs: Path, name: str) -> None:
    run = make_run(outputs)
    assert find_run(outputs, name).path.resolve() == run.path.resolve()


def test_it_is_stopped_from_another_terminal_and_resumed(outputs: Path) -> None:
    run = make_run(outputs, 200, seconds=0.05)
    supervising = threading.Thread(target=supervise, args=(run,))
    supervising.start()
    wait_for(lambda: counted(run) > 2)
    watching = watch("attach", NAME, "--outputs", str(outputs), "--plain")
    ran = benchtui("cancel", NAME, "--outputs", str(outputs))
    supervising.join()
    assert watching.communicate()[1].splitlines()[-2:] == [
        f"{NAME} stopped: Stopped by the user. {counted(run)} of 200 answered.",
        f"  → benchtui resume {NAME}",
    ]
    assert watching.returncode == 130
    assert ran.returncode == 0, ran.stderr
    assert f"benchtui resume {NAME}" in ran.stderr
    done, first = read_done(run), counted(run)
    assert done is not None
    assert (done.status, done.documents, done.documents_total) == ("cancelled", first, 200)
    assert words(run) == 4 * first
    make_slower(run, 0)
    ran = benchtui("resume", NAME, "--outputs", str(outputs))
    assert ran.returncode == 0, ran.stderr
    assert (run_state(run), words(run)) == ("finished", 800)
    again = [event.lines for event in read_events(run.events) if isinstance(event, Counted)]
    assert min(again[again.index(200) - 10 :]) >= first, "what was counted is not counted again"


def test_it_goes_on_after_its_worker_was_killed(outputs: Path) -> None:
    run = make_run(outputs, 200, seconds=0.05)
    supervising = threading.Thread(target=supervise, args=(run,))
    supervising.start()
    wait_for(lambda: counted(run) > 2)
    (started,) = [event for event in read_events(run.events) if isinstance(event, WorkerStarted)]
    os.kill(started.pid, signal.SIGKILL)
    supervising.join()
    done = read_done(run)
    assert done is not None
    assert done.status == "failed"
    assert words(run) == 4 * done.documents > 0, "what was counted is scored by another worker"
    make_slower(run, 0)
    assert supervise(run).status == "finished"
    assert words(run) == 800


def test_it_died_with_its_supervisor_and_is_resumed(outputs: Path) -> None:
    run = make_run(outputs, 200, seconds=0.05)
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(run.path)])
    wait_for(lambda: counted(run) > 2)
    supervisor.kill()
    supervisor.wait()
    (listed,) = list_runs(outputs)
    assert (listed.state, listed.next_step, listed.task) == ("died", f"benchtui resume {NAME}", "lines")
    make_slower(run, 0)
    ran = benchtui("resume", "novel", "--outputs", str(outputs))
    assert ran.returncode == 0, ran.stderr
    assert (run_state(run), words(run)) == ("finished", 800)


async def test_the_application_shows_and_resumes_it(outputs: Path) -> None:
    run = make_run(outputs, 200, seconds=0.05)
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISE, str(run.path)])
    wait_for(lambda: counted(run) > 2)
    supervisor.kill()
    supervisor.wait()
    make_slower(run, 0)
    app = BenchtuiApp(Settings(Choice(outputs=outputs)))
    async with app.run_test(size=(110, 34)) as pilot:
        await settle(pilot)
        assert "Not finished: r resumes" in shown(pilot)
        app.screen.query_one("#running-rows").focus()
        await press(pilot, "enter")
        await until(pilot, lambda: "story.txt" in shown(pilot))
        await press(pilot, "r")
        await until(pilot, lambda: run_state(run) == "finished")
    assert words(run) == 800


def test_its_silence_is_ended_and_the_line_is_named(outputs: Path) -> None:
    run = make_run(outputs, 3, seconds=1000)
    done = supervise(run, timeout=5.0, grace=0.2)
    assert (done.status, done.message) == (
        "timed out",
        "No sign of life for 5s at lines sample 0 “once upon a time” (being answered).",
    )


def test_what_it_may_run_is_asked_again(outputs: Path) -> None:
    run = make_run(outputs)
    plan = msgspec.to_builtins(read_plan(run.plan_file, WordsPlan)) | {"permissions": {"pickle": True}}
    run.plan_file.write_text(json.dumps(plan))
    ran = benchtui("resume", NAME, "--outputs", str(outputs))
    assert ran.returncode == 1
    assert "This run was started with --allow-pickle." in ran.stderr


def test_a_kind_that_this_version_does_not_have_is_listed_and_not_resumed(outputs: Path) -> None:
    run = make_run(outputs)
    plan = msgspec.to_builtins(read_plan(run.plan_file, WordsPlan)) | {"kind": "dre\x1b[2Jams", "depth": 3}
    run.plan_file.write_text(json.dumps(plan))
    (listed,) = list_runs(outputs)
    assert (listed.name, listed.kind, listed.state, listed.next_step) == (NAME, "dre\x1b[2Jams", "waiting", "")
    assert RunFollower(run).catch_up().role == "dreams"
    assert read_plan(run.plan_file, Plan).model_name == "novel"
    ran = benchtui("runs", "--outputs", str(outputs))
    assert "a kind that this version does not know (dreams)" in ran.stdout
    ran = benchtui("resume", NAME, "--outputs", str(outputs))
    assert ran.returncode == 1
    assert "is a run of the kind dreams, which this benchtui does not have." in ran.stderr


def test_it_is_no_benchmark(outputs: Path) -> None:
    run = make_run(outputs)
    with pytest.raises(BenchtuiError, match="is a run of the kind words, not benchmark"):
        run.plan()
    assert "is a run of the kind words" in benchtui("compare", NAME, "--outputs", str(outputs)).stderr


def test_its_lock_lies_beside_it_whatever_the_folders_above_are_called(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "benchmarks" / "novel" / "words" / "2026-11-20T10-30-15")
    assert run.model_lock.parent == run.path.parent


def test_nothing_is_written_through_a_link_in_its_place(outputs: Path) -> None:
    run = make_run(outputs)
    elsewhere = run.path.rename(outputs.parent / "elsewhere")
    run.path.symlink_to(elsewhere)
    ran = benchtui("resume", NAME, "--outputs", str(outputs))
    assert ran.returncode == 1
    assert "is a link to another place" in ran.stderr
    assert [file.name for file in elsewhere.rglob("*.*")] == ["plan.json"]
