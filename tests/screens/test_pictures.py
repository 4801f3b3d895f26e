"""Every screen as a picture: at 80×24 and 120×36, dark, light, and without colours."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import Advance, Decision, Event, Phase, Watchdog, WorkerStarted, encode
from benchtui.runs.kinds.benchmark.events import Planned, PlannedTask, Progress, Scores
from benchtui.runs.live_score import LiveScore
from benchtui.runs.records import LaunchRecord, this_process, write_record
from benchtui.runs.workers import WorkerNow
from screens.app import BenchtuiApp
from tests.screens.conftest import MODEL, NOW, Open, press, settle, type_in
from tests.worker_stories import EIGHT, TWO, workers

SIZES = {"80x24": (80, 24), "120x36": (120, 36)}
MODES = ("dark", "light", "no-colour")
SAFE = ("safe-dark", "safe-light")
"""For colour-blind people; on the screens where a colour says something."""
Act = Callable[[Pilot[int], Path], Awaitable[None]]


def _keys(*keys: str) -> Act:
    async def act(pilot: Pilot[int], _: Path) -> None:
        await press(pilot, *keys)

    return act


async def _tasks(pilot: Pilot[int], _: Path) -> None:
    await press(pilot, "t")
    await settle(pilot, 60)
    await type_in(pilot, "gsm8k")
    await press(pilot, "enter")


async def _live(pilot: Pilot[int], outputs: Path) -> None:
    """A run in the middle of its work; its supervisor is this process."""
    app = pilot.app
    assert isinstance(app, BenchtuiApp)
    app.open_runs([half_done(outputs / MODEL / "benchmarks")])
    await pilot.pause(0.6)
    await settle(pilot)


def _with_workers(found: Sequence[WorkerNow], *keys: str) -> Act:
    """The same with several workers."""

    async def act(pilot: Pilot[int], outputs: Path) -> None:
        app = pilot.app
        assert isinstance(app, BenchtuiApp)
        doing = msgspec.structs.replace(workers(found), t=NOW - 1)
        app.open_runs([half_done(outputs / MODEL / "benchmarks", doing)])
        await pilot.pause(0.6)
        await settle(pilot)
        await press(pilot, *keys)
        await settle(pilot)

    return act


QUIET = Watchdog(t=NOW - 1, state="quiet", silent=61.0, remaining=1739.0)


def half_done(benchmarks: Path, last: Event = QUIET) -> RunDirectory:
    run = RunDirectory(benchmarks / "fine-tuned" / "2026-11-21T00-50-00")
    shutil.copytree(benchmarks / "base" / "run", run.records)
    for left in (run.done, run.worker_log):
        left.unlink()
    write_record(run.launch, LaunchRecord(this_process(), NOW - 95, "live"))
    first, second = "demo_instructions", "demo_knowledge"
    at = NOW - 95
    events: list[Event] = [
        WorkerStarted(t=at, pid=1),
        Phase(t=at + 1, name="loading model", detail=MODEL),
        Decision(t=at + 4, what="device", choice="cpu", why="no GPU here"),
        Decision(t=at + 4, what="dtype", choice="float32", why="half precision is slower on a CPU"),
        Planned(
            t=at + 5,
            tasks=[
                PlannedTask(first, 192, 192, 0, "generate_until"),
                PlannedTask(second, 200, 800, 0, "multiple_choice"),
            ],
        ),
        Phase(t=at + 6, name="evaluating", task=first),
    ]
    events += [_progress(at + 6 + done / 4, first, done, 192, 192) for done in range(4, 193, 4)]
    events.append(
        Scores(
            t=at + 54, task=first, final=True, scores=[LiveScore("prompt_level_strict_acc", "none", 0.776, 0.03, 192)]
        )
    )
    events.append(Phase(t=at + 55, name="evaluating", task=second))
    for done in range(5, 81, 5):
        events.append(_progress(at + 55 + done / 4, second, done, 200, 800))
        score = LiveScore("acc_norm", "none", 0.7, 0.05, done)
        events.append(Scores(t=at + 55 + done / 4, task=second, scores=[score]))
    events.append(Advance(t=NOW - 15, unit="tokens", done=9000, task=second))
    events.append(last)
    run.events.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    return run


def _progress(t: float, task: str, done: int, documents: int, requests: int) -> Progress:
    answered = done * requests // documents
    return Progress(
        t=t, task=task, documents=done, documents_total=documents, requests=answered, requests_total=requests
    )


async def _no_models(pilot: Pilot[int], outputs: Path) -> None:
    shutil.rmtree(outputs)
    await press(pilot, "f5")


SCREENS: dict[str, Act] = {
    "home": _keys(),
    "no-models": _no_models,
    "help": _keys("f1"),
    "wizard-model": _keys("b", "escape"),
    "wizard-base": _keys("b"),
    "wizard-format": _keys("b", "enter"),
    "wizard-suite": _keys("b", "enter", "enter"),
    "wizard-batch": _keys("b", "enter", "enter", "enter"),
    "wizard-review": _keys("b", "enter", "enter", "enter", "enter"),
    "run": _live,
    "run-two-workers": _with_workers(TWO),
    "run-workers": _with_workers(EIGHT, "w"),
    "compare": _keys("enter"),
    "samples": _keys("enter", "enter", "f"),
    "history": _keys("h"),
    "tasks": _tasks,
}


ALL = [(screen, size, mode) for screen in SCREENS for size in SIZES for mode in MODES]
ALL += [(screen, size, mode) for screen in ("home", "run", "compare", "samples") for size in SIZES for mode in SAFE]


_SHORT = [one for one in ALL if one[2] == "dark" or one[1:] == ("80x24", "no-colour")]


@pytest.mark.parametrize(
    ("screen", "size", "mode"), [pytest.param(*one, marks=() if one in _SHORT else pytest.mark.long) for one in ALL]
)
def test_picture(
    screen: str,
    size: str,
    mode: str,
    open_app: Open,
    models: Path,
    still_machine: None,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Any,
) -> None:
    if mode != "no-colour":
        monkeypatch.delenv("NO_COLOR")
    app = open_app()
    if mode not in ("dark", "no-colour"):
        app.theme = f"benchtui-{mode}"

    async def act(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await SCREENS[screen](pilot, models)

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
