"""The worker of a chat by itself: what becomes of models that are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchtui.plans.plan import write_plan
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.chat.asked import AskedWriter, Close, Look, Turn, Write, asked_file
from benchtui.runs.kinds.chat.events import ChatEnded, ChatLooked, ChatPiece, ChatReady, ChatUnready
from benchtui.worker.chat import session
from benchtui.worker.chat.models import Loaded
from tests.reports.chat.made_chat import made_plan


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A chat of two models, the first of which has answered, and is to be read by the other."""
    found = RunDirectory(tmp_path / "tuned" / "chats" / "one")
    write_plan(found.plan_file, made_plan())
    writer = AskedWriter(asked_file(found))
    writer.write(Turn(number=1, text="Hello"))
    writer.write(Write(number=1, turn=1, model=0, messages=(), sampling=Sampling()))
    writer.write(Look(number=1, answer=1))
    writer.write(Close())
    writer.close()
    events = EventWriter(found.events)
    events.emit(ChatPiece(answer=1, text="Hi"))
    events.emit(ChatEnded(answer=1, finish="end"))
    return found


def work(run: RunDirectory, loads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = SimpleNamespace(check=lambda: None, interruptible=True)
    process: Any = SimpleNamespace(stop=stop, libraries=SimpleNamespace(), memory_share=1.0)
    monkeypatch.setattr(session, "Loader", lambda *_: SimpleNamespace(load=loads))
    monkeypatch.setattr(session._Chat, "_take_asked", at_the_end_closed(session._Chat._take_asked))
    session.work(process, [run])


def at_the_end_closed(taken: Any) -> Any:
    """The chat is closed when nothing that was asked waits any more."""
    asked: list[bool] = []

    def take(chat: Any) -> bool:
        asked.append(taken(chat))
        return any(asked) and not chat._waiting

    return take


def test_what_a_model_wrote_that_is_not_there_is_not_waited_for(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loads() -> Iterator[Loaded]:
        yield Loaded(None, ChatUnready(model=0, what="No weights."))
        yield Loaded(SimpleNamespace(), ChatReady(model=1, compares=True))  # type: ignore[arg-type]

    work(run, loads, monkeypatch)
    (looked,) = (event for event in read_events(run.events) if isinstance(event, ChatLooked))
    assert (looked.model, looked.last) == (1, True)
    assert "The model that wrote it is not there." in looked.problem


def test_what_keeps_models_from_being_loaded_ends_the_worker(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loads() -> Iterator[Loaded]:
        yield Loaded(None, ChatUnready(model=0, what="No weights."))
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space left"):
        work(run, loads, monkeypatch)
