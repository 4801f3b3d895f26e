"""The screens of two models that answer as one as pictures: at 80×24 and 120×36, dark, light, without colours, and in
the colours for colour-blind people. All show a real run of the demo's pair."""

from __future__ import annotations

import json
import shutil
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.records import LaunchRecord, this_process, write_record
from screens.app import BenchtuiApp
from screens.settings import Settings
from tests.screens.conftest import app_in, press, settle
from tests.screens.hybrid.record import BENCHMARKS
from tests.screens.record import WORKSPACE
from tests.screens.test_pictures import MODES, SAFE, SIZES

GOING = 40
"""Lines of the recorded events until the second task is answered and not yet scored."""
Act = Callable[[BenchtuiApp, Pilot[int], RunDirectory, RunDirectory], Awaitable[None]]


def _live(*keys: str) -> Act:
    async def act(app: BenchtuiApp, pilot: Pilot[int], run: RunDirectory, _: RunDirectory) -> None:
        app.open_runs([run])
        await pilot.pause(0.6)
        await press(pilot, *keys)
        await pilot.pause(0.3)

    return act


def _samples(*keys: str) -> Act:
    async def act(app: BenchtuiApp, pilot: Pilot[int], run: RunDirectory, _: RunDirectory) -> None:
        app.open_comparison(run.path.parents[2], run)
        await settle(pilot)
        await press(pilot, *keys)

    return act


async def _sweep(app: BenchtuiApp, pilot: Pilot[int], _: RunDirectory, sweep: RunDirectory) -> None:
    app.open_sweep(sweep.path)
    await settle(pilot)


async def _home(app: BenchtuiApp, pilot: Pilot[int], run: RunDirectory, sweep: RunDirectory) -> None:
    del app, run, sweep
    await press(pilot, *["down"] * 5)


SCREENS: dict[str, Act] = {
    "home": _home,
    "live": _live(),
    "answers": _live("a"),
    "scores": _samples(),
    "text": _samples("enter", "down"),
    "choices": _samples("down", "down", "enter"),
    "sweep": _sweep,
}
ALL = [(screen, size, mode) for screen in SCREENS for size in SIZES for mode in MODES]
ALL += [(screen, size, mode) for screen in ("live", "text") for size in SIZES for mode in SAFE]
_SHORT = [one for one in ALL if one[0] in ("live", "text") and one[1:] in (("80x24", "dark"), ("120x36", "light"))]
_SHORT += [("text", "80x24", "no-colour"), ("sweep", "80x24", "dark")]


def going(run: RunDirectory) -> float:
    """Make the run one that is still going, and return when its last event was; its supervisor is this process."""
    (recorded,) = BENCHMARKS.glob("fine-tuned/*/run/events.jsonl")
    lines = recorded.read_text().replace(WORKSPACE, "/demo").splitlines(keepends=True)[:GOING]
    run.events.write_text("".join(lines))
    begun = json.loads(lines[0])["t"]
    answers = {
        int(line["doc_id"]): line["resps"][0][0]
        for file in run.lm_eval.glob("samples_demo_instructions_*.jsonl")
        for line in map(json.loads, file.read_text().splitlines())
    }
    with Journal(run.journal) as journal:
        for doc_id, answer in answers.items():
            journal.record(RequestKey("demo_instructions", doc_id, 0), "digest", answer)
    run.done.unlink()
    shutil.rmtree(run.lm_eval)
    write_record(run.launch, LaunchRecord(this_process(), begun, "live"))
    return float(json.loads(lines[-1])["t"])


@pytest.mark.parametrize(
    ("screen", "size", "mode"), [pytest.param(*one, marks=() if one in _SHORT else pytest.mark.long) for one in ALL]
)
def test_picture(
    screen: str,
    size: str,
    mode: str,
    pair: RunDirectory,
    sweep: RunDirectory,
    pair_app: BenchtuiApp,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Any,
) -> None:
    now = going(pair) + 1 if screen in ("live", "answers") else pair_app.settings.clock()
    app = app_in(mode, lambda: BenchtuiApp(Settings(pair_app.settings.choice, clock=lambda: now)), monkeypatch)

    async def act(pilot: Pilot[int]) -> None:
        await settle(pilot)
        await SCREENS[screen](app, pilot, pair, sweep)

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
