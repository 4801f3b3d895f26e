"""GSM8K's real test set as a plain file of one's own: the same exact match as a task that somebody wrote by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.source import open_source
from benchtui.tasks.data.spec import DataSpec
from tests.conftest import Hub
from tests.tasks.data.made import documents_of

pytestmark = pytest.mark.hub

PATTERN = r"#### (-?[0-9.,]+)"
BY_HAND = """task: by_hand
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
test_split: test
num_fewshot: 0
output_type: generate_until
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{answer.split('#### ')[-1]}}}}"
generation_kwargs:
  until: ["Question:"]
filter_list:
  - name: strict-match
    filter:
      - function: regex
        regex_pattern: "#### (-?[0-9.,]+)"
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
"""


class Stored(LM):
    """Answers by the prompt alone, from what the data say is right: as it stands, wrong, without its mark, twice."""

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__()
        self._answers = answers

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        return [self._answers[request.args[0]] for request in requests]

    def loglikelihood(self, requests: list[Any]) -> Any:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Any]) -> Any:
        raise NotImplementedError


def changed(number: int, answer: str) -> str:
    wrong = re.sub(r"#### .*", "#### 7", answer)
    return [answer, wrong, answer.replace("####", "so"), f"{wrong}\n{answer}", f"{answer}\n#### 9"][number % 5]


def test_gsm8k_as_a_plain_file(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    for name, value in hub.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    rows = [dict(row.cells) for row in open_source("hub:openai/gsm8k:main/test").rows()]
    assert len(rows) == 1319
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said: dict[str, Any] = {
        "prompt": "Question: {{question}}\nAnswer:",
        "answer": "{{answer.split('#### ')[-1]}}",
        "metrics": (f"extract:pattern={PATTERN}",),
    }
    made = make_task(DataSpec(name="mine", source=str(file), **said), tmp_path / "tasks")
    (tmp_path / "tasks" / "by_hand.yaml").write_text(BY_HAND.format(file=file))
    answers = {f"Question: {row['question']}\nAnswer:": changed(n, row["answer"]) for n, row in enumerate(rows)}
    found = simple_evaluate(
        model=Stored(answers),
        tasks=["mine", "by_hand"],
        task_manager=TaskManager(include_defaults=False, include_path=[str(made.file.parent)]),
        bootstrap_iters=0,
    )
    (ours,) = (key for key in found["results"]["mine"] if key.startswith("extract") and "_stderr" not in key)
    each = {
        task: [sample[key] for sample in sorted(found["samples"][task], key=lambda sample: sample["doc_id"])]
        for task, key in (("mine", ours.partition(",")[0]), ("by_hand", "exact_match"))
    }
    assert each["mine"] == each["by_hand"]
    assert found["results"]["mine"][ours] == found["results"]["by_hand"]["exact_match,strict-match"]
    assert 0.35 < found["results"]["mine"][ours] < 0.45  # two of five kinds of answers are right

    of_the_hub = make_task(
        DataSpec(name="hub", source="hub:openai/gsm8k:main/test", fewshot_from="train", **said), tmp_path / "tasks"
    )
    assert [(one.prompt, one.target) for one in documents_of(of_the_hub)] == [
        (one.prompt, one.target) for one in documents_of(made)
    ]
    assert any("examples" in line.lower() and "hub:openai/gsm8k:main/train" in line for line in of_the_hub.said)
