"""The wizard's question of backend and format, and what the review says of it: by keyboard, with a server on
loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.demo.workspace import demo_paths
from benchtui.plans.choice import Choice
from tests.models.model_folders import gguf
from tests.screens.conftest import MODEL, Open, press, settle, shown
from tests.wizard.described import EVIL, install
from tests.worker.answering.openai.fake import Asked, Fake, Reply


class Named(Fake):
    """Has a second model, whose name tries to break the screen; answers once it is `let`."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.let.set()

    def fault(self, asked: Asked) -> Reply | None:
        self.let.wait(20)
        if asked.path != "/v1/models":
            return None
        return Reply(200, {"data": [{"id": "fake-1"}, {"id": EVIL}]})


@pytest.fixture
def server() -> Iterator[Named]:
    with Named() as found:
        yield found
        found.let.set()


def words(text: str) -> str:
    return " ".join(text.split())


async def test_a_gguf_file_by_its_backend(open_app: Open, still_machine: None, models: Path) -> None:
    gguf(models / MODEL / "gguf" / "m-Q4_K_M.gguf")
    async with open_app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "b", "enter")
        assert "gguf  llama.cpp, in process" in shown(pilot)
        assert "Not installed: python -m pip install vllm" in shown(pilot)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert pilot.app.screen.query_one("#server").region.bottom <= 23, "the field stays on the screen"
        await pilot.resize_terminal(120, 36)
        await press(pilot, "end", "enter")
        assert "✗ vllm: Not installed: python -m pip install vllm" in shown(pilot), "the last one can be reached"
        await press(pilot, "home", "down", "down", "enter", "enter", "enter")
        assert "--backend gguf" in words(shown(pilot))
        assert "--format m-Q4_K_M.gguf" in words(shown(pilot))


async def test_a_model_that_a_server_has(open_app: Open, still_machine: None, server: Named) -> None:
    """From the first question: its URL is typed, its models are listed, and the command names both."""
    async with open_app(typed=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "end")
        assert "A model that a server has" in shown(pilot)
        await press(pilot, "enter", "enter")
        field = pilot.app.screen.query_one("#server")
        assert field.has_focus
        await pilot.press(*server.url)
        await press(pilot, "enter")
        assert "fake-1" in shown(pilot)
        assert "evil" in shown(pilot)
        await press(pilot, "enter")
        assert "Compare it with the model it was trained from?" in shown(pilot), "not asked yet"
        await press(pilot, "down", "enter", "enter", "enter", "enter")
        command = words(shown(pilot))
        assert f"--backend openai --server {server.url}" in command
        assert "--model fake-1" in command


async def test_a_silent_server_freezes_nothing_and_esc_leaves_it(
    open_app: Open, still_machine: None, server: Named
) -> None:
    server.let.clear()
    async with open_app(typed=True).run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "end", "enter", "enter")
        await pilot.press(*server.url, "enter")
        await pilot.pause(0.1)
        assert f"Asking {server.url}" in words(shown(pilot))
        assert "Stop asking" in shown(pilot)
        await pilot.press("x")
        await pilot.pause()
        assert f"{server.url}x" in shown(pilot), "what is typed stands there at once"
        await press(pilot, "escape")
        assert "No longer asked." in shown(pilot)
        assert "Stop asking" not in shown(pilot)
        await press(pilot, "escape")
        assert "Compare" in shown(pilot) or "Which trained model?" in shown(pilot)


async def test_a_server_that_is_not_there_is_one_line(open_app: Open, still_machine: None) -> None:
    choice = Choice(outputs=Path("outputs"), model=MODEL, server="http://127.0.0.1:9")
    async with open_app(choice, typed=True).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "enter")
        assert "http://127.0.0.1:9 does not answer as a server" in words(shown(pilot))
        assert "merged_16bit" in shown(pilot), "the model's own formats are there nevertheless"


async def test_the_review_refuses_tasks_that_the_backend_cannot_answer(
    open_app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "packages", monkeypatch, "WRITER")
    started: list[Choice] = []
    monkeypatch.setattr("screens.wizard.wizard.launch", lambda choice: started.append(choice) or [])
    choice = Choice(
        outputs=Path("outputs"),
        model=MODEL,
        compare=False,
        backend="writer",
        tasks=("demo_knowledge",),
        include_paths=(demo_paths().tasks,),
        offline=True,
    )
    async with open_app(choice, typed=True).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+n", "ctrl+n", "ctrl+n", "ctrl+n")
        await settle(pilot, 60)
        refused = "demo_knowledge needs log-likelihoods; the writer backend gives none."
        step = "Use --backend hf, which opens the same files."
        assert refused in words(shown(pilot))
        assert pilot.app.screen.query_one("#start").disabled
        await press(pilot, "s")
        assert not started
        assert words(shown(pilot)).count(refused) == 2, "what is in the way is said again"
        assert step in words(shown(pilot))
        await press(pilot, "escape", "escape", "escape")
        await press(pilot, "home", "enter")
        assert "--backend" not in words(shown(pilot))
        await press(pilot, "enter", "enter")
        await settle(pilot, 60)
        assert refused not in words(shown(pilot))
        await press(pilot, "s")
        assert [one.backend for one in started] == ["hf"]
