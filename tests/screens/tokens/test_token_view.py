"""The text of a document token by token: what is on the screen is what the store has."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot

from benchtui.results.tokens import read_tokens
from benchtui.tokens.store import DistributionStore, open_store
from screens.app import BenchtuiApp
from screens.tokens.run import TokensPage
from screens.tokens.text import TokenText
from screens.tokens.token_view import TokenView
from tests.screens.conftest import press, settle, shown, type_in
from tests.screens.tokens.made_run import TEXTS, made_run


async def _open(pilot: Pilot[int], model: Path, document: int = 0, **more: object) -> DistributionStore:
    run = made_run(model)
    found = read_tokens(run.path)
    await settle(pilot)
    pilot.app.push_screen(TokenView(found, range(len(TEXTS)), document, **more))  # type: ignore[arg-type]
    await settle(pilot)
    return open_store(run.path)


def _cursor(pilot: Pilot[int]) -> int:
    return pilot.app.screen.query_one(TokenText).cursor


async def test_figures_are_those_of_the_store(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        store = await _open(pilot, model)
        js = store.pair(0, 1, 0).js
        assert _cursor(pilot) == int(np.flatnonzero(js >= np.quantile(store.pair_column(0, 1, "js"), 0.95))[0])
        screen = shown(pilot)
        at = _cursor(pilot)
        assert f"Token {at + 1} of {len(js)}" in screen
        for side in (0, 1):
            scores = store.scores(side, 0)
            vocabulary = store.vocabulary(side)
            for token, logprob in zip(scores.top_ids[at][:5], scores.top_logprobs[at][:5], strict=True):
                p = math.exp(logprob)
                line = f'"{vocabulary.text(int(token)).replace(chr(10), "⏎")}"'
                assert line in screen, "each of the five likeliest tokens"
                assert f"{p:.3f}" in screen or p < 0.0005
            assert f"rank {scores.rank[at]:,}" in screen
        assert f"JS mean {js.mean(dtype=np.float64):.4f}" in screen


async def test_bars_and_marks_stand_below_their_tokens(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        store = await _open(pilot, model)
        lines = shown(pilot).splitlines()
        row = next(n for n, line in enumerate(lines) if "<<16-3" in line)
        place = lines[row].index("<<") - 1
        assert lines[row + 1][place] in "▆▇█"
        assert lines[row + 2][place] == "^", "the likeliest token has changed"
        changed = ~store.pair(0, 1, 0).same_top
        assert sum(line.count("^") for line in lines[:-1]) == changed.sum(), "the whole text is in sight"


async def test_keys_go_from_divergence_to_divergence(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        store = await _open(pilot, model)
        js, limit = store.pair(0, 1, 0).js, np.quantile(store.pair_column(0, 1, "js"), 0.95)
        far = np.flatnonzero(js >= limit).tolist()
        seen = [_cursor(pilot)]
        for _ in far[1:]:
            await press(pilot, "n")
            seen.append(_cursor(pilot))
        assert seen == far
        await press(pilot, "n")
        assert _cursor(pilot) == far[-1], "there is none behind it"
        await press(pilot, "N")
        assert _cursor(pilot) == far[-2]
        await press(pilot, "home", "right", "down")
        assert _cursor(pilot) > 2, "a line below"
        await press(pilot, "up")
        assert _cursor(pilot) == 1
        await press(pilot, "end")
        assert _cursor(pilot) == len(js) - 1
        assert "<|im_end|>" in shown(pilot).split("Token ")[1], "the end is scored too"


async def test_words_are_found(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await _open(pilot, model)
        await press(pilot, "slash")
        await type_in(pilot, "MARKET")
        await press(pilot, "enter")
        assert '" market"' in shown(pilot)


async def test_flipped_documents_only(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await _open(pilot, model)
        assert "document 1 of 6" in shown(pilot)
        await press(pilot, "f", "d", "d")
        screen = shown(pilot)
        assert "document 3 of 4 that changed side" in screen
        assert "gsm8k #21" in screen
        assert "▼ broken" in screen


async def test_a_click_puts_the_cursor_on_a_token(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await _open(pilot, model)
        lines = shown(pilot).splitlines()
        row = next(n for n, line in enumerate(lines) if " farmer" in line)
        await pilot.click(offset=(lines[row].index("farmer"), row))
        await settle(pilot)
        assert '" farmer"' in shown(pilot)


async def test_every_metric_colours(app: BenchtuiApp, model: Path) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        await _open(pilot, model)
        for title in ("KL(first‖second)", "entropy", "-ln p of the text", "rank", "JS"):
            await press(pilot, "m")
            assert f"colour and bars: {title}" in shown(pilot)


async def test_texts_of_their_own_are_never_compared(app: BenchtuiApp, model: Path) -> None:
    run = made_run(model, compared=False)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app.open_tokens(run.path)
        await settle(pilot)
        await press(pilot, "d", "enter")
        screen = shown(pilot)
        assert "tuned  entropy" in screen
        assert "base  entropy" not in screen
        assert "JS" not in screen.split("colour and bars")[0]
        assert "KL" not in screen
        await press(pilot, "right_square_bracket")
        assert "base  entropy" in shown(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_page_leads_to_the_places(app: BenchtuiApp, model: Path, size: tuple[int, int]) -> None:
    run = made_run(model)
    store = open_store(run.path)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        app.open_tokens(run.path)
        await settle(pilot)
        assert isinstance(app.screen, TokensPage)
        assert "92.9%" in shown(pilot), "same top token"
        await press(pilot, "p", "enter")
        assert isinstance(app.screen, TokenView)
        assert _cursor(pilot) == int(store.pair(0, 1, 0).js.argmax())
        await press(pilot, "escape", "d", "slash")
        await type_in(pilot, "seven times")
        screen = shown(pilot)
        assert "Seven times" in screen
        assert "It is 4" not in screen
        await press(pilot, "enter", "enter")
        assert "document 1 of 1" in shown(pilot)
        await press(pilot, "escape", "escape", "f")
        screen = shown(pilot)
        assert "2 documents changed side" in screen
        assert "Mann-Whitney" in screen


async def test_an_unfinished_comparison_says_so(app: BenchtuiApp, model: Path) -> None:
    run = made_run(model)
    (run.path / "tokens" / "summary.json").unlink()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.open_tokens(run.path)
        await settle(pilot)
        assert "has not finished" in " ".join(shown(pilot).split())
