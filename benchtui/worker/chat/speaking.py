"""Answers in the making: models on the same weights take turns token by token, in a thread of their own."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from benchtui.errors import BenchtuiError
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.runs.events import Event, clipped
from benchtui.runs.kinds.chat.asked import Write
from benchtui.runs.kinds.chat.events import ChatBegun, ChatEnded, ChatPiece, ChatToken
from benchtui.worker.chat.speaker import AnswerCancelled, Cancellation, Over, Piece, Prompted, Speaker, Told

PIECE_SECONDS = 0.03
"""Pieces that come within so many seconds are told together: nobody reads faster."""

Emit = Callable[[Event], None]
KeepPrompt = Callable[[int, str], None]


@dataclass
class Answering:
    """An answer that is asked for; `before` are tokens of it that were written by an earlier worker, `written` is their
    text; `begins` are those of a model's own answer that it continues."""

    asked: Write
    before: Sequence[ChatToken] = ()
    begins: Sequence[int] = ()
    written: str = ""
    cancellation: Cancellation = field(default_factory=Cancellation)
    asked_at: float = field(default_factory=time.monotonic)


class _Stream:
    """One answer: what its speaker tells, made into events."""

    def __init__(self, work: Answering, told: Generator[Told, None, None], emit: Emit, keep_prompt: KeepPrompt) -> None:
        self.work = work
        self._told = told
        self._emit = emit
        self._keep_prompt = keep_prompt
        self._text = ""
        self._tokens: list[ChatToken] = []
        self._count = len(work.before)
        self._first: float | None = None
        self._sent_at = 0.0
        self._prompt: Prompted = Prompted()

    def advance(self) -> bool:
        """Let the model write one token more; whether the answer goes on. Raises OSError where events cannot be
        written."""
        number = self.work.asked.number
        try:
            self.work.cancellation.check()
            told = next(self._told)
        except AnswerCancelled:
            self._end(ChatEnded(answer=number, finish="cancelled"))
            return False
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the model raises is how this answer ends
            self._end(_failed(number, error))
            return False
        self._note(told)
        return not isinstance(told, Over)

    def _note(self, told: Told) -> None:
        if isinstance(told, Prompted):
            self._prompt = told
            if told.text is not None:
                self._keep_prompt(self.work.asked.number, told.text)
            number = self.work.asked.number
            self._emit(ChatBegun(answer=number, prompt=told.tokens, cached=told.cached, read=told.read))
        elif isinstance(told, Piece):
            now = time.monotonic()
            if self._first is None and (told.text or told.tokens):
                self._first = now
            self._text += told.text
            self._tokens += told.tokens
            self._count += len(told.tokens)
            if now - self._sent_at >= PIECE_SECONDS:
                self._send()
        else:
            self._end(
                ChatEnded(
                    answer=self.work.asked.number,
                    finish=told.finish,
                    tokens=told.tokens,
                    prompt=told.prompt,
                    cached=told.cached,
                    what=told.what,
                    next_step=told.next_step,
                )
            )

    def _send(self) -> None:
        if self._text or self._tokens:
            self._emit(ChatPiece(answer=self.work.asked.number, text=self._text, tokens=tuple(self._tokens)))
            self._text, self._tokens, self._sent_at = "", [], time.monotonic()

    def _end(self, event: ChatEnded) -> None:
        self._told.close()
        self._send()
        began = self.work.asked_at
        begun_here = not self.work.before and not self.work.written  # else the first token came from an earlier worker
        known = event.tokens if event.tokens is not None else self._count or None
        self._emit(
            ChatEnded(
                answer=event.answer,
                finish=event.finish,
                tokens=known,
                prompt=event.prompt if event.prompt is not None else self._prompt.tokens,
                cached=event.cached if event.cached is not None else self._prompt.cached,
                first_token=self._first - began if self._first is not None and begun_here else None,
                seconds=time.monotonic() - began,
                what=event.what,
                next_step=event.next_step,
            )
        )


class Voice(threading.Thread):
    """Lets the models on one set of weights answer: one token of each in turn.

    `failed` is what kept it from telling.
    """

    def __init__(self, emit: Emit, keep_prompt: KeepPrompt) -> None:
        super().__init__(daemon=True)
        self.failed: Exception | None = None
        self._emit = emit
        self._keep_prompt = keep_prompt
        self._asked: queue.SimpleQueue[tuple[Speaker, Answering]] = queue.SimpleQueue()

    def ask(self, speaker: Speaker, work: Answering) -> None:
        """Have a model answer, beside what it answers already."""
        self._asked.put((speaker, work))

    def run(self) -> None:
        streams: list[_Stream] = []
        try:
            while True:
                while not streams or not self._asked.empty():
                    streams.append(self._stream(*self._asked.get()))
                streams = [stream for stream in streams if stream.advance()]
        except Exception as error:  # noqa: BLE001 - the worker raises it: without this thread nothing is answered
            self.failed = error

    def _stream(self, speaker: Speaker, work: Answering) -> _Stream:
        told = speaker.answer(work.asked, work.before, work.begins, work.cancellation, work.written)
        return _Stream(work, told, self._emit, self._keep_prompt)


def _failed(number: int, error: Exception) -> ChatEnded:
    if isinstance(error, BenchtuiError):
        return ChatEnded(answer=number, finish="failed", what=clipped(error.what), next_step=error.next_step)
    if is_caused_by_out_of_memory(error):
        return ChatEnded(
            answer=number,
            finish="failed",
            what="Memory ran out.",
            next_step="Begin a shorter chat, or use a smaller or quantised model.",
        )
    traceback.print_exception(error)  # into worker.log
    said = clipped(f"{type(error).__name__}: {error}", 400)
    return ChatEnded(answer=number, finish="failed", what=said, next_step="worker.log has the details.")
