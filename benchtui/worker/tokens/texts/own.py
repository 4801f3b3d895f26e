"""Texts that a model writes itself: an answer to every prompt, with the sampling settings of the plan."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import Sampling
from benchtui.runs.journal.journal import Journal, RequestKey, request_digest
from benchtui.runs.kinds.tokens.events import TextsWritten
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.protocol import (
    Answering,
    BatchTooLargeError,
    Generated,
    GenerateRequest,
)
from benchtui.worker.guard import StopFlag
from benchtui.worker.report import Reporter
from benchtui.worker.watching import Watching

_INTERVAL = 0.25
"""Seconds between two events that tell how many texts are written."""
_NEUTRAL: dict[str, Any] = {
    "no_repeat_ngram_size": 0,
    "encoder_repetition_penalty": 1.0,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "min_length": 0,
    "num_beams": 1,
}
"""What a generation_config.json may set, by transformers' names, as it changes nothing."""


def write_own_texts(
    documents: Sequence[TokenDocument],
    model: int,
    label: str,
    sampling: Sampling,
    answering: Answering,
    journal: Journal,
    reporter: Reporter,
    stop: StopFlag,
) -> list[TokenDocument]:
    """Have a model (its number in the plan) answer every prompt of `documents`, each prompt of a group once; what the
    journal holds is not written again. Random numbers depend on the seed and the document alone, so that every model
    draws with the same ones.

    Nothing of the model's generation_config.json applies. Raises BenchtuiError where a prompt leaves no room for an
    answer, what `Answering.generate` raises, and StopRequested.
    """
    prompts = {(document.group, document.prompt): document for document in documents}
    writing = _Writing(list(prompts.values()), model, label, sampling, answering, journal, reporter, stop)
    writing.write()
    return writing.documents()


class _Written(msgspec.Struct, frozen=True):
    """A text; whether it ended by itself, and by which token, as it is written; whether the tokenizer makes the same
    tokens of it as the model wrote."""

    text: str
    ended: bool = False
    end: str = ""
    alike: bool = True


