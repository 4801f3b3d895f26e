"""The dialog for how answers are written: what is typed is what is asked for, and nothing else gets through."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Input, TextArea

from benchtui.errors import UsageError
from benchtui.routing.records import Sampling
from screens.app import BenchtuiApp
from screens.chat.beside.settings import ask_settings, sampling_typed, stops_said
from screens.page import Page
from tests.screens.chat.made_chat import MadeTalk
from tests.screens.conftest import press, settle, shown
from tests.screens.test_hostile import EVIL, harmless

TYPED = {"temperature": "0", "top_k": "0", "top_p": "1", "min_p": "0", "seed": "1234", "max_new_tokens": "1024"}


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_what_is_typed_is_asked_for(app: BenchtuiApp, tmp_path: Path, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        talk = MadeTalk(tmp_path)
        page = app.screen
        assert isinstance(page, Page)
        ask_settings(page, talk)
        await settle(pilot)
        screen = shown(pilot)
        for words in (
            "Temperature",
            "Min-p",
            "1024",
            "Stop strings",
            "System prompt",
            "Use (Ctrl+S)",
            "likeliest token",
        ):
            assert words in screen
        app.screen.query_one("#temperature", Input).value = "0.7"
        app.screen.query_one("#stops", TextArea).text = "\\n\\n\nUser:"
        app.screen.query_one("#system", TextArea).text = "Be brief.\nSpeak of herons."
        await settle(pilot)
        assert "Tokens are drawn by the seed" in shown(pilot)
        await press(pilot, "ctrl+s")
        assert talk.conversation.sampling == Sampling(
            temperature=0.7, max_new_tokens=1024, stop=("\n\n", "User:"), seed=1234
        )
        assert talk.conversation.system == "Be brief.\nSpeak of herons."


async def test_what_cannot_be_read_is_said_and_not_taken(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        talk = MadeTalk(tmp_path)
        before = talk.conversation.sampling
        ask_settings(app.screen, talk)  # type: ignore[arg-type]
        await settle(pilot)
        app.screen.query_one("#top_p", Input).value = "1.5"
        await press(pilot, "enter")
        assert "Top-p must be a number from 0 to 1, not 1.5." in shown(pilot)
        await press(pilot, "escape")
        assert talk.conversation.sampling == before


async def test_hostile_text_is_harmless_and_stays_what_it_was(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        talk = MadeTalk(tmp_path)
        talk.change(Sampling(stop=(EVIL, "\r\n")), EVIL)
        ask_settings(app.screen, talk)  # type: ignore[arg-type]
        await settle(pilot)
        harmless(shown(pilot))
        assert "[bold red]evil" in shown(pilot)
        app.screen.query_one("#seed", Input).value = "7"
        await press(pilot, "ctrl+s")
        assert (talk.conversation.sampling, talk.conversation.system) == (Sampling(stop=(EVIL, "\r\n"), seed=7), EVIL)


@given(st.lists(st.text(st.sampled_from("ab \\\n\r\tnUser:é"), min_size=1), max_size=5, unique=True))
def test_stop_strings_are_read_as_they_are_said(stops: list[str]) -> None:
    assert sampling_typed(TYPED, stops_said(tuple(stops))).stop == tuple(stops)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("temperature", "-1"),
        ("temperature", "nan"),
        ("temperature", "hot"),
        ("top_k", "1.5"),
        ("min_p", "2"),
        ("seed", str(2**32)),
        ("seed", "-1"),
        ("max_new_tokens", "0"),
        ("max_new_tokens", ""),
    ],
)
def test_numbers_out_of_range_are_refused(name: str, text: str) -> None:
    with pytest.raises(UsageError):
        sampling_typed(TYPED | {name: text}, "")


def test_an_escape_without_a_meaning_is_refused() -> None:
    for text in ("\\x41", "end\\"):
        with pytest.raises(UsageError):
            sampling_typed(TYPED, text)
