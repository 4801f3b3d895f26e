"""Answers made from a digest of what is asked: at once, or after the seconds that the environment says.

INSTANT_SECONDS: what a document takes on average; each takes from half to one and a half times as long, by its digest.
INSTANT_WORK=1: the processor works as long, instead of waiting.
INSTANT_BATCH: requests in a batch.
"""

from __future__ import annotations

import hashlib
import os
import time

from benchtui.worker.answering.protocol import Answering, AnsweringFacts, Generated, Score

SECONDS = float(os.environ.get("INSTANT_SECONDS", "0"))
WORKS = os.environ.get("INSTANT_WORK") == "1"
BATCH = int(os.environ.get("INSTANT_BATCH", "32"))


class Bytes:
    """A token is a byte; 0 ends a text and stands before an empty one."""

    eos = prefix = 0

    def encode(self, texts, *, special=None):
        return {text: text.encode() for text in texts}

    def encode_prompts(self, texts):
        return {text: (text.encode(), len(text.encode())) for text in texts}

    def decode(self, ids, *, special=False):
        return bytes(ids).decode(errors="replace").replace("\0", "")

    def describe(self):
        return {"tokenizer_pad_token": ["", "0"], "tokenizer_eos_token": ["", "0"], "tokenizer_bos_token": ["", "0"]}


class Instant(Answering):
    """A text is the digest in hexadecimal, a log-likelihood a number from it."""

    tokens, chat = Bytes(), None

    @property
    def facts(self):
        return AnsweringFacts("instant", "1.0", "cpu", "float64", context_length=1 << 16)

    def score(self, requests, answered, observer):
        for index, digest in self._digests(requests, observer, lambda request: (request.context, request.continuation)):
            answered(index, Score(-1 - int.from_bytes(digest[:4]) / 2**28, greedy=digest[4] < 128))

    def generate(self, requests, answered, observer):
        for index, digest in self._digests(requests, observer, lambda request: (request.prompt,)):
            text = digest.hex()[: min(8, requests[index].limit)]
            answered(index, Generated(text, text.encode(), "end"))

    def _digests(self, requests, observer, asked):
        for start in range(0, len(requests), BATCH):
            batch = requests[start : start + BATCH]
            observer.batch_started([request.args for request in batch])
            for index, request in enumerate(batch, start):
                digest = hashlib.sha256(b"\0".join(bytes(part) for part in asked(request))).digest()
                _take(SECONDS * (0.5 + digest[5] / 255))
                observer.tokens(1)
                yield index, digest


def _take(seconds):
    if not WORKS:
        time.sleep(seconds)
        return
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def open_model(plan, reporter, memory_share):
    return Instant()


def open_chat(plan):
    raise NotImplementedError("the model of these measurements has no chat template")
