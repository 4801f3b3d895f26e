"""Texts that would break a screen: markup, control codes, parts of characters, right-to-left, wide and no width, and
thousands of tokens on one line."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from benchtui.results.tokens import read_tokens
from screens.app import BenchtuiApp
from screens.tokens.text import TokenText
from screens.tokens.token_view import TokenView
from tests.screens.conftest import press, settle, shown
from tests.screens.test_hostile import EVIL, MARKUP, harmless
from tests.screens.tokens.made_run import Made, made_run

PARTS = " naïve 🙂 日本 👩‍👩‍👧 \u200b\u200d e\u0301 end"
WIDE = " 漢字かな" * 120


async def _view(pilot: Pilot[int], model: Path, *texts: Made) -> TokenView:
    found = read_tokens(made_run(model, texts, labels=("[b]base[/]\x1b[2J", "مرحبا \u202etuned")).path)
    await settle(pilot)
    view = TokenView(found, range(len(texts)), 0)
    pilot.app.push_screen(view)
    await settle(pilot)
    return view


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_hostile_text_is_shown_and_harmless(app: BenchtuiApp, model: Path, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await _view(pilot, model, Made(f"{MARKUP} #1", EVIL, EVIL, EVIL, "fixed"), Made("other #2", EVIL, EVIL))
        screen = shown(pilot)
        harmless(screen)
        assert "[bold" in screen, "markup is text"
        for key in ["right"] * 5 + ["end", "m", "d"]:
            await press(pilot, key)
            harmless(shown(pilot))
        app.open_tokens(model / "tokens" / "2026-11-21T00-30-00", "documents")
        await settle(pilot)
        harmless(shown(pilot))
        for key in ("c", "p", "l", "u", "f", "v"):
            await press(pilot, key)
            harmless(shown(pilot))


async def test_parts_of_characters_are_one_whole_character(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        view = await _view(pilot, model, Made("parts #1", "Q:", PARTS))
        screen = shown(pilot)
        assert "�" not in screen
        for character in "ï🙂日本":
            assert character in screen
        text = view.query_one(TokenText)
        cell = next(c for line in text.layout_shown.lines for c in line if c.part == "🙂")
        assert cell.piece.last - cell.piece.first == 3, "four bytes, four tokens, one character"
        text.go_to(cell.piece.first + 1)
        await settle(pilot)
        assert "⟨9F⟩" in shown(pilot), "the token itself is one byte of it"


async def test_lines_are_never_wider_than_the_screen(app: BenchtuiApp, model: Path) -> None:
    for width in (80, 41):
        async with BenchtuiApp(app.settings).run_test(size=(width, 24)) as pilot:
            view = await _view(pilot, model, Made("wide #1", WIDE, WIDE + PARTS))
            text = view.query_one(TokenText)
            for line in text.layout_shown.lines:
                assert sum(cell_len(cell.part) for cell in line) <= text.columns
            for key in ("end", "up", "pageup", "home", "down"):
                await press(pilot, key)
            assert all(cell_len(line) <= width for line in shown(pilot).splitlines())


async def test_four_thousand_tokens_on_one_line_stay_smooth(app: BenchtuiApp, model: Path) -> None:
    answer = "".join(f" w{number % 40}" for number in range(4_000))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await _view(pilot, model, Made("long #1", "Q:", answer))
        text = view.query_one(TokenText)
        assert text.layout_shown.tokens == 4_001
        took = []
        for key in ["right", "down", "pagedown", "n", "left", "up"] * 8 + ["end", "home"]:
            began = time.perf_counter()
            await pilot.press(key)
            took.append(time.perf_counter() - began)
        assert text.cursor == 0
        assert statistics.median(took) < 0.1, "half of it on a machine that does nothing else: tests/perf"
        await press(pilot, "end")
        assert "Token 4,001 of 4,001" in shown(pilot)
