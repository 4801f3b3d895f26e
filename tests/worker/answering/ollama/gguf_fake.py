"""A loopback Ollama server that answers by a GGUF file in this process, and the folder in which it keeps the file."""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.protocol import Unobserved
from tests.worker.answering.gguf.files import open_gguf
from tests.worker.answering.ollama.fake import FakeOllama

NAME = "tiny:latest"


def keep(store: Path, file: Path) -> str:
    """Put the file into Ollama's folder as the model NAME; returns the digest of its manifest."""
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    (store / "blobs").mkdir(parents=True, exist_ok=True)
    blob = store / "blobs" / f"sha256-{content}"
    if not blob.exists():
        blob.symlink_to(file)
    manifest = store / "manifests/registry.ollama.ai/library/tiny/latest"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{content}", "size": 1}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return hashlib.sha256(manifest.read_bytes()).hexdigest()


class GgufFake(FakeOllama):
    """`file` answers greedily, with log-probabilities where they are asked; `told` False: as servers before 0.12.11;
    `drafts`: as one that decodes speculatively."""

    told = True
    drafts = False
    more_tokens = 0

    def __init__(self, file: Path, digest: str, settings: dict[str, str] | None = None) -> None:
        super().__init__(lambda prompt: "")
        self.digests = {NAME: digest}
        self.own = open_gguf(file, PromptSettings(max_length=self.window), settings or {})

    def count(self, prompt: str) -> int:
        return self.own.tokens.encode_prompts([prompt])[prompt][1] + self.more_tokens

    def written(
        self, prompt: str, body: dict[str, Any], options: dict[str, Any], read: int, context: int, took: int, chat: bool
    ) -> list[dict[str, Any]]:
        lines = []
        ids = self.own.tokens.encode_prompts([prompt])[prompt][0]
        text, reason = self.own.grow(Unobserved()), "length"
        logprobs = text.step(ids, last=1)[-1]
        written, characters = "", codecs.getincrementaldecoder("utf-8")("replace")
        for _ in range(min(int(options["num_predict"]), context - read)):
            best = int(np.argmax(logprobs))
            if self.own.tokens.ends(best) or any(stop in written for stop in options["stop"]):
                reason = "stop"
                break
            piece = characters.decode(self.own.tokens.piece(best))  # those of several tokens come joined
            written += piece
            line: dict[str, Any] = {"model": NAME, "response": piece, "done": False}
            if body.get("logprobs") and self.told:
                entry = self._entry(logprobs, best, int(body["top_logprobs"]))
                line["logprobs"] = [{**entry, "logprob": 0.0} if self.drafts and lines else entry]
            lines.append(line)
            logprobs = text.step([best])[-1]
        end = {"done": True, "done_reason": reason, "load_duration": took, "prompt_eval_count": read,
               "eval_count": len(lines)}  # fmt: skip
        return [*lines, {"model": NAME, "response": characters.decode(b"", True), **end}]

    def _entry(self, logprobs: Sequence[float], best: int, top: int) -> dict[str, Any]:
        likeliest = np.argsort(logprobs)[::-1][:top]
        told = [self._told(logprobs, int(token)) for token in likeliest]
        return {**self._told(logprobs, best), "top_logprobs": told}

    def _told(self, logprobs: Sequence[float], token: int) -> dict[str, Any]:
        piece = self.own.tokens.piece(token).decode(errors="replace")
        return {"token": piece, "logprob": float(logprobs[token])}

    def server_close(self) -> None:
        super().server_close()
        self.own.close()
