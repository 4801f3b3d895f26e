"""A model in memory that answers in a chat, token by token; what it has read of earlier turns is not read again."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.routing.records import Side
from benchtui.runs.kinds.chat.asked import Write
from benchtui.runs.kinds.chat.events import Candidate, ChatReady, ChatToken
from benchtui.tokens.divergences import entropy
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.next_token import (
    BringsSettings,
    EndsTexts,
    GrowingText,
    Grown,
    OwnSettings,
    TextGrower,
    Vocabulary,
)
from benchtui.worker.answering.protocol import Answering, GenerateRequest, OutOfMemoryError, Unobserved
from benchtui.worker.answering.stepped import ReadRows, SteppedModel, known_ids
from benchtui.worker.answering.stop_strings import StopStrings
from benchtui.worker.answering.written import Answer, Answers
from benchtui.worker.chat.generation_settings import generation_settings
from benchtui.worker.chat.prompts import rendered
from benchtui.worker.chat.speaker import Cancellation, Over, Piece, Prompted, Told
from benchtui.worker.chat.streamed_text import StreamedText
from benchtui.worker.chat.text_memory import TextMemory

TOP = 5
"""How many of the likeliest tokens are told at each place."""
_PIECE, _CPU_PIECE = 512, 128
"""Tokens of a prompt that are read at once: the same prompt is always read in the same pieces, and between them, and
between the layers of a model, it is looked whether the answer is still wanted."""
_SIDE: Side = "a"
_COARSE = {"bfloat16": 7, "float16": 10}
"""Bits behind the leading one of the numbers of fewer bits than 32."""


class SteppedSpeaker:
    """Answers with a model that is stepped. `number` is its place in the chat, `lock` what models on the same weights
    share. Raises BenchtuiError where it cannot be stepped, or has no tokenizer here."""

    def __init__(self, number: int, label: str, model: Answering, lock: threading.Lock) -> None:
        if not (isinstance(model, TextGrower) and isinstance(model, Vocabulary)) or model.tokens is None:
            raise BenchtuiError(
                f"{label}: the {model.facts.backend} backend cannot be asked token by token.",
                "Use --backend hf, or the model's GGUF file.",
            )
        self.number = number
        self.label = label
        self.lock = lock
        self.model = model
        self._tokens = model.tokens
        with lock:
            self.vocabulary = StoredVocabulary.of(model.token_bytes())
            known = known_ids(model.token_bytes())
            self._watch = _Watch()
            self._stepped = SteppedModel(label, model, known, self._watch)
            self._stepped.grow(self._watch)  # what a model can keep in memory is tried out now, not in its first answer
            ends = model.end_tokens() if isinstance(model, EndsTexts) else frozenset({self._tokens.eos})
        self._ends = ends
        self._piece = _CPU_PIECE if model.facts.device == "cpu" else _PIECE
        self.memory = TextMemory(lambda: self._stepped.grow(self._watch))

    @property
    def ready(self) -> ChatReady:
        """As `Speaker.ready`."""
        facts = self.model.facts
        return ChatReady(
            model=self.number,
            tells_tokens=True,
            compares=True,
            window=facts.context_length,
            device=facts.device,
            dtype=facts.dtype,
        )

    def answer(
        self,
        asked: Write,
        before: Sequence[ChatToken],
        begins: Sequence[int],
        cancellation: Cancellation,
        written: str = "",
    ) -> Generator[Told, None, None]:
        """As `Speaker.answer`. The lock is not held while the generator waits: other models on the same weights compute
        between two tokens, and between two pieces of a long prompt."""
        del written  # its tokens say it
        text, ids = self.prompt(asked, begins)
        begun = [token.id for token in before]
        own = self._settings(asked, text)
        answers = self._answers(own)
        answer = answers.begin(ids, 0)
        streamed = StreamedText(self._tokens.decode, own.sampling.stop)
        for token in () if own.sampling.stop else begins:  # it may end in half a character
            streamed.add(token)
        for token in begun:
            answer.append(token, _SIDE)
            streamed.add(token)
        with self.lock:
            held = self.memory.take(answer.ids)
            cached = len(held.ids)
        try:
            yield Prompted(len(ids), cached, text)
            while answer.ended is None and len(answer.ids) - len(held.ids) > self._piece:
                with self.lock:
                    self._read(held, answer.ids[: len(held.ids) + self._piece], cancellation)
                yield Prompted(len(ids), cached, read=min(len(held.ids), len(ids)))
            while answer.ended is None:
                with self.lock:
                    rows = self._read(held, answer.ids, cancellation)
                    token = self._drawn(answer, own, rows)
                    told = self._told(token, rows.logprobs[0])
                answer.append(token, _SIDE)
                yield Piece("" if answer.ended == "end" else streamed.add(token), (told,))
            if rest := streamed.end():
                yield Piece(rest)
            yield Over(answer.ended, answer.length, len(ids), cached)
        finally:
            with self.lock:
                self.memory.keep(held)

    def prompt(self, asked: Write, begins: Sequence[int] = ()) -> tuple[str, list[int]]:
        """Return the prompt of an answer as text and as tokens, what the answer begins with included. Raises
        BenchtuiError where the template refuses the messages, or the tokenizer would cut the prompt."""
        prompt = rendered(self.label, self.model.chat, asked.messages)
        read = prompt if begins else prompt + asked.begin
        ids, whole = self._tokens.encode_prompts([read])[read]
        if whole > len(ids):
            raise BenchtuiError(
                f"The prompt has {whole:,} tokens, and the tokenizer reads {len(ids):,}.", "Shorten it."
            )
        return prompt + asked.begin, [*ids, *begins] or [self._tokens.prefix]

    def close(self) -> None:
        """As `Speaker.close`."""
        with self.lock:
            self.memory.clear()
            self.model.close()

    def read(self, text: GrowingText, ids: Sequence[int], last: int) -> NDArray[np.float64]:
        """Let a text grow to `ids`; returns the distributions after its last tokens, over the ids that are tokens,
        float64 [last, ids] in nats. Call with the lock held."""
        text.cut(min(len(text.ids), len(ids) - last))
        return self._rows(text, ids[len(text.ids) :], last).logprobs

    def _read(self, text: GrowingText, ids: Sequence[int], cancellation: Cancellation) -> ReadRows:
        """Let a text grow to `ids`; returns what comes after its last token."""
        self._watch.cancellation = cancellation
        try:
            cancellation.check()
            return self._rows(text, ids[len(text.ids) :], 1)
        finally:
            self._watch.cancellation = None

    def _rows(self, text: GrowingText, ids: Sequence[int], last: int) -> ReadRows:
        """Let a text grow by some tokens; where they do not fit into memory, the texts that nobody writes are forgotten
        before it is tried once more."""
        try:
            logprobs = text.step(ids, last)
        except Exception as error:
            if not (isinstance(error, OutOfMemoryError) or is_caused_by_out_of_memory(error)) or not self.memory.held:
                raise
            logprobs = None
        if logprobs is None:  # outside the handler: the error holds the tensors of its frames
            self.memory.clear()
            logprobs = text.step(ids, last)
        return self._stepped.rows(Grown(logprobs, len(ids), logsumexp=text.logsumexp))

    def _settings(self, asked: Write, text: str) -> OwnSettings:
        """How this model writes: as the person says, with what its generation_config.json adds."""
        sampling = asked.sampling
        if not isinstance(self.model, BringsSettings):
            return OwnSettings(sampling, self._ends)
        request = GenerateRequest(
            (), text, sampling.max_new_tokens, sampling.stop, generation_settings(sampling), sampling.seed, ()
        )
        with self.lock:
            own = self.model.own_settings(request)
        changed = msgspec.structs.replace(
            own.sampling, max_new_tokens=sampling.max_new_tokens, stop=sampling.stop, seed=sampling.seed
        )
        return OwnSettings(changed, own.ends | self._ends, own.changes, own.changed_by)

    def _answers(self, own: OwnSettings) -> Answers:
        stopped = StopStrings.by(self._tokens, own.sampling.stop).found
        window = self.model.facts.context_length
        return Answers(own.sampling, own.ends, self._tokens.decode, window, stopped, {_SIDE: own})

    def _drawn(self, answer: Answer, own: OwnSettings, rows: ReadRows) -> int:
        """The next token. Greedily, of numbers that the model has in fewer bits than 32 the first of the greatest is
        taken, as `generate` of transformers takes it: two that are not equal here may be equal there."""
        bits = _COARSE.get(self.model.facts.dtype)
        if own.sampling.temperature == 0 and own.changes is None and bits is not None:
            logits = rows.logits(0)
            if logits is not None:
                return int(np.argmax(_rounded(logits, bits)))
        return answer.drawn_by(_SIDE, rows)

    def _told(self, token: int, row: NDArray[np.float64]) -> ChatToken:
        """What is told of a token, given the distribution it was taken from."""
        top = likeliest(row, self.vocabulary)
        return ChatToken(token, self.vocabulary.text(token), float(row[token]), float(entropy(row)), top)


class _Watch(Unobserved):
    """Looks, while a model computes, whether the answer in hand is still wanted."""

    def __init__(self) -> None:
        self.cancellation: Cancellation | None = None

    def check(self) -> None:
        """Raise AnswerCancelled where it is not."""
        if self.cancellation is not None:
            self.cancellation.check()

    def tokens(self, n: int) -> None:
        """As `check`."""
        del n
        self.check()


def likeliest(row: NDArray[np.float64], vocabulary: StoredVocabulary) -> tuple[Candidate, ...]:
    """Return the TOP likeliest tokens of a distribution [ids] in nats, the likeliest first."""
    best = np.argpartition(row, -TOP)[-TOP:] if len(row) > TOP else np.arange(len(row))
    ordered = best[np.argsort(-row[best], kind="stable")]
    return tuple(Candidate(vocabulary.text(int(one)), float(row[one])) for one in ordered if row[one] > -np.inf)


def _rounded(logits: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """Round to so many bits behind the leading one, to even."""
    mantissa, exponent = np.frexp(logits)
    scale = float(1 << (bits + 1))
    with np.errstate(invalid="ignore"):
        rounded: NDArray[np.float64] = np.ldexp(np.round(mantissa * scale) / scale, exponent)
    return rounded
