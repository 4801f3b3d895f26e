"""Data of one's own in the wizard: typed where tasks are chosen, or given by flags."""

from __future__ import annotations

import json
from pathlib import Path

from textual.widgets import Input

from benchtui.demo.workspace import demo_paths
from benchtui.plans.choice import Choice
from benchtui.settings.rows import NO_SUITE
from tests.screens.conftest import MODEL, Open, press, settle, shown, type_in


def write(file: Path) -> None:
    rows = [{"question": f"[red]What is {n}?[/red]", "answer": f"{n:03}"} for n in range(6)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


async def test_a_file_is_typed_and_reviewed(open_app: Open, still_machine: None, models: Path) -> None:
    write(Path("mine.jsonl"))
    choice = Choice(outputs=models, model=MODEL, base="islands/islands-400k", include_paths=(demo_paths().tasks,))
    async with open_app(choice, typed=True).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter")
        assert "Which tasks?" in shown(pilot)
        assert "Your own data alone" not in shown(pilot)
        pilot.app.screen.query_one("#data", Input).focus()
        await type_in(pilot, "mine.jsonl")
        assert "Your own data alone" in shown(pilot)
        await press(pilot, "enter", "enter")
        words = " ".join(shown(pilot).split())
        assert "--data mine.jsonl" in words
        assert "--suite" not in words


async def test_flags_of_data_are_answers(open_app: Open, still_machine: None, models: Path) -> None:
    write(Path("mine.jsonl"))
    choice = Choice(outputs=models, model=MODEL, data=("mine.jsonl",), suite=NO_SUITE, metrics=("contains",))
    async with open_app(choice, typed=True).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "enter")
        assert "Your own data alone" in shown(pilot)
        assert "There is no suite" not in shown(pilot)
        await press(pilot, "enter", "enter")
        words = " ".join(shown(pilot).split())
        assert "--data mine.jsonl --metric contains" in words
        assert "Also set: --metric contains" in words
