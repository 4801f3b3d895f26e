"""The leaderboard by keyboard and mouse."""

from __future__ import annotations

import re
from pathlib import Path

from screens.compare.compare import ComparePage
from screens.leaderboard.grid import Grid
from tests.screens.conftest import press, settle, shown, type_in
from tests.screens.leaderboard.conftest import Board, names, to_board

BASE = "org/base"


async def test_rows_columns_and_signs(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        screen = shown(pilot)
        assert "5 rows · against org/base" in screen
        assert "comparing" not in screen, "everything is compared"
        (good,) = (line for line in screen.splitlines() if "▸ good" in line)
        assert "▲" in good
        (bad,) = (line for line in screen.splitlines() if "  bad " in line)
        assert "▼" in bad
        (base,) = (line for line in screen.splitlines() if f"▸ {BASE} " in line)
        assert base.count("reference") == 3


async def test_it_is_sorted_by_any_column_with_the_best_first(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        rows = await to_board(pilot)
        assert names(pilot)[0] == "▸ good"
        assert rows.column == 4, "the mean of the tasks"
        await press(pilot, "s")
        assert names(pilot)[-1] == "▸ good", "the other way round"
        await press(pilot, "left", "left", "s")
        assert names(pilot)[0] == "odd", "the column with the cursor"
        assert names(pilot)[-1] == "bad"
        await press(pilot, "right", "s")
        assert names(pilot)[0] == "odd"
        await press(pilot, "s")
        assert names(pilot)[0] == "odd", "those without a score come last in both directions"
        await press(pilot, "left", "left", "left", "s")
        assert names(pilot) == ["bad", "▸ good", "odd", f"▸ {BASE}", "same"]
        await press(pilot, "s")
        assert names(pilot) == ["same", f"▸ {BASE}", "odd", "▸ good", "bad"]


async def test_less_is_better_where_the_metric_says_so(open_board: Board) -> None:
    async with open_board().run_test(size=(160, 36)) as pilot:
        await to_board(pilot)
        await press(pilot, "left", "end")
        assert "There is no score of this task." in shown(pilot)
        await press(pilot, "s")
        assert names(pilot)[0] == "odd"
        assert "less is better" in shown(pilot)


async def test_a_filter_hides_rows_and_changes_no_verdict(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        tests = shown(pilot).split("corrected for ")[1].split()[0]
        await press(pilot, "slash")
        await type_in(pilot, "GOOD")
        assert names(pilot) == ["▸ good"]
        await press(pilot, "enter")
        assert shown(pilot).split("corrected for ")[1].split()[0] == tests
        assert pilot.app.screen.query_one(Grid).has_focus
        await press(pilot, "slash")
        await type_in(pilot, "nobody")
        assert "No row has these words." in shown(pilot)
        await press(pilot, *["backspace"] * 6, "escape")
        assert len(names(pilot)) == 5
        await press(pilot, "escape")
        assert "Last result" in shown(pilot)


async def test_groups(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        await press(pilot, "o")
        assert names(pilot)[:3] == [f"{BASE}  5", f"▸ {BASE}", "▸ good"], "the base first"
        await press(pilot, "o")
        assert "good  1" in names(pilot)
        await press(pilot, "o")
        assert "good  1" not in names(pilot)


async def test_other_runs_unfold_with_their_scores(open_board: Board, outputs: Path) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        await press(pilot, "space")
        assert names(pilot)[:3] == ["▾ good", "2026-11-19 10:00", "2026-11-18 10:00"]
        old = next(line for line in shown(pilot).splitlines() if "2026-11-18" in line)
        assert "%" in old
        await press(pilot, "down")
        assert "Another run of good, which does not count here." in shown(pilot)
        assert "Against" not in shown(pilot), "nothing of the row above"
        await press(pilot, "enter")
        page = pilot.app.screen
        assert isinstance(page, ComparePage)
        assert "2026-11-19" in shown(pilot)
        await press(pilot, "escape", "up", "space")
        assert names(pilot)[1] != "2026-11-19 10:00"
        await press(pilot, "down", "space")
        assert [toast.message for toast in pilot.app._notifications] == ["There are no other runs of this row."]


async def test_enter_opens_the_comparison_behind_a_cell(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        await press(pilot, "left", "left", "left")
        figures = re.search(r"([−+][\d.]+) points \(95 % CI ([−\d.]+ to [−\d.]+)", shown(pilot))
        assert figures is not None
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, ComparePage)
        assert all(figure in shown(pilot) for figure in figures.groups()), "the same to the last digit"
        await press(pilot, "escape")
        assert names(pilot)[0] == "▸ good"


async def test_any_row_can_be_the_reference(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        await press(pilot, "r")
        screen = shown(pilot)
        assert "against good" in screen
        (good,) = (line for line in screen.splitlines() if "▸ good" in line)
        assert "reference" in good
        (base,) = (line for line in screen.splitlines() if f"▸ {BASE} " in line)
        assert "▼" in base, "the base is worse than it"
        await press(pilot, "r")
        assert "against org/base" in shown(pilot)


async def test_what_cannot_be_compared_says_why(open_board: Board) -> None:
    async with open_board().run_test(size=(160, 36)) as pilot:
        rows = await to_board(pilot)
        rows.cursor = names(pilot).index("odd")
        await press(pilot, "left", "left")
        assert "✕" in next(line for line in shown(pilot).splitlines() if "  odd " in line)
        assert "Not comparable: " in shown(pilot)


async def test_narrow_terminals_scroll_and_keep_the_first_column(open_board: Board) -> None:
    async with open_board().run_test(size=(60, 20)) as pilot:
        rows = await to_board(pilot)
        screen = shown(pilot)
        assert "‹" in screen
        assert "▸ good" in screen
        assert rows.places[-1].column == 4
        assert all(len(line) <= 60 for line in screen.splitlines())
        await press(pilot, "left", "left", "left", "left")
        assert "‹" not in shown(pilot)
        assert "›" in shown(pilot)
        assert "▸ good" in shown(pilot)


async def test_the_mouse(open_board: Board) -> None:
    async with open_board().run_test(size=(120, 36)) as pilot:
        rows = await to_board(pilot)
        second = rows.places[2].x + 3
        await pilot.click(Grid, offset=(second, 0))
        await settle(pilot)
        assert names(pilot)[0] == "odd", "sorted by the title that was clicked"
        await pilot.click(Grid, offset=(second, 2))
        await settle(pilot)
        assert (rows.cursor, rows.column) == (1, 2)
        assert not isinstance(pilot.app.screen, ComparePage)
        rows.cursor = 0
        await pilot.click(Grid, offset=(second, 1))
        await settle(pilot)
        assert isinstance(pilot.app.screen, ComparePage), "a second click opens the comparison"


async def test_an_empty_folder_says_so(open_board: Board, outputs: Path) -> None:
    for folder in outputs.iterdir():
        folder.rename(outputs.parent / folder.name)
    async with open_board().run_test(size=(80, 24)) as pilot:
        await to_board(pilot)
        assert "Nothing has results yet." in shown(pilot)
        await press(pilot, "enter", "s", "o", "space", "r", "d", "h", "right", "slash", "a", "escape", "f5", "f1")
        assert "Which model is best" in shown(pilot)
