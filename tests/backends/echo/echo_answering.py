"""Answers from the characters of the text alone, always the same: a character is the likelier the more often the text
before it has it, and what is generated is the end of the prompt."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections import Counter

from benchtui.worker.answering.protocol import Answering, AnsweringFacts, Generated, Score


class Characters:
    """A token is a byte; 0 ends a text and stands before an empty one."""

    eos = prefix = 0

    def encode(self, texts, *, special=None):
        return {text: list(text.encode()) for text in texts}

    def encode_prompts(self, texts):
        return {text: (list(text.encode()), len(text.encode())) for text in texts}

    def decode(self, ids, *, special=False):
        return bytes(ids).decode(errors="replace").replace("\0", "")

    def describe(self):
        return {"tokenizer_pad_token": ["", "0"], "tokenizer_eos_token": ["", "0"], "tokenizer_bos_token": ["", "0"]}


class Echo(Answering):
    """`doubt` is added to every count: another one for other weights, so that models differ."""

    tokens, chat = Characters(), None

    def __init__(self, plan):
        self.doubt = 1 + hashlib.sha256(plan.source.identity.encode()).digest()[0] / 16

    @property
    def facts(self):
        return AnsweringFacts("echo", "1.0", "cpu", "float64", context_length=4096)

    def score(self, requests, answered, observer):
        for index, request in enumerate(requests):
            seen = Counter(request.context[request.lost :])
            whole = math.log(seen.total() + 256 * self.doubt)
            self._work([request], observer)
            likelihood = sum(math.log(seen[token] + self.doubt) - whole for token in request.continuation)
            answered(index, Score(likelihood, all(seen[token] == max(seen.values()) for token in request.continuation)))

    def generate(self, requests, answered, observer):
        for index, request in enumerate(requests):
            self._work([request], observer)
            ids = request.prompt[-min(request.limit, int(self.doubt)) :]
            answered(index, Generated(self.tokens.decode(ids), ids, "end"))

    def _work(self, requests, observer):
        observer.batch_started([request.args for request in requests])
        time.sleep(float(os.environ.get("ECHO_SECONDS", "0")))
        observer.tokens(1)


def open_model(plan, reporter, memory_share):
    return Echo(plan)


def open_chat(plan):
    raise NotImplementedError("the models of these tests have no chat template")
