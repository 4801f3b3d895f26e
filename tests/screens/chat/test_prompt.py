"""What a model was given, on the screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from screens.app import BenchtuiApp
from screens.chat.beside.prompt import MOST, PromptPage
from tests.screens.chat.made_chat import MadeTalk, two_answers
from tests.screens.conftest import press, settle, shown
from tests.screens.test_hostile import EVIL, harmless


def _write(talk: MadeTalk, answer: int, text: str) -> None:
    file = talk.run.path / "chat" / "prompts" / f"{answer}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


async def test_the_rendered_prompt_of_each_answer(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        talk = two_answers(tmp_path)
        _write(talk, 1, "<|im_start|>user\nWhere do herons live?<|im_end|>\n<|im_start|>assistant\n")
        _write(talk, 2, f"### {EVIL}\n" + "line\n" * 60)
        app.push_screen(PromptPage(talk, 1))
        await settle(pilot)
        screen = shown(pilot)
        for words in ("base  turn 1 · 12 tokens", "<|im_start|>user", "<|im_start|>assistant"):
            assert words in screen
        await press(pilot, "right_square_bracket")
        assert "### [bold red]evil[/]" in shown(pilot)
        assert "tuned  turn 1" in shown(pilot)
        harmless(shown(pilot))
        await press(pilot, "end")
        assert "###" not in shown(pilot), "it was scrolled"


async def test_the_messages_where_a_server_has_the_template(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        talk = two_answers(tmp_path)
        app.push_screen(PromptPage(talk, 1))
        await settle(pilot)
        screen = shown(pilot)
        assert "its server puts them into the template" in screen
        assert "user:" in screen
        assert "Where do herons live?" in screen


@pytest.mark.parametrize("kind", ["long", "pipe"])
async def test_what_cannot_be_shown_whole_is_said(app: BenchtuiApp, tmp_path: Path, kind: str) -> None:
    import os

    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        talk = two_answers(tmp_path)
        if kind == "long":
            _write(talk, 1, "x" * 10 + "word " * (MOST // 5))
        else:
            _write(talk, 1, "")
            file = talk.run.path / "chat" / "prompts" / "1.txt"
            file.unlink()
            os.mkfifo(file)
        app.push_screen(PromptPage(talk, 1))
        await settle(pilot)
        words = "10 characters before these are not shown" if kind == "long" else "is not a regular file"
        assert words in shown(pilot)