class _Writing(Watching):
    """The texts of one model; watches it while it writes."""

    def __init__(
        self,
        documents: Sequence[TokenDocument],
        model: int,
        label: str,
        sampling: Sampling,
        answering: Answering,
        journal: Journal,
        reporter: Reporter,
        stop: StopFlag,
    ) -> None:
        super().__init__(reporter, stop)
        self._documents = documents
        self._model = model
        self._label = label
        self._answering = answering
        self._journal = journal
        self._stops = tuple(stop for stop in sampling.stop if stop)
        self._requests = _requests(documents, sampling, answering)
        self._task = f"own texts of model {model}"
        kept = journal.answers(self._task)
        self._texts: dict[int, _Written] = {}
        for number in range(len(documents)):
            digest, answer = kept.get(RequestKey(self._task, number, 0), ("", None))
            if digest == self._digest(number) and answer is not None:
                self._texts[number] = msgspec.convert(answer, _Written)
        self._told = 0.0

    def write(self) -> None:
        """Write what is missing, fewer at once where memory runs out."""
        self._reporter.task = self._label
        self._tell(force=True)
        while missing := [number for number in range(len(self._documents)) if number not in self._texts]:
            self._stop.check()
            before = len(self._texts)
            too_large = self._write(missing)
            if too_large is not None:  # only now: while it is handled, an error keeps what it holds in memory
                self._answering.shrink(too_large, self)
            elif len(self._texts) == before:
                raise RuntimeError(f"{self._label}: the model returned without answering")
        self._tell(force=True)
        self._warn()

    def documents(self) -> list[TokenDocument]:
        """Each prompt with what the model wrote behind it."""
        return [
            msgspec.structs.replace(
                document,
                answer=self._texts[number].text,
                ended=self._texts[number].ended,
                end=self._texts[number].end,
                written_by=self._label,
                change="",
                span=None,
                scored_from=None,
            )
            for number, document in enumerate(self._documents)
        ]

    def _write(self, missing: Sequence[int]) -> str | None:
        """What was said if memory ran out and a smaller batch may help."""

        def written(place: int, generated: Generated) -> None:
            number = missing[place]
            found = self._read(number, generated)
            self._journal.record(RequestKey(self._task, number, 0), self._digest(number), msgspec.to_builtins(found))
            self._texts[number] = found
            self._tell()

        try:
            self._answering.generate([self._requests[number] for number in missing], written, self)
        except BatchTooLargeError as error:
            return str(error)
        return None

    def _read(self, number: int, generated: Generated) -> _Written:
        """The text up to a stop string."""
        self._refuse_other_limit(number, generated)
        ids, end = list(generated.ids), ""
        # A server that tells no ids may say of a stop string, too, that the answer ended.
        ended = generated.finish == "end" and (bool(ids) or not self._stops)
        if ended and ids and (tokens := self._answering.tokens) is not None:
            end = tokens.decode(ids[-1:], special=True)
            ids = ids[:-1]
        text = self._text_of(number, ids) if ids else generated.text
        cuts = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if cuts:
            return _Written(text[: min(cuts)])
        return _Written(text, ended, end, self._is_encoded_alike(number, text, ids))

    def _text_of(self, number: int, ids: list[int]) -> str:
        """What was written behind the prompt: alone, a text may lose its first space, and its special tokens. A part of
        a character at the end is none."""
        tokens, prompt = self._answering.tokens, list(self._requests[number].prompt)
        assert tokens is not None  # noqa: S101 - it gave the ids of the prompt
        head, whole = tokens.decode(prompt, special=True), tokens.decode([*prompt, *ids], special=True)
        text = whole[len(head) :] if whole.startswith(head) else tokens.decode(ids)
        return text.rstrip("\ufffd")

    def _is_encoded_alike(self, number: int, text: str, ids: list[int]) -> bool:
        tokens = self._answering.tokens
        if tokens is None or not ids:
            return True
        whole = self._documents[number].prompt + text
        return tokens.encode([whole])[whole][-len(ids) :] == ids

    def _refuse_other_limit(self, number: int, generated: Generated) -> None:
        limit, length = self._requests[number].limit, generated.length
        if generated.finish == "length" and not generated.window_full and length not in (None, limit):
            raise BenchtuiError(
                f"{self._label} ended a text after {length:,} tokens where {limit:,} were asked for: its "
                "generation_config.json sets max_new_tokens.",
                f"Use --max-new-tokens {length}, or take that setting out of the file.",
            )

    def _warn(self) -> None:
        lost = sum(request.lost > 0 for request in self._requests)
        if lost:
            self._reporter.warn(
                f"{lost:,} prompts were cut at their start: with {self._requests[0].limit:,} tokens of answer they are "
                "longer than the model's window.",
                "Write less with --max-new-tokens.",
            )
        others = sum(not written.alike for written in self._texts.values())
        if others:
            self._reporter.warn(
                f"{self._label} wrote {others:,} of {len(self._texts):,} texts in other tokens than its tokenizer "
                "makes of them: the tokenizer's are scored.",
            )

    def _digest(self, number: int) -> str:
        request = self._requests[number]
        return request_digest("own text", (request.text, dict(request.settings), request.seed))

    def _tell(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._told >= _INTERVAL:
            self._told = now
            self._reporter.emit(TextsWritten(model=self._model, documents=len(self._texts)))

    # What the model tells while it works (`Observer` in worker/answering/protocol.py).

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """Name the documents that are answered from now on."""
        numbers = [int(args[2]) for args in request_args]
        self._reporter.in_flight(self._label, [(number, self._documents[number].place) for number in numbers])


def _requests(documents: Sequence[TokenDocument], sampling: Sampling, answering: Answering) -> list[GenerateRequest]:
    settings, tokens = _settings(sampling, answering.facts.backend), answering.tokens
    window = answering.facts.context_length
    room = window - sampling.max_new_tokens
    if window and room <= 0:
        raise BenchtuiError(
            f"Up to {sampling.max_new_tokens:,} tokens are to be written, and the model's window holds {window:,} in "
            "all.",
            "Write less with --max-new-tokens, or set a greater --max-length if the model can read more.",
        )
    encoded = tokens.encode_prompts([document.prompt for document in documents]) if tokens is not None else {}
    found = []
    for number, document in enumerate(documents):
        prompt = encoded.get(document.prompt, ([], 0))[0]
        if not prompt and tokens is not None:
            prompt = [tokens.prefix]
        args = (document.prompt, settings, number)
        lost = max(len(prompt) - room, 0) if window else 0
        seed = seed_of(sampling.seed, document)
        limit, stops = sampling.max_new_tokens, sampling.stop
        found.append(GenerateRequest(prompt, document.prompt, limit, stops, settings, seed, args, lost))
    return found


def _settings(sampling: Sampling, backend: str) -> dict[str, Any]:
    """The settings as a benchmark's task would have them, every one of them said: a model's own file sets the rest."""
    drawn = sampling.temperature > 0
    settings: dict[str, Any] = {
        "until": list(sampling.stop),
        "max_gen_toks": sampling.max_new_tokens,
        "do_sample": drawn,
        "repetition_penalty": 1.0,
    }
    if drawn:
        settings |= {name: getattr(sampling, name) for name in ("temperature", "top_k", "top_p", "min_p")}
    return settings | (_NEUTRAL if backend == "hf" else {})


def seed_of(seed: int, document: TokenDocument) -> int:
    """Return the seed of 256 bits that a document's text is drawn with: the same for every model."""
    said = json.dumps([seed, document.group, document.prompt])
    return int.from_bytes(hashlib.sha256(said.encode()).digest(), "big")
