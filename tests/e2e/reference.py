"""lm-eval's own answers for many models in one process: `python -m tests.e2e.reference OUT MODEL_ARGS...`

Every MODEL_ARGS is what `lm_eval run --model hf --model_args` takes. OUT becomes a JSON list with metrics and answers
of HellaSwag and IFEval for each. It calls the function that `lm_eval run` calls, on just the files of these two tasks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LIMIT = 8
ANSWER_TOKENS = 40
TASKS = ("hellaswag", "ifeval")


def evaluate(model_args: str) -> dict[str, Any]:
    import lm_eval
    from langdetect import DetectorFactory
    from lm_eval.tasks import TaskManager

    DetectorFactory.seed = 0  # unseeded, IFEval's language checks differ between lm-eval's own runs
    tasks = Path(lm_eval.__file__).parent / "tasks"
    manager = TaskManager(include_defaults=False, include_path=[str(tasks / name) for name in TASKS])
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args=model_args,
        tasks=list(TASKS),
        limit=LIMIT,
        device="cpu",
        batch_size=1,
        gen_kwargs={"max_gen_toks": ANSWER_TOKENS},
        task_manager=manager,
        log_samples=True,
        bootstrap_iters=0,
    )
    answers = {
        name: [sample["resps"] for sample in sorted(found["samples"][name], key=lambda sample: sample["doc_id"])]
        for name in TASKS
    }
    metrics = {
        name: {key: value for key, value in found["results"][name].items() if "," in key and "stderr" not in key}
        for name in TASKS
    }
    return {"metrics": metrics, "answers": answers}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps([evaluate(arguments) for arguments in sys.argv[2:]]))
