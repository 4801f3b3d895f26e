"""From Home to a chat: models are chosen, kept chats are opened again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchtui.plans.chat_choice import ChatChoice
from benchtui.runs.kinds.chat.asked import AskedWriter, Turn, asked_file
from benchtui.runs.known import run_name
from screens.chat.chat import ChatPage
from screens.chat.chats import ChatsPage
from tests.screens.chat.made_session import MadeSession
from tests.screens.conftest import MODEL, Open, press, settle, shown
from tests.screens.test_hostile import EVIL, MARKUP, harmless


async def test_the_selected_model_and_its_base_are_chosen(
    open_app: Open, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ChatChoice] = []

    def start(choice: ChatChoice, _: object) -> MadeSession:
        asked.append(choice)
        return MadeSession(tmp_path / "made", choice.models)

    monkeypatch.setattr("benchtui.chat.start.start_chat", start)
    async with open_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        names = [item.listed.model.name for item in pilot.app.screen._shown]  # type: ignore[attr-defined]
        await press(pilot, *["down"] * names.index(MODEL), "c")
        assert isinstance(pilot.app.screen, ChatsPage)
        screen = shown(pilot)
        assert "[1]  base" in screen
        assert f"[2]  {MODEL}" in screen
        assert "broken" not in screen, "it cannot be talked with"
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, ChatPage)
        await press(pilot, "escape")
        await press(pilot, "up", "up", "space")
        assert f"[1]  {MODEL}" in shown(pilot)
        await press(pilot, "space", "enter")
    assert [choice.models for choice in asked] == [("base", MODEL), (MODEL, "base")]
    assert not any(choice.blind for choice in asked)


async def test_a_kept_chat_is_opened_again(
    open_app: Open, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MadeSession(tmp_path / "made", ("one", MARKUP))
    writer = AskedWriter(asked_file(made.run))
    writer.write(Turn(number=1, text=f"herons {EVIL}"))
    writer.close()
    kept = models / MODEL / "chats" / made.run.path.name
    shutil.copytree(made.run.path, kept)
    opened: list[str] = []

    def again(run: object, _settings: object, _say: object) -> MadeSession:
        opened.append(run_name(run))  # type: ignore[arg-type]
        return made

    monkeypatch.setattr("benchtui.chat.resume.open_again", again)
    async with open_app().run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "c")
        screen = shown(pilot)
        harmless(screen)
        assert "herons [bold red]evil[/]" in screen
        assert f"one | {MARKUP}" in screen
        await press(pilot, "tab", "enter")
        assert isinstance(pilot.app.screen, ChatPage)
    assert opened == [f"{MODEL}/chats/{kept.name}"]
