"""A model that answers in a chat and is not stepped here: a server's, or one that vLLM has in this process."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence

from benchtui.errors import BenchtuiError
from benchtui.runs.kinds.chat.asked import Message, Write
from benchtui.runs.kinds.chat.events import ChatReady, ChatToken
from benchtui.runs.kinds.chat.thinking import part
from benchtui.text import one_line
from benchtui.worker.answering.http.failures import BusyError, LostError, PassingError, UnansweredError
from benchtui.worker.answering.protocol import Answering, GenerateRequest
from benchtui.worker.answering.streaming import Ended, Part, Reading, Streams
from benchtui.worker.chat.generation_settings import generation_settings
from benchtui.worker.chat.prompts import rendered
from benchtui.worker.chat.speaker import Cancellation, Over, Piece, Prompted, Told
from benchtui.worker.chat.stopped_text import StoppedText

_THINK, _END_OF_THINKING = "<think>\n", "\n</think>\n\n"
_AGAIN = "What is written is kept. Let it answer again."
_OTHERWISE = "What is written is kept. Change the message or the settings, or begin a new chat."
_NO_LOOKING = "It writes by itself, and cannot read the answers of others token by token."


class ServedSpeaker:
    """Answers with a model that writes by itself. `number` is its place in the chat, `think_end` its own mark of the
    end of its thinking."""

    def __init__(
        self,
        number: int,
        label: str,
        model: Answering,
        streams: Streams,
        lock: threading.Lock,
        think_end: str | None = None,
    ) -> None:
        self.number = number
        self.label = label
        self.lock = lock
        self.model = model
        self._streams = streams
        self._think_end = think_end

    @property
    def ready(self) -> ChatReady:
        """As `Speaker.ready`."""
        facts, why = self.model.facts, self._streams.why_no_tokens
        no_tokens = f"{why[0].upper()}{why[1:]}." if why else ""
        return ChatReady(
            model=self.number,
            tells_tokens=not why,
            why_not=f"{no_tokens} {_NO_LOOKING}".strip(),
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
        """As `Speaker.answer`. Stop strings are looked for here: servers do not say whether it was one that ended an
        answer."""
        del begins, cancellation  # whoever asks looks at it between two of what is told: nothing here takes longer
        sampling = asked.sampling
        request, begin = self._request(asked, asked.begin + written, sampling.max_new_tokens - len(before))
        known = len(request.prompt) if request.prompt else None
        yield Prompted(known, None, request.text)
        if request.limit < 1:
            yield Over("length", len(before), known)
            return
        text = _Text(sampling.stop)
        stream = self._streams.stream(request, begin)
        try:
            for told in stream:
                if isinstance(told, Ended):
                    if rest := text.end(complete=told.reason == "end"):
                        yield Piece(rest)
                    yield self._over(told, len(before), text)
                    return
                if isinstance(told, Reading):
                    yield Prompted(told.prompt, told.cached, None, told.read)
                    continue
                yield Piece("") if told is None else Piece(text.add(told), told.tokens)
                if text.stopped:
                    yield Over("stop", None, known)
                    return
            raise BenchtuiError(f"{self.label}: the answer ended without saying that it is complete.", _AGAIN)
        except UnansweredError as error:
            raise BenchtuiError(f"{self.label}: {one_line(str(error), 300)}.", _OTHERWISE) from error
        except (PassingError, BusyError, LostError) as error:
            raise BenchtuiError(f"{self.label}: {one_line(str(error), 300)}.", _AGAIN) from error
        finally:
            stream.close()

    def _request(self, asked: Write, begin: str, limit: int) -> tuple[GenerateRequest, str]:
        """What is asked for, and what the answer begins with where that is not in the prompt. Raises BenchtuiError
        where the template refuses the messages, or no answer can be continued."""
        if begin and (why := self._streams.why_no_begin):
            raise BenchtuiError(
                f"{self.label} cannot continue an answer: {why}.", "Let it answer again, from the beginning."
            )
        messages = _without_thoughts(asked.messages, self._think_end) if self._streams.by_messages else asked.messages
        text = rendered(self.label, self.model.chat, messages)
        if not self._streams.by_messages:
            text, begin = text + begin, ""
        ids, window = self._streams.encoded(text) or (), self.model.facts.context_length
        if window and len(ids) >= window:
            raise BenchtuiError(
                f"{self.label}: a prompt of {len(ids):,} tokens leaves no room in a window of {window:,}.", _OTHERWISE
            )
        sampling = asked.sampling
        return GenerateRequest(ids, text, limit, (), generation_settings(sampling), sampling.seed, ()), begin

    def _over(self, ended: Ended, before: int, text: _Text) -> Over:
        tokens = None if ended.tokens is None else ended.tokens + before
        what = "" if text.any or ended.reason != "end" else f"{self.label} ended its answer before it wrote anything."
        return Over(ended.reason, tokens, ended.prompt, ended.cached, what)

    def close(self) -> None:
        """As `Speaker.close`."""
        with self.lock:
            self.model.close()


class _Text:
    """The text of an answer as it comes, thoughts in <think> … </think>, up to a stop string behind them."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._said = StoppedText(stops)
        self._thinks = False
        self.any = False

    @property
    def stopped(self) -> bool:
        """Whether a stop string has come."""
        return self._said.stopped

    def add(self, more: Part) -> str:
        """Return the text that is certain with this part of it."""
        self.any = self.any or bool(more.text or more.thought)
        found = ""
        if more.thought:
            found = more.thought if self._thinks else _THINK + more.thought
            self._thinks = True
        if more.text:
            found += self._closed() + self._said.add(more.text)
        return found

    def end(self, *, complete: bool) -> str:
        """Return what was kept back: nothing more comes."""
        return (self._closed() if complete else "") + self._said.end()

    def _closed(self) -> str:
        thought, self._thinks = self._thinks, False
        return _END_OF_THINKING if thought else ""


def _without_thoughts(messages: Sequence[Message], end: str | None) -> list[Message]:
    """What is sent back to a server: models are not told again what they thought of earlier messages."""
    return [Message(one.role, part(one.content, end).said) if one.role == "assistant" else one for one in messages]
