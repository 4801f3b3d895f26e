"""Runs lm-eval's real tasks with both engines and prints what differs:
`python -m tests.worker.answering.hf.engine.real_tasks HUB`.

A process of its own, because the hub's address has to be in the environment before datasets is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import lm_eval
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import AutoTokenizer

from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import fast_model

# Task, folder of its definition, few-shot examples, documents, generation settings.
TASKS = [
    ("mmlu_astronomy", "mmlu/default", 5, 6, None),
    ("mmlu_international_law", "mmlu/default", 5, 6, None),
    ("hellaswag", "hellaswag", 0, 12, None),
    ("gsm8k", "gsm8k", 5, 5, None),
    ("ifeval", "ifeval", 0, 5, "max_gen_toks=200"),
]
FAMILIES = ("llama", "gemma3", "gpt_neox", "mixtral", "bamba")


def evaluate(lm: Any, task: str, folder: str, shots: int, limit: int, settings: str | None) -> tuple[Any, list[Any]]:
    """Metrics, and the responses to every request in order."""
    tasks = Path(lm_eval.__file__).parent / "tasks" / folder
    manager = TaskManager(include_defaults=False, include_path=[str(tasks)])
    outcome = lm_eval.simple_evaluate(
        model=lm, tasks=[task], num_fewshot=shots, limit=limit, gen_kwargs=settings, task_manager=manager,
        bootstrap_iters=0, cache_requests=False,
    )  # fmt: skip
    samples = sorted(outcome["samples"][task], key=lambda sample: sample["doc_id"])
    return outcome["results"][task], [sample["resps"] for sample in samples]


def difference(ours: list[Any], theirs: list[Any]) -> tuple[float, bool]:
    """The largest difference of any log-likelihood, and whether everything else is the same."""
    largest, same = 0.0, True
    for given, wanted in zip(ours, theirs, strict=True):
        for (mine,), (other,) in zip(given, wanted, strict=True):
            if isinstance(mine, str):
                same = same and mine == other
            else:
                largest = max(largest, abs(float(mine[0]) - float(other[0])))
                same = same and mine[1] == other[1]
    return largest, same


def compare(name: str, model: Any, tokenizer: Any, batch_size: int | str) -> None:
    """Print one JSON line for each task."""
    for task in TASKS:
        made = {"pretrained": model, "tokenizer": tokenizer, "max_length": 2048, "device": "cpu"}
        theirs, their_responses = evaluate(HFLM(**made, batch_size=8), *task)
        ours, our_responses = evaluate(fast_model(**made, batch_size=batch_size), *task)
        largest, same = difference(our_responses, their_responses)
        line = {"model": name, "task": task[0], "largest": largest, "same": same, "metrics": ours == theirs}
        print(json.dumps(line | {"requests": sum(map(len, our_responses))}), flush=True)


def main() -> None:
    hub = Path(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(hub / "models/tinyllamas/stories260K")
    compare("stories260K", str(hub / "models/tinyllamas/stories260K"), tokenizer, "auto")
    for family, batch_size in zip(FAMILIES, (1, 3, 8, "auto", 8), strict=True):
        model = zoo.make_model(
            family,
            vocab_size=512,
            max_position_embeddings=2048,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        compare(family, model, tokenizer, batch_size)


if __name__ == "__main__":
    main()
