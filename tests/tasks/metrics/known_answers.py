"""Runs tasks in lm-eval itself with a model whose answers are known: `python known_answers.py FOLDER`.

FOLDER holds tasks/ and answers.json, {prompt: written answer}. A text's log-probability is minus its bytes, halved.
Writes results.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lm_eval.api.model import LM
from lm_eval.evaluator import simple_evaluate
from lm_eval.tasks import TaskManager


class Known(LM):
    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__()
        self.answers = answers

    def generate_until(self, requests: list[Any]) -> list[str]:
        return [self.answers[request.args[0]] for request in requests]

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        return [(-len(request.args[1].encode()) / 2, "!" in request.args[1]) for request in requests]

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        return [-len(request.args[0].encode()) / 2 for request in requests]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = simple_evaluate(
        Known(json.loads((folder / "answers.json").read_text())),
        tasks=sorted(path.stem for path in (folder / "tasks").glob("*.yaml")),
        task_manager=TaskManager(include_path=str(folder / "tasks")),
        bootstrap_iters=0,
    )
    kept = {"results": found["results"], "higher_is_better": found["higher_is_better"]}
    (folder / "results.json").write_text(json.dumps(kept, default=str))
