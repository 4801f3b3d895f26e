"""A real lm-eval task of a few documents, read from a folder made in the test."""

from __future__ import annotations

from pathlib import Path

from lm_eval.api.instance import Instance

from benchtui.models.source import HubSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.tasks.suites import TaskPlan
from benchtui.worker.benchmark.tasks.load import LoadedTask, load_tasks

WRITES = """
task: small_writes
custom_dataset: !function documents.writes
output_type: generate_until
test_split: test
fewshot_split: train
doc_to_text: !function documents.question
doc_to_target: "{{answer}}"
process_results: !function documents.score
generation_kwargs: {until: ["\\n"], do_sample: false}
repeats: 1
metric_list:
  - {metric: right, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""

DOCUMENTS = """
from datasets import Dataset

HUNG = []


def writes(**_):
    documents = [{"number": n, "question": f"What is {n}?", "answer": str(n)} for n in range(8)]
    return {"test": Dataset.from_list(documents), "train": Dataset.from_list(documents[:6])}


def question(doc):
    if doc["number"] in HUNG:
        raise TimeoutError(f"document {doc['number']} hangs")
    return doc["question"]


def score(doc, results):
    return {"right": float(results[0] == doc["answer"])}
"""


class NoModel:
    """For tasks without a chat template: nobody may ask it for anything."""


def small_plan(folder: Path, *, shots: int | None = None) -> BenchmarkPlan:
    file = folder / "small_writes.yaml"
    if not file.exists():
        file.write_text(WRITES)
        (folder / "documents.py").write_text(DOCUMENTS)
    return BenchmarkPlan(
        model_name="m",
        role="model",
        source=HubSource("m", "identity"),
        tasks=(TaskPlan("small_writes", shots),),
        prompts=PromptSettings(),
        bench_id="bench",
        created="2026-11-20T10:30:15+00:00",
        task_files={"small_writes": str(file)},
    )


def small_task(plan: BenchmarkPlan) -> LoadedTask:
    (loaded,) = load_tasks(plan, {}, lambda _: None).tasks
    return loaded


def prompts(instances: list[Instance]) -> dict[int, str]:
    return {instance.doc_id: instance.args[0] for instance in instances}
