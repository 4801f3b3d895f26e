"""Chats without a worker: a session, and the events that a worker would write."""

from __future__ import annotations

from pathlib import Path

from benchtui.chat.session import ChatSession
from benchtui.chat.supervision import Supervision, chat_settings, open_lock
from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import TokenModel
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.events import EventWriter
from benchtui.runs.kinds.chat.asked import AskedReader, Write, asked_file
from benchtui.runs.kinds.chat.events import ChatBegun, ChatEnded, ChatPiece, ChatReady

DRAWN = Sampling(temperature=1.0, seed=5)


class Talk:
    """A session with two models, A and B, in the folder of the model "tuned" in `outputs`."""

    def __init__(self, outputs: Path) -> None:
        self.run = RunDirectory(outputs / "tuned" / "chats" / "2026-11-29T10-00-00")
        source = FolderSource(path="/models/tuned", identity="sha256:1")
        models = tuple(
            TokenModel(label=label, source=source, prompts=PromptSettings(), backend="hf") for label in ("A", "B")
        )
        self.plan = ChatPlan(model_name="tuned", bench_id="1", created="now", models=models, sampling=DRAWN)
        write_plan(self.run.plan_file, self.plan)
        self.session = self.open()
        self.events = EventWriter(self.run.events)

    def open(self) -> ChatSession:
        """Open the same chat once more."""
        supervision = Supervision(self.run, open_lock(self.run, "tuned"), chat_settings(None))
        return ChatSession(self.run, self.plan, supervision)

    def ready(self, *models: int) -> None:
        for model in models:
            self.events.emit(ChatReady(model=model))
        self.session.poll()

    def answer(self, number: int, text: str, *, over: bool = True) -> None:
        self.events.emit(ChatBegun(answer=number))
        self.events.emit(ChatPiece(answer=number, text=text))
        if over:
            self.events.emit(ChatEnded(answer=number, finish="end"))
        self.session.poll()

    @property
    def writes(self) -> list[Write]:
        """All answers that were asked for, as they are on disk."""
        return [line for line in AskedReader(asked_file(self.run)).read() if isinstance(line, Write)]
