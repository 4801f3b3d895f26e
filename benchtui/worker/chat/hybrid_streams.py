"""Two models that write one answer, taken while they write it."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Generator

from benchtui.errors import BenchtuiError
from benchtui.runs.kinds.chat.events import ChatToken
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.hybrid.answering import HybridAnswering, way_of
from benchtui.worker.answering.hybrid.measuring import MeasuringPair
from benchtui.worker.answering.next_token import Vocabulary
from benchtui.worker.answering.protocol import Generated, GenerateRequest, Unobserved
from benchtui.worker.answering.streaming import Ended, Part, Streamed
from benchtui.worker.chat.streamed_text import StreamedText

_MOMENT = 0.05
"""Seconds after which it is told that nothing has come."""


class HybridStreams:
    """As `Streams`. Tokens that both models choose together come one by one; where one of them writes alone, or the
    large one may answer again ("defer"), the answer comes as a whole."""

    by_messages = False
    why_no_tokens = "two models write the answer, so there is no one distribution that its tokens are drawn from"
    why_no_begin = ""

    def __init__(self, answering: HybridAnswering) -> None:
        tokens = answering.tokens
        large = answering.pair.large
        assert tokens is not None  # noqa: S101 - checked when the pair was opened
        assert isinstance(large, Vocabulary)  # noqa: S101 - so too
        self._answering = answering
        self._tokens = tokens
        self._vocabulary = StoredVocabulary.of(large.token_bytes())
        self._lock = threading.Lock()

    def encoded(self, text: str) -> list[int]:
        """As `Streams.encoded`. Raises BenchtuiError where the tokenizer would cut the prompt."""
        ids, whole = self._tokens.encode_prompts([text])[text]
        if whole > len(ids):
            raise BenchtuiError(
                f"The prompt has {whole:,} tokens, and the tokenizer reads {len(ids):,}.", "Shorten it."
            )
        return ids or [self._tokens.prefix]

    def stream(self, request: GenerateRequest, begin: str = "") -> Generator[Streamed, None, None]:
        """As `Streams.stream`: they write in a thread of their own, one answer after another."""
        del begin  # it is in the prompt
        writing = _Writing(self._answering, request, self._lock)
        writing.start()
        text, told = StreamedText(self._tokens.decode), 0
        try:
            while True:
                new = writing.take()
                if isinstance(new, int):
                    told += 1
                    yield Part(text.add(new), tokens=(self._token(new),))
                elif new is None:
                    yield None
                elif isinstance(new, Generated):
                    yield Part(text.end()) if told else Part(new.text, tokens=tuple(map(self._token, new.ids)))
                    yield Ended("window" if new.window_full else new.finish, len(new.ids), len(request.prompt))
                    return
                else:
                    raise new
        finally:
            writing.stop()

    def _token(self, token: int) -> ChatToken:
        return ChatToken(token, self._vocabulary.text(token))


class _Stopped(Exception):  # noqa: N818 - nobody wants the answer any more
    pass


class _Writing(threading.Thread, Unobserved):
    """Two models that write one answer; whoever waits for it takes tokens, then the whole answer, or what was raised
    instead."""

    def __init__(self, answering: HybridAnswering, request: GenerateRequest, lock: threading.Lock) -> None:
        super().__init__(daemon=True)
        self._answering = answering
        self._request = request
        self._lock = lock
        self._new: queue.SimpleQueue[int | Generated | Exception] = queue.SimpleQueue()
        self._stopped = threading.Event()

    def take(self) -> int | Generated | Exception | None:
        """Return what is new; None where nothing has come for a moment."""
        try:
            return self._new.get(timeout=_MOMENT)
        except queue.Empty:
            return None

    def stop(self) -> None:
        """Have no more written."""
        self._stopped.set()
        self.join()

    def run(self) -> None:
        try:
            while not self._lock.acquire(timeout=_MOMENT):  # another answer is being written
                self.check()
            try:
                self._write()
            finally:
                self._lock.release()
        except _Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            self._new.put(error)

    def _write(self) -> None:
        answering, request = self._answering, self._request
        limited = dataclasses.replace(
            request, settings={**request.settings, "max_gen_toks": request.limit}, document=0, args=(request.text, {})
        )
        way = way_of(dataclasses.replace(answering.pair, wrote=self._new.put), self._threshold(limited))
        way.generate([limited], lambda _, answer: self._new.put(answer), self)

    def _threshold(self, request: GenerateRequest) -> float | None:
        """The number that a threshold is which is a quantile: of what the small model says of what it writes alone to
        the same prompt."""
        pair = self._answering.pair
        if not (pair.strategy.has_threshold and isinstance(pair.strategy.threshold, str)):
            return None
        measuring = MeasuringPair(self._answering, pair)
        measuring.generate([request], lambda _, __: None, self)
        return measuring.threshold().value

    def check(self) -> None:
        """As `Observer.check`: nothing more is computed where nobody wants it."""
        if self._stopped.is_set():
            raise _Stopped

    def tokens(self, n: int) -> None:
        """As `check`."""
        del n
        self.check()
