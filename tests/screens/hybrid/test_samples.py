"""Samples of a run that two models answered: which of them wrote what, by colour and by sign."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from benchtui.runs.directory import RunDirectory
from screens.app import BenchtuiApp
from screens.compare.answer_text import AnswerText
from tests.screens.conftest import press, settle, shown

TEXTS, CHOICES = ("enter",), ("down", "down", "enter")
"""From the first row of the scores to the samples of each task."""


async def open_comparison(pilot: Pilot[int], pair: RunDirectory) -> None:
    app = pilot.app
    assert isinstance(app, BenchtuiApp)
    await settle(pilot)
    app.open_comparison(pair.path.parents[2], pair)
    await settle(pilot)


def samples(pair: RunDirectory, task: str) -> Path:
    (file,) = pair.lm_eval.glob(f"samples_{task}_*.jsonl")
    return file


def rewrite(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(change(line)) + "\n" for line in lines))


async def test_a_run_without_a_base_has_its_samples(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await open_comparison(pilot, pair)
        screen = shown(pilot)
        assert "There are no base results" in screen
        assert "Following Instructions" in screen
        await press(pilot, *TEXTS)
        assert "all 12" in shown(pilot)
        await press(pilot, "f")
        assert "✗" not in shown(pilot), "right ones alone"
        await press(pilot, "f", "t")
        assert "Tokens are compared between two runs." in shown(pilot)
        await press(pilot, "escape")
        assert "There are no base results" in shown(pilot)


async def test_signs_below_the_text_are_who_wrote_it(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    line = next(
        one
        for one in map(json.loads, samples(pair, "demo_instructions").read_text().splitlines())
        if len(one["routed"][0][0]["runs"]) > 2
    )
    answer, by = line["resps"][0][0], line["routed"][0][0]
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await open_comparison(pilot, pair)
        await press(pilot, *TEXTS, *["down"] * line["doc_id"])
        lines = [one.strip() for one in shown(pilot).splitlines()]
        signs = lines[lines.index(answer) + 1]
        expected = "".join(("░" if who == "small" else "█") * length for who, _, length in by["runs"])
        assert signs == expected[: len(answer)]
        share = f"{100 * by['large'] / (by['small'] + by['large']):.0f}%"
        assert f"░ small {by['small']} tokens · █ large {by['large']} ({share} of tokens, not of compute)" in lines


async def test_choices_have_the_tokens_of_each_model(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    def mixed(line: dict[str, Any]) -> dict[str, Any]:
        one = {"small": 3, "large": 1}
        return line | {"routed": [[one], [{"small": 0, "large": 2}], [{"small": 4, "large": 0}], [None]]}

    rewrite(samples(pair, "demo_knowledge"), mixed)
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await open_comparison(pilot, pair)
        await press(pilot, *CHOICES)
        screen = shown(pilot)
        assert "owl  ░3 █1" in screen
        assert "dog  █2" in screen
        assert "seal  ░4" in screen
        assert "░ small 7 tokens · █ large 3 (30% of tokens, not of compute)" in screen


async def test_drafts_are_told(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    def drafted(line: dict[str, Any]) -> dict[str, Any]:
        line["routed"][0][0] |= {"drafted": 120, "accepted": 97}
        return line

    rewrite(samples(pair, "demo_instructions"), drafted)
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await open_comparison(pilot, pair)
        await press(pilot, *TEXTS)
        assert "drafts accepted 97 of 120" in shown(pilot)


HOSTILE = "[red]no[/red] \x1b[31m\x07漢字 e\u0301 \ud83d \u202e\t\r\n[@click=app.quit]x[/]"


@pytest.mark.parametrize("answer", [HOSTILE, "", "word " * 4000, "漢" * 500])
async def test_no_text_breaks_the_screen(pair_app: BenchtuiApp, pair: RunDirectory, answer: str) -> None:
    def hostile(line: dict[str, Any]) -> dict[str, Any]:
        runs = [["small" if n % 2 else "large", 1, 5] for n in range(4000)]
        routed = [[{"small": 2000, "large": 2000, "runs": runs}]]
        return line | {"resps": [[answer]], "filtered_resps": [answer], "routed": routed}

    rewrite(samples(pair, "demo_instructions"), hostile)
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await open_comparison(pilot, pair)
        await press(pilot, *TEXTS)
        screen = shown(pilot)
        assert "\x1b" not in screen
        assert "░ small 2,000 tokens" in screen or "█████░░░░░" in screen
        assert "[red]no[/red]" in screen or answer is not HOSTILE
        await pilot.resize_terminal(60, 20)
        await settle(pilot)
        width = pilot.app.screen.query_one("#second-answer", AnswerText).size.width
        assert width < 60
        assert all(len(one) <= 60 for one in shown(pilot).splitlines())


async def test_a_click_on_a_sample_shows_it(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    async with pair_app.run_test(size=(120, 36)) as pilot:
        await open_comparison(pilot, pair)
        await press(pilot, *TEXTS)
        await pilot.click("#sample-rows", offset=(8, 3))
        await settle(pilot)
        assert "demo_instructions #3" in shown(pilot)
        assert "of tokens, not of compute" in shown(pilot)


async def test_a_run_whose_samples_are_gone_has_its_scores(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    for file in pair.lm_eval.glob("samples_*"):
        file.unlink()
    async with pair_app.run_test(size=(80, 24)) as pilot:
        await open_comparison(pilot, pair)
        screen = shown(pilot)
        assert "There are no base results" in screen
        assert "25.00%" in screen
        await press(pilot, "enter")
        assert "No samples" in shown(pilot)
