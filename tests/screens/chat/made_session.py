"""A real session of a chat without a worker: its models write what a test says, into the events of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchtui.chat.session import ChatSession
from benchtui.errors import BenchtuiError
from benchtui.runs.events import Event, encode
from benchtui.runs.kinds.chat.events import ChatEnded, ChatPiece, ChatReady, ChatToken
from benchtui.runs.records import DoneRecord
from tests.screens.chat.made_chat import MadeTalk, split, told


class NoWorker:
    """In place of the supervision of a worker."""

    ended = False
    problem: BenchtuiError | None = None
    done: DoneRecord | None = None

    def end(self) -> None:
        self.ended = True


class MadeSession(ChatSession):
    """`loaded`: its models are there at once, else when the test says so."""

    def __init__(self, folder: Path, labels: tuple[str, ...] = ("base", "tuned"), *, loaded: bool = True) -> None:
        made = MadeTalk(folder, labels)
        self.worker = NoWorker()
        self._tokens: dict[int, int] = {}
        super().__init__(made.run, made.plan, self.worker)  # type: ignore[arg-type]
        if loaded:
            for model in range(len(labels)):
                self.load(model)
            self.poll()

    def note(self, event: Event) -> None:
        """As the worker would write it."""
        with self.run.events.open("ab") as events:
            events.write(encode(event))

    def load(self, model: int, **facts: Any) -> None:
        self.note(ChatReady(model=model, tells_tokens=True, compares=True, **facts))

    def write(self, answer: int, text: str) -> None:
        """Let more be written, token by token."""
        before = self._tokens.get(answer, 0)
        model = self.conversation.answers[answer].asked.model
        tokens = []
        for place, token in enumerate(split(text), before):
            logprob, unsure, top = told(model, place, token)
            tokens.append(ChatToken(place, token, logprob, unsure, top))
        self._tokens[answer] = before + len(tokens)
        self.note(ChatPiece(answer=answer, text=text, tokens=tuple(tokens)))

    def finish(self, answer: int, **facts: Any) -> None:
        tokens = self._tokens.get(answer, 0)
        self.note(
            ChatEnded(
                answer=answer,
                **{"finish": "end", "tokens": tokens, "prompt": 12, "first_token": 0.31, "seconds": 3.31, **facts},
            )
        )

    def cancel(self, answer: int | None = None) -> None:
        super().cancel(answer)
        for one in list(self.conversation.open_answers()):
            self.finish(one.number, finish="cancelled")
