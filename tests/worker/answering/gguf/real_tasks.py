"""Asks lm-eval's real tasks of one model as transformers folder and as GGUF, and prints what differs as JSON lines:
`python -m tests.worker.answering.gguf.real_tasks REAL short|full`.

A process of its own, because the hub's address has to be in the environment before datasets is imported.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.models.huggingface import HFLM

from tests.worker.answering.gguf.files import for_lm_eval, open_gguf
from tests.worker.answering.hf.engine.real_tasks import evaluate

NAME = "SmolLM2-135M-Instruct"


@dataclass(frozen=True)
class Asked:
    """A task: the folder of its definition, few-shot examples, documents, generation settings."""

    task: str
    folder: str
    shots: int
    documents: int
    settings: str | None = None


SIZES = {
    "short": (
        Asked("hellaswag", "hellaswag", 0, 6),
        Asked("mmlu_anatomy", "mmlu/default", 5, 2),
        Asked("gsm8k", "gsm8k", 1, 2, "max_gen_toks=24"),
    ),
    "full": (
        Asked("hellaswag", "hellaswag", 0, 25),
        Asked("mmlu_anatomy", "mmlu/default", 5, 13),
        Asked("mmlu_astronomy", "mmlu/default", 5, 12),
        Asked("gsm8k", "gsm8k", 3, 10),
        Asked("ifeval", "ifeval", 0, 10, "max_gen_toks=200"),
    ),
}


def main() -> None:
    real, size = Path(sys.argv[1]), sys.argv[2]
    # In float32, torch's log-softmax over 49,152 tokens alone is off by up to 7e-4 a request, on one side.
    reference = HFLM(pretrained=str(real / NAME), dtype="float32", device="cpu", batch_size=4, softmax_dtype="float64")
    exact = for_lm_eval(open_gguf(real / f"{NAME}.F32.gguf"))
    small = for_lm_eval(open_gguf(real / f"{NAME}.Q4_1.gguf", settings={}))
    for asked in SIZES[size]:
        arguments = (asked.task, asked.folder, asked.shots, asked.documents, asked.settings)
        metrics, theirs = evaluate(reference, *arguments)
        for name, lm in (("F32", exact), ("Q4_1", small)):
            found, ours = evaluate(lm, *arguments)
            line = {"task": asked.task, "file": name, "metrics": found == metrics, "requests": sum(map(len, ours))}
            print(json.dumps(line | compared(ours, theirs)), flush=True)


def compared(ours: list[Any], theirs: list[Any]) -> dict[str, Any]:
    """How many documents have the same choice or text, and the largest difference of a log-likelihood."""
    same, largest = 0, 0.0
    for mine, other in zip(ours, theirs, strict=True):
        if isinstance(other[0][0], str):
            same += mine == other
            continue
        scores = [[float(answer[0][0]) for answer in answers] for answers in (mine, other)]
        same += scores[0].index(max(scores[0])) == scores[1].index(max(scores[1]))
        largest = max(largest, *(abs(one - two) for one, two in zip(*scores, strict=True)))
    return {"documents": len(ours), "same": same, "largest": largest}


if __name__ == "__main__":
    main()
