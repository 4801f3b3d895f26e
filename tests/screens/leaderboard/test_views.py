"""Every pair, training steps and costs, by keyboard and mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from benchtui.compare.leaderboard.assemble import Assembly, assembly_of
from benchtui.compare.leaderboard.records import Candidate, Facts, Key
from benchtui.plans.choice import Choice
from screens.app import BenchtuiApp
from screens.compare.compare import ComparePage
from screens.leaderboard.grid import Grid
from screens.leaderboard.matrix import MatrixPage
from screens.leaderboard.pareto import ParetoPage
from screens.leaderboard.steps import StepsPage
from screens.leaderboard.view import ViewPage
from screens.settings import Settings
from screens.widgets.rows import Rows
from tests.compare.leaderboard.written import checkpoints, follows, solves, write_candidate
from tests.screens.conftest import NOW, press, settle, shown
from tests.screens.leaderboard.conftest import Board, to_board

SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x50": (200, 50)}
PAGES: dict[str, type[ViewPage[Any]]] = {"pairs": MatrixPage, "training": StepsPage, "costs": ParetoPage}


def with_facts(candidates: list[Candidate]) -> list[Candidate]:
    sizes = [None, 5, 2, 3, 4, 8, 1]
    return [
        msgspec.structs.replace(
            candidate, facts=Facts(size=size << 30 if size else None, speed=40.0 - 3 * place if place else 40.0)
        )
        for place, (candidate, size) in enumerate(zip(candidates, sizes, strict=False))
    ]


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """A base with five checkpoints of one model, whose last one is much worse, and one that asked other prompts."""
    place = tmp_path_factory.mktemp("runs")
    found = checkpoints(place, (0.4, 0.6, 0.55, 0.61, 0.4))
    other = write_candidate(place, Key("other prompts"), {"ifeval": follows(0.5, 9, prompt="Please: ")})
    return assembly_of(with_facts([*found, other]))


Open = Callable[[], BenchtuiApp]


@pytest.fixture
def open_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").mkdir()
    return lambda: BenchtuiApp(Settings(Choice(outputs=Path("outputs")), clock=lambda: NOW))


@pytest.fixture
def app(open_app: Open) -> BenchtuiApp:
    return open_app()


async def to_page(pilot: Pilot[int], page: ViewPage[Any]) -> str:
    await settle(pilot)
    pilot.app.push_screen(page)
    await settle(pilot)
    return shown(pilot)


async def test_every_pair_and_the_comparison_behind_it(app: BenchtuiApp, assembly: Assembly) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await to_page(pilot, MatrixPage(assembly))
        assert "checkpoint-40 against tuned/checkpoint-20" in screen.replace("tuned/checkpoint-40", "checkpoint-40")
        best = next(line for line in screen.splitlines() if "checkpoint-40 " in line)
        assert best.split()[3:] == ["+1.0", "·", "+6.0", "·", "✕", "+21.0", "▲", "+21.0", "▲", "+31.0", "▲"]
        await press(pilot, "right", "right", "right")
        assert "corrected" in shown(pilot) or "p < 0.001" in shown(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, ComparePage)
        assert "21.0" in shown(pilot)
        await press(pilot, "escape", "down", "left", "left", "left")
        assert pilot.app.screen.query_one(Grid).column == 2, "on the diagonal"
        await press(pilot, "enter")
        assert not shown(pilot).count("Benchmark"), "no comparison was opened"
        assert "Nothing to compare." in [toast.message for toast in pilot.app._notifications]


async def test_what_cannot_be_compared_says_why(app: BenchtuiApp, assembly: Assembly) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await to_page(pilot, MatrixPage(assembly))
        await press(pilot, "right", "right")
        assert "✕ not comparable: " in shown(pilot)
        assert "prompt" in shown(pilot)


async def test_training_says_where_the_first_drop_is(app: BenchtuiApp, assembly: Assembly) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await to_page(pilot, StepsPage(assembly))
        assert "First drop that is shown: step 50." in screen
        drop = next(line for line in screen.splitlines() if line.strip().startswith("50 "))
        assert "▼" in drop
        assert drop.rstrip().endswith("40: −21.0 ▼ p <0.001")
        await press(pilot, "end")
        assert "forgetting" in shown(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, ComparePage)
        await press(pilot, "escape", "home", "enter")
        assert isinstance(pilot.app.screen, ComparePage), "a step that is not lower is compared with its base"


async def test_costs_say_who_is_dominated(app: BenchtuiApp, assembly: Assembly) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await to_page(pilot, ParetoPage(assembly))
        assert "Score against [Size on disk]   Tokens/s" in screen
        assert "◆" in screen, "the plot has room"
        last = next(line for line in screen.splitlines() if "checkpoint-50 " in line and "GB" in line)
        assert last.split()[4:] == ["tuned/checkpoint-40", "+21.0", "▲", "<0.001"]
        await press(pilot, "enter")
        assert "No other model dominates this one." in [toast.message for toast in pilot.app._notifications]
        rows = pilot.app.screen.query_one(Rows)
        while "tuned/checkpoint-50 against" not in shown(pilot) and rows.cursor < rows.count - 1:
            await press(pilot, "down")
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, ComparePage)
        await press(pilot, "escape", "a")
        assert "Score against Size on disk   [Tokens/s]" in shown(pilot)


async def test_from_task_to_task(app: BenchtuiApp, tmp_path: Path) -> None:
    found = [
        write_candidate(
            tmp_path, Key("m", f"checkpoint-{n}"), {"ifeval": follows(0.5, n), "gsm8k": solves(0.3, n)}, step=float(n)
        )
        for n in (1, 2)
    ]
    assembly = assembly_of(with_facts(found))
    async with app.run_test(size=(120, 36)) as pilot:
        for page in PAGES.values():
            screens = {await to_page(pilot, page(assembly))}
            for _ in assembly.columns[1:]:
                await press(pilot, "right_square_bracket")
                screens.add(shown(pilot))
            assert len(screens) == len(assembly.columns)
            await press(pilot, "right_square_bracket")
            assert shown(pilot) in screens, "around to the first"
            await press(pilot, "escape")


async def test_the_mouse_opens_a_pair(app: BenchtuiApp, assembly: Assembly) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await to_page(pilot, MatrixPage(assembly))
        rows = pilot.app.screen.query_one(Grid)
        at = rows.places[3].x + 3
        await pilot.click(Grid, offset=(at, 1))
        await settle(pilot)
        assert (rows.cursor, rows.column) == (0, 3)
        await pilot.click(Grid, offset=(at, 1))
        await settle(pilot)
        assert isinstance(pilot.app.screen, ComparePage)


async def test_the_leaderboard_opens_them(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        for key, page in zip("mtp", PAGES.values(), strict=True):
            await press(pilot, key)
            assert isinstance(pilot.app.screen, page)
            await press(pilot, "escape")
        await press(pilot, "t")
        assert "No model here has results of two checkpoints" in shown(pilot)
        await press(pilot, "enter", "right_square_bracket", "c")
        assert "all-checkpoints" in shown(pilot), "what to type"
        await press(pilot, "f1")
        assert "When was the model best" in shown(pilot)


async def test_foreign_names_are_text(app: BenchtuiApp, tmp_path: Path) -> None:
    hostile = "[red]a\x1b[31m\n<b>" + "x" * 300
    made = [
        write_candidate(tmp_path, Key(f"m{n}", f"checkpoint-{n}"), {"ifeval": follows(0.5, n)}, step=n)
        for n in range(2)
    ]
    keys = [msgspec.structs.replace(c.key, model=hostile) for c in made]
    found = [msgspec.structs.replace(c, name=f"{hostile}{n}", key=keys[n]) for n, c in enumerate(made)]
    async with app.run_test(size=(80, 24)) as pilot:
        for page in PAGES.values():
            screen = await to_page(pilot, page(assembly_of(with_facts(found))))
            assert "[red]a" in screen
            assert all(len(line) <= 80 for line in screen.splitlines())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_picture(
    name: str, size: str, open_app: Open, assembly: Assembly, snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    app = open_app()

    async def act(pilot: Pilot[int]) -> None:
        await to_page(pilot, PAGES[name](assembly))
        await press(pilot, "down", "down", "down")

    assert snap_compare(app, run_before=act, terminal_size=SIZES[size])
