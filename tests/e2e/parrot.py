"""A backend for tests: a "model" that expects letters as often as it has just read them, and repeats what it read.

Installed beside benchtui by an entry point alone (see test_another_backend.py); no library is behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchtui.backends.backend import Backend, Gives
from benchtui.worker.answering import protocol
from benchtui.worker.answering.protocol import AnsweringFacts, Ids, ModelPlan, Observer, Score, ScoreRequest
from benchtui.worker.report import Reporter

PARROT = Backend("parrot", "a parrot", ("merged_16bit",), Gives(generate=True, loglikelihood=True), __name__)
LETTERS = 0x110000


class Letters(protocol.Tokenizer):
    eos = prefix = 0

    def encode(self, texts: Iterable[str], *, special: bool | None = None) -> dict[str, list[int]]:
        return {text: [ord(letter) for letter in text] for text in texts}

    def encode_prompts(self, texts: Iterable[str]) -> dict[str, tuple[list[int], int]]:
        return {text: (ids, len(ids)) for text, ids in self.encode(texts).items()}

    def decode(self, ids: Ids, *, special: bool = False) -> str:
        return "".join(chr(letter) for letter in ids if letter or special)

    def describe(self) -> dict[str, Any]:
        return {"max_length": 200}


class Parrot(protocol.Answering):
    tokens = Letters()
    facts = AnsweringFacts("parrot", "1", device="perch", dtype="feathers", context_length=200)

    def __init__(self, listens: bool) -> None:
        self._listens = listens  # the base has not learnt to

    def score(self, requests: Sequence[ScoreRequest], answered: protocol.Scored, observer: Observer) -> None:
        observer.batch_started([request.args for request in requests])
        for index, request in enumerate(requests):
            heard = list(request.context[request.lost :]) if self._listens else [ord("q")]
            counts = [heard.count(letter) + 1 for letter in request.continuation]
            observer.tokens(len(request.inputs))
            answered(index, Score(sum(math.log(count / (len(heard) + LETTERS)) for count in counts), greedy=False))

    def generate(
        self, requests: Sequence[protocol.GenerateRequest], answered: protocol.Written, observer: Observer
    ) -> None:
        for index, request in enumerate(requests):
            ids = list(request.prompt[request.lost :])[-request.limit :] if self._listens else [ord("?")]
            answered(index, protocol.Generated(self.tokens.decode(ids), ids, "end"))


def open_model(plan: ModelPlan, reporter: Reporter, memory_share: float) -> Parrot:
    return Parrot(listens=Path(plan.source.path).parent.name == "tuned")


def open_chat(plan: ModelPlan) -> protocol.ChatRenderer:
    raise NotImplementedError("a parrot has no chat template")
