"""Say something in a chat and wait for the answers: for scripts, and from Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchtui.chat.session import ChatSession
from benchtui.errors import BenchtuiError
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.events import ChatUnready, Finish

PAUSE = 0.02
"""Seconds between two looks at what the models wrote."""


@dataclass(frozen=True)
class ChatAnswer:
    """The answer of a model to a `message`, the turn of that number. `text` is all that it wrote, its thinking
    included; `finish` why it is over, `problem` what went wrong, "" where nothing did. Tokens that were written and
    read, those that were in memory already (`cached`), seconds until the first one and until the last: None where they
    were not told."""

    turn: int
    message: str
    model: str
    text: str
    finish: Finish
    tokens: int | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    first_token: float | None = None
    seconds: float | None = None
    problem: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is no answer that counts."""
        return self.finish in ("failed", "cancelled")


def ask(
    session: ChatSession, text: str, after: int | None = None, told: Callable[[], None] = lambda: None
) -> list[ChatAnswer]:
    """Say `text` after the turn `after` (None: begin anew), and return the answers of all models in their order when
    they are over. `told` is called whenever something has changed. Raises BenchtuiError where the chat has ended
    meanwhile."""
    turn = session.say(text, after).number
    models = range(len(session.plan.models))
    while not all(_over(session, turn, model) for model in models):
        if session.poll():
            told()
            continue
        if session.problem:
            raise BenchtuiError(session.problem)
        time.sleep(PAUSE)
    return [answered(session, turn, model) for model in models]


def change_system(session: ChatSession, system: str | None) -> None:
    """Give what is said from now on a system prompt, None for none, where it has another one."""
    if system != session.conversation.system:
        session.change(session.conversation.sampling, system)


def answered(session: ChatSession, turn: int, model: int) -> ChatAnswer:
    """Return the answer of a model to a turn, or why there is none."""
    conversation = session.conversation
    label, message = session.plan.models[model].label, conversation.turns[turn].text
    answer = newest(session, turn, model)
    if answer is None or answer.ended is None:
        ready = conversation.ready.get(model)
        words = f"{ready.what} {ready.next_step}".strip() if isinstance(ready, ChatUnready) else "It was not asked."
        return ChatAnswer(turn, message, label, "", "failed", problem=words)
    ended = answer.ended
    return ChatAnswer(
        turn,
        message,
        label,
        answer.text,
        ended.finish,
        ended.tokens,
        ended.prompt,
        ended.cached,
        ended.first_token,
        ended.seconds,
        f"{ended.what} {ended.next_step}".strip(),
    )


def newest(session: ChatSession, turn: int, model: int) -> Answer | None:
    """Return what a model wrote for a turn last."""
    tries = session.conversation.tries(turn, model)
    return tries[-1] if tries else None


def _over(session: ChatSession, turn: int, model: int) -> bool:
    if isinstance(session.conversation.ready.get(model), ChatUnready):
        return True
    answer = newest(session, turn, model)
    return answer is not None and answer.over


class ScriptedChat:
    """An open chat in which a program talks. It is kept in `run`, and `benchtui chat --resume` opens it again.

    Close it when done, or use it in a `with` statement: its worker ends.
    """

    def __init__(self, session: ChatSession) -> None:
        self._session = session
        self._after: int | None = None

    @property
    def run(self) -> Path:
        """The folder of the chat."""
        return self._session.run.path

    def ask(self, text: str) -> list[ChatAnswer]:
        """Say something to all models, after what was said before, and return the answer of each in their order when
        all are over. Raises UsageError for nothing to say, BenchtuiError where the chat has ended."""
        answers = ask(self._session, text, self._after)
        self._after = answers[0].turn
        return answers

    def begin_anew(self) -> None:
        """Let the next message be the first one of another conversation."""
        self._after = None

    def close(self) -> None:
        """End the chat's worker; the chat stays on disk."""
        self._session.close()

    def __enter__(self) -> ScriptedChat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
