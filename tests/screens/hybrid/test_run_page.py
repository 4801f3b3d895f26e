"""The pages of a run that two models answered name them, their strategy, and what both did."""

from __future__ import annotations

from benchtui.runs.directory import RunDirectory
from screens.app import BenchtuiApp
from tests.screens.conftest import press, settle, shown

HOW = "Small model islands-80k, large model islands-400k: uncertainty, threshold 0.3"


async def test_a_finished_run_says_how_it_was_answered(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    async with pair_app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        pair_app.open_runs([pair])
        await pilot.pause(0.5)
        await press(pilot, "i")
        await pilot.pause(0.3)
        screen = shown(pilot)
        assert HOW in screen
        assert "of tokens, not of compute)" in screen
        assert "finished" in screen


async def test_its_scores_stand_beside_what_both_models_did(pair_app: BenchtuiApp, pair: RunDirectory) -> None:
    async with pair_app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        pair_app.open_comparison(pair.path.parents[2], pair)
        await settle(pilot)
        screen = shown(pilot)
        assert HOW in screen
        assert "tokens by the large model. That is not compute" in screen
        assert "Log-likelihoods by token mixture" in screen
        await press(pilot, "enter", "escape")
        assert HOW in shown(pilot), "still there behind the samples"
