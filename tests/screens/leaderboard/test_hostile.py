"""Hostile names and damaged files in a leaderboard: shown as they are, and harmless."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.screens.conftest import press, settle, shown
from tests.screens.leaderboard.conftest import Board, names, to_board
from tests.screens.test_hostile import harmless

NAMES = ("[bold red]evil 🔥 \x1b[2J", "مرحبا \u202eabc", "模型" * 40, "n" * 200)


async def test_names_are_only_text(open_board: Board, outputs: Path) -> None:
    for name in NAMES:
        shutil.copytree(outputs / "good", outputs / name)
    for size in ((60, 20), (120, 36)):
        async with open_board().run_test(size=size) as pilot:
            await to_board(pilot)
            seen = [shown(pilot)]
            for keys in (("o",), ("o",), ("o", "left", "left", "left", "left", "s"), ("end", "space")):
                await press(pilot, *keys)
                seen.append(shown(pilot))
            for screen in seen:
                harmless(screen)
                assert all(len(line) <= size[0] for line in screen.splitlines())
            assert any("[bold" in screen for screen in seen)


async def test_damaged_samples_are_a_cell_that_says_so(open_board: Board, outputs: Path) -> None:
    (run,) = (outputs / "bad" / "benchmarks" / "fine-tuned").iterdir()
    for file in (run / "lm-eval").glob("samples_*"):
        file.write_text("{torn")
    async with open_board().run_test(size=(120, 36)) as pilot:
        rows = await to_board(pilot)
        assert "✕" in next(line for line in shown(pilot).splitlines() if "  bad " in line)
        rows.cursor, rows.column = names(pilot).index("bad"), 1
        await settle(pilot)
        assert "Not comparable: " in shown(pilot)
        assert "39.2%" in shown(pilot), "the score is that of the result file"
        assert "▲" in next(line for line in shown(pilot).splitlines() if "▸ good" in line), "the others are compared"


async def test_a_mistake_of_ours_is_told_and_the_screen_lives(
    open_board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("[bold]it[/] fell over")

    monkeypatch.setattr("benchtui.compare.leaderboard.assemble.complete", broken)
    async with open_board().run_test(size=(120, 36)) as pilot:
        await to_board(pilot)
        assert "ZeroDivisionError: [bold]it[/] fell over" in shown(pilot)
        assert len(names(pilot)) == 5, "the scores are there"
        await press(pilot, "s", "o", "enter")
