"""What the other models of a chat make of an answer, token by token."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.runs.events import Event, clipped
from benchtui.runs.kinds.chat.asked import Look
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.events import ChatLooked
from benchtui.tokens.divergences import divergence, entropy
from benchtui.worker.chat.speaker import Speaker
from benchtui.worker.chat.stepped_speaker import SteppedSpeaker, likeliest

AT_ONCE = 32
"""Tokens of an answer that are compared at once: as many distributions of each model are in memory."""


class Looking(threading.Thread):
    """Lets every other model read one answer. `failed` is what kept it from telling."""

    def __init__(
        self,
        look: Look,
        answer: Answer,
        begins: Sequence[int],
        speakers: Mapping[int, Speaker],
        emit: Callable[[Event], None],
    ) -> None:
        super().__init__(daemon=True)
        self.failed: Exception | None = None
        self._look = look
        self._answer = answer
        self._begins = begins
        self._speakers = speakers
        self._emit = emit

    def run(self) -> None:
        try:
            for number, other in self._speakers.items():
                if number != self._answer.asked.model:
                    self._read_by(number, other)
        except OSError as error:
            self.failed = error

    def _read_by(self, number: int, other: Speaker) -> None:
        try:
            for event in self._compared(number, other):
                self._emit(event)
        except OSError:
            raise
        except BenchtuiError as error:
            self._emit(ChatLooked(look=self._look.number, model=number, problem=clipped(error.what)))
        except Exception as error:  # noqa: BLE001 - whatever the model raises, there is no comparison with it
            traceback.print_exception(error)  # into worker.log
            said = clipped(f"{type(error).__name__}: {error}", 400)
            self._emit(ChatLooked(look=self._look.number, model=number, problem=said))

    def _compared(self, number: int, other: Speaker) -> Iterator[ChatLooked]:
        writer, asked = self._speakers[self._answer.asked.model], self._answer.asked
        ids = [token.id for token in self._answer.tokens]
        if not isinstance(writer, SteppedSpeaker) or not isinstance(other, SteppedSpeaker) or min(ids, default=0) < 0:
            raise BenchtuiError("A model behind a server cannot read the tokens of another one.")
        if writer.vocabulary.digest != other.vocabulary.digest:
            raise BenchtuiError("The models do not have the same tokens.")
        if not ids:
            raise BenchtuiError("The answer has no tokens.")
        prompts = [speaker.prompt(asked, self._begins)[1] for speaker in (writer, other)]
        texts = []
        for speaker, prompt in zip((writer, other), prompts, strict=True):
            with speaker.lock:
                texts.append(speaker.memory.take([*prompt, ids[0]]))
        try:
            for start in range(0, len(ids), AT_ONCE):
                end = min(start + AT_ONCE, len(ids))
                rows = []
                for speaker, prompt, text in zip((writer, other), prompts, texts, strict=True):
                    with speaker.lock:
                        rows.append(speaker.read(text, [*prompt, *ids[: end - 1]], end - start))
                yield ChatLooked(
                    look=self._look.number,
                    model=number,
                    start=start,
                    divergence=tuple(np.atleast_1d(divergence(rows[0], rows[1])).tolist()),
                    entropy=tuple(np.atleast_1d(entropy(rows[1])).tolist()),
                    logprob=tuple(float(row[one]) for row, one in zip(rows[1], ids[start:end], strict=True)),
                    top=tuple(likeliest(row, other.vocabulary) for row in rows[1]),
                    last=end == len(ids),
                )
        finally:
            for speaker, text in zip((writer, other), texts, strict=True):
                with speaker.lock:
                    speaker.memory.keep(text)
