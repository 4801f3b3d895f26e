"""The pages of a sweep: reachable from the list of runs, with the curve and the table of its tasks."""

from __future__ import annotations

import json
from pathlib import Path

from benchtui.reports.wording.hybrid import CALLS_FALL
from benchtui.routing.sweeps.records import SWEEP
from benchtui.runs.directory import RunDirectory
from screens.app import BenchtuiApp
from tests.screens.conftest import MODEL, press, settle, shown
from tests.screens.hybrid.record import PAIR

COST = CALLS_FALL[:70]
"""What has room in one line of a small screen."""


async def test_home_lists_the_pair_and_its_runs(pair_app: BenchtuiApp, sweep: RunDirectory) -> None:
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = shown(pilot)
        assert f"+ {PAIR}" in screen
        assert "two models" in screen
        assert "outputs · 3 models" in screen, "a pair is no model"
        await press(pilot, *["down"] * 5)
        screen = shown(pilot)
        assert "Small model islands-80k, large model islands-400k: uncertainty, threshold 0.3" in screen
        assert "2 runs" in screen
        await press(pilot, "h")
        assert "sweep: i" in shown(pilot)
        await press(pilot, "enter")
        screen = shown(pilot)
        assert COST in screen
        assert "task 1 of 2" in screen
        await press(pilot, "escape", "down", "enter")
        assert "There are no base results" in shown(pilot), "the other run is a benchmark"


async def test_a_sweep_by_keys(pair_app: BenchtuiApp, sweep: RunDirectory) -> None:
    found = json.loads((sweep.path / SWEEP).read_text())
    first, second = (task["task"] for task in found["tasks"])
    async with pair_app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        pair_app.open_sweep(sweep.path)
        await settle(pilot)
        screen = shown(pilot)
        assert f"{first} ·" in screen
        assert "small only" in screen
        assert "large only" in screen
        assert "p50" in screen
        assert "◆ recommended" in screen or "● threshold" in screen
        await press(pilot, "a")
        assert "by what it does alone" in shown(pilot)
        axes = {line.strip() for line in shown(pilot).splitlines() if "by what it does alone" in line}
        await press(pilot, "a")
        assert axes != {line.strip() for line in shown(pilot).splitlines() if "by what it does alone" in line}
        metric = shown(pilot).split(f"{first} · ")[1].split(",")[0]
        await press(pilot, "m")
        assert metric != shown(pilot).split(f"{first} · ")[1].split(",")[0]
        await press(pilot, "right_square_bracket")
        assert f"{second} ·" in shown(pilot)
        assert "task 2 of 2" in shown(pilot)
        await press(pilot, "left_square_bracket", "h")
        assert "sweep.html" in shown(pilot)
        assert COST in (sweep.path / "sweep.html").read_text()


async def test_the_figures_are_those_of_the_file(pair_app: BenchtuiApp, sweep: RunDirectory) -> None:
    from benchtui.compare.hybrid.conclusions import conclusions
    from benchtui.reports.wording.hybrid import score_words
    from benchtui.routing.sweeps.records import read_sweep

    found = conclusions(read_sweep(sweep.path), 2.0).tasks[0][1][0]
    async with pair_app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        pair_app.open_sweep(sweep.path)
        await settle(pilot)
        for name, place in (("small only", found.small), ("large only", found.large)):
            line = next(line for line in shown(pilot).splitlines() if name in line)
            assert score_words(place.score, is_share=True) in line


async def test_a_small_terminal_has_the_sentence_in_sight(pair_app: BenchtuiApp, sweep: RunDirectory) -> None:
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pair_app.open_sweep(sweep.path)
        await settle(pilot)
        await press(pilot, "end")
        assert COST in shown(pilot)
        assert all(len(line) <= 80 for line in shown(pilot).splitlines())


async def test_a_sweep_that_is_damaged_or_unfinished_says_so(pair_app: BenchtuiApp, sweep: RunDirectory) -> None:
    (sweep.path / SWEEP).write_text("{")
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pair_app.open_sweep(sweep.path)
        await settle(pilot)
        assert "cannot be read" in shown(pilot)
        await press(pilot, "a", "m", "h", "right_square_bracket", "escape")
        (sweep.path / SWEEP).unlink()
        pair_app.open_sweep(sweep.path)
        await settle(pilot)
        assert "did not come to its end" in shown(pilot)


async def test_names_in_a_sweep_are_only_text(pair_app: BenchtuiApp, sweep: RunDirectory) -> None:
    found = json.loads((sweep.path / SWEEP).read_text())
    found["small"], found["notes"] = "[red]a[/]\x1b[31m", ["[@click=app.quit]x[/]"]
    (sweep.path / SWEEP).write_text(json.dumps(found))
    async with pair_app.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        pair_app.open_sweep(sweep.path)
        await settle(pilot)
        await press(pilot, "end")
        assert "[red]a[/]" in shown(pilot)
        assert "[@click=app.quit]x[/]" in shown(pilot)
        assert "\x1b" not in shown(pilot)


async def test_a_live_sweep_opens_its_page_at_the_end(pair_app: BenchtuiApp, sweep: RunDirectory) -> None:
    async with pair_app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        pair_app.open_runs([sweep])
        await pilot.pause(0.5)
        screen = shown(pilot)
        assert "demo_knowledge" in screen
        assert "40/40" in screen
        await press(pilot, "c")
        assert COST in shown(pilot)


async def test_only_pairs_are_listed_too(pair_app: BenchtuiApp, sweep: RunDirectory, models: Path) -> None:
    import shutil

    for name in (MODEL, "never-benchmarked", "broken"):
        shutil.rmtree(models / name)
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert f"+ {PAIR}" in shown(pilot)
        assert "outputs · 0 models" in shown(pilot)
