"""Run in an environment with vLLM: the likeliest tokens of texts that stdin names, as JSON on the last line."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.load import LoadPlan
from benchtui.plans.plan import Permissions
from benchtui.worker.answering.next_token import TopDistributions, Vocabulary
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.answering.vllm.open import open_model


class Told:
    """A reporter that nobody reads."""

    def decision(self, what: str, choice: str, why: str) -> None:
        pass

    def batch_size(self, rows: int, why: str) -> None:
        pass


def main() -> None:
    """Ask vLLM."""
    asked: dict[str, Any] = json.load(sys.stdin)
    source = FolderSource(asked["model"], "real", adapter=asked["adapter"])
    plan = LoadPlan("vllm", source, PromptSettings(max_length=512, dtype="float32"), "auto", "auto", Permissions())
    reporter: Any = Told()
    answering = open_model(plan, reporter, 1.0)
    assert isinstance(answering, TopDistributions)
    assert isinstance(answering, Vocabulary)
    found: list[Any] = [None] * len(asked["texts"])
    texts = [(ids, first) for ids, first in asked["texts"]]
    for number, told in answering.top_logprobs(texts, asked["k"], Unobserved()):
        values = (told.ids, told.logprobs, told.given, told.rank)
        found[number] = [told.first, *(array.tolist() for array in values)]
    tokens = [len(answering.token_bytes()), answering.token_bytes()[asked["texts"][0][0][-1]][0].decode()]
    print("\n" + json.dumps({"tops": found, "tokens": tokens}))
    answering.close()


if __name__ == "__main__":
    main()
