"""The wizard: five questions and a review, answered by keyboard; the way back open; flags as answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchtui.demo.workspace import demo_paths
from benchtui.plans.choice import Choice
from benchtui.runs.directory import RunDirectory
from screens.run.run import RunPage
from tests.screens.conftest import MODEL, Open, press, settle, shown, type_in


async def test_all_questions_to_the_review(
    open_app: Open, still_machine: None, monkeypatch: pytest.MonkeyPatch, models: Path
) -> None:  # fmt: skip
    started: list[Choice] = []
    base = RunDirectory(models / MODEL / "benchmarks" / "base")

    def launch(choice: Choice) -> list[RunDirectory]:
        started.append(choice)
        return [base]

    monkeypatch.setattr("screens.wizard.wizard.launch", launch)
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "b")
        assert "Compare it with the model it was trained from?" in shown(pilot)
        assert "islands/islands-400k, named by" in " ".join(shown(pilot).split()), "the resolved base and its source"
        await press(pilot, "escape")
        assert "Which trained model?" in shown(pilot)
        await press(pilot, "enter", "enter")
        assert "Which weights" in shown(pilot)
        assert "lora" in shown(pilot)
        await press(pilot, "down", "enter")
        assert "Which tasks?" in shown(pilot)
        assert "541 samples" in shown(pilot)
        await press(pilot, "up", "enter")  # test, above quick
        assert "step 5 of 6" in shown(pilot)
        await press(pilot, "down", "enter")
        screen = shown(pilot)
        assert "$ benchtui run --isolated --model" in screen
        assert "--format lora" in " ".join(screen.split())
        assert "▲ NLTK data" in screen, "a warning of the preflight"
        await press(pilot, "s")
        await settle(pilot)
        assert isinstance(app.screen, RunPage)
    [choice] = started
    assert (choice.model, choice.format, choice.suite, choice.batch_size) == (MODEL, "lora", "test", 1)
    assert choice.compare
    assert choice.base is None, "the base that the files name need not be repeated"


async def test_flags_are_answers(open_app: Open, still_machine: None) -> None:
    choice = Choice(
        outputs=Path("outputs"),
        model=MODEL,
        base="org/other",
        tasks=("demo_knowledge",),
        include_paths=(demo_paths().tasks,),
        limit=5.0,
        timeout=1800.0,
        batch_size=4,
    )
    async with open_app(choice, typed=True).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "org/other" in shown(pilot), "the wizard opens at once with the flags in place"
        await press(pilot, "enter", "enter")
        assert "The tasks named below" in shown(pilot)
        await press(pilot, "enter", "enter")
        words = " ".join(shown(pilot).split())
        assert "--base org/other" in words
        assert "--tasks demo_knowledge" in words
        assert "--limit 5 --timeout 1800s --batch-size 4" in words
        assert "30min" in words


@pytest.mark.slow
@pytest.mark.long
async def test_m_measures_how_long_a_suite_takes(open_app: Open, models: Path) -> None:
    """The real command on the real model; nothing of it stays."""
    before = {place for place in models.rglob("*") if "benchmarks" in place.parts}
    choice = Choice(
        outputs=models,
        model=MODEL,
        tasks=("demo_knowledge",),
        include_paths=(demo_paths().tasks,),
        device="cpu",
        offline=True,
        compare=False,
    )
    app = open_app(choice, typed=True)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter")
        assert "The tasks named below" in shown(pilot)
        await pilot.press("m")
        await pilot.pause(0.2)
        assert "Measuring The tasks named below: loading the model" in shown(pilot)
        await settle(pilot, 90)
        assert re.search(r"By a measurement of 4 samples per task: demo_knowledge [\d.]+/s", shown(pilot))
        await press(pilot, "tab")
        await type_in(pilot, "100")
        assert "The tasks named below  under a minute (only 4 answers measured)" in shown(pilot), "a hundred documents"
    assert {place for place in models.rglob("*") if "benchmarks" in place.parts} == before


async def test_a_benchmark_that_stops_once_decided(open_app: Open) -> None:
    async with open_app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "b", "enter", "enter", "tab")
        await type_in(pilot, "all")
        await press(pilot, "tab", "enter", "down", "enter")
        assert "when clear" in shown(pilot)
        await press(pilot, "ctrl+n", "ctrl+n")
        words = " ".join(shown(pilot).split())
        assert "quick, all each" in words
        assert "--suite quick --limit all --decide-early" in words
        assert "--decide-delta" not in words


async def test_a_wrong_number_of_documents_is_said_at_once(open_app: Open) -> None:
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "b", "enter", "enter", "tab")
        await type_in(pilot, "many")
        await press(pilot, "enter")
        screen = shown(pilot)
        assert "'many' is no number of samples." in screen
        assert "Which tasks?" in screen


async def test_a_run_that_does_not_start_says_why(open_app: Open, still_machine: None) -> None:
    """The real command, with a task nobody knows."""
    choice = Choice(outputs=Path("outputs"), model=MODEL, tasks=("no_such_task",), offline=True)
    app = open_app(choice, typed=True)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter", "enter", "enter")
        await press(pilot, "s")
        await settle(pilot, 60)
        assert "There is no task, group or tag 'no_such_task'." in shown(pilot)
        assert "Review" in shown(pilot), "the answers are still there"


async def test_unknown_model_in_a_flag(open_app: Open) -> None:
    choice = Choice(outputs=Path("outputs"), model="island-400k")
    async with open_app(choice, typed=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "There is no model 'island-400k' in outputs." in shown(pilot)
        assert "Which trained model?" in shown(pilot)
