"""A chat with its worker, as a supervisor runs it, talked with line by line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from benchtui.plans.chat import ChatPlan
from benchtui.plans.load import loading_choice, plan_load
from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import TokenModel
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory
from benchtui.runs.event_reader import EventReader
from benchtui.runs.kinds.chat.asked import AnyAsked, AskedWriter, Cancel, Close, Turn, Write, asked_file
from benchtui.runs.kinds.chat.conversation import Answer, Conversation, read_conversation
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor

GREEDY = Sampling(max_new_tokens=16)


def chat_plan(outputs: Path, models: dict[str, Path], *, backend: str = "hf", **settings: Any) -> ChatPlan:
    """The plan of a chat with these models, by their labels."""
    found = []
    for label, path in models.items():
        own = "gguf" if path.suffix == ".gguf" else backend
        loaded = plan_load(loading_choice(path, own, outputs, settings))
        found.append(TokenModel(label=label, source=loaded.source, prompts=loaded.prompts, backend=loaded.backend))
    return ChatPlan(
        model_name="m", bench_id="b", created="2026-11-29T08:00:00", device="cpu", models=tuple(found), sampling=GREEDY
    )


class Talk:
    """A chat that goes on while this is open."""

    def __init__(self, run: RunDirectory, plan: ChatPlan) -> None:
        self.run = run
        self.plan = plan
        write_plan(run.plan_file, plan)
        run.done.unlink(missing_ok=True)
        self.conversation: Conversation = read_conversation(run, len(plan.models), plan.sampling)
        self._writer = AskedWriter(asked_file(run))
        self._control = Control()
        self._reader = EventReader(run.events)
        while self._reader.read():
            pass
        self._thread = threading.Thread(target=self._supervise)

    def _supervise(self) -> None:
        with self._control.graceful():
            Supervisor([self.run], SuperviseSettings(), self._control).supervise()

    def __enter__(self) -> Talk:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.write(Close())
        self._thread.join(30)
        assert not self._thread.is_alive()

    def write(self, line: AnyAsked) -> None:
        self.conversation.note_asked(self._writer.write(line))

    def poll(self) -> None:
        for event in self._reader.read():
            self.conversation.note_event(event)

    def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something to be so."""
        end = time.monotonic() + seconds
        while not done():
            log = self.run.worker_log.read_text() if self.run.worker_log.exists() else ""
            assert time.monotonic() < end, log[-3000:]
            assert not self.run.done.exists(), log[-3000:]
            self.poll()
            time.sleep(0.005)

    def say(self, text: str, after: int | None = None) -> int:
        """Send a message; returns the turn."""
        turn = Turn(number=self.conversation.next_turn, after=after, text=text)
        self.write(turn)
        return turn.number

    def ask(self, turn: int, model: int = 0, sampling: Sampling = GREEDY, **more: Any) -> int:
        """Ask a model for an answer; returns its number."""
        number = self.conversation.next_answer
        messages = self.conversation.messages(turn, model)
        self.write(Write(number=number, turn=turn, model=model, messages=messages, sampling=sampling, **more))
        return number

    def answer(self, number: int) -> Answer:
        """Wait until an answer is over."""
        self.until(lambda: self.conversation.answers[number].over)
        return self.conversation.answers[number]

    def cancel(self, number: int | None = None) -> None:
        self.write(Cancel(answer=number))
