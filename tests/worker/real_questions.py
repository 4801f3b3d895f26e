"""Builds real tasks' prompts in several styles and prints what is shown as each document's question, as JSON lines.

A process of its own: the libraries read where the hub is when they are imported.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import lm_eval.tasks
import msgspec

from benchtui.models.source import HubSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.results.question import question
from benchtui.runs.in_hand import InHandWriter
from benchtui.tasks.suites import TaskPlan
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.tasks.building import build_watched
from benchtui.worker.benchmark.tasks.load import load_tasks

TASKS = {
    "ifeval": ("ifeval/ifeval.yaml", None, "prompt"),
    "gsm8k": ("gsm8k/gsm8k.yaml", 5, "question"),
    "hellaswag": ("hellaswag/hellaswag.yaml", None, "query"),
    "mmlu_anatomy": ("mmlu/default/mmlu_anatomy.yaml", 5, "question"),
}
CHATML = "<|im_start|>{role}\n{content}<|im_end|>\n"


class Chat(ChatRenderer):
    name = "chat"

    def render(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        text = "".join(CHATML.format(**message) for message in messages)
        return text + "<|im_start|>assistant\n" * add_generation_prompt


def main() -> None:
    for task, (place, shots, key) in TASKS.items():
        file = Path(lm_eval.tasks.__file__).parent / place
        plan = BenchmarkPlan(
            model_name="m",
            role="model",
            source=HubSource("m", "identity"),
            tasks=(TaskPlan(task, shots, 6),),
            prompts=PromptSettings(),
            bench_id="bench",
            created="2026-11-20T10:30:15+00:00",
            task_files={task: str(file)},
        )
        for style, prompts in {
            "plain": PromptSettings(system_instruction="You are careful."),
            "chat": PromptSettings(chat_template="x", system_instruction="You are careful."),
        }.items():
            show(msgspec.structs.replace(plan, prompts=prompts), style, key)


def show(plan: BenchmarkPlan, style: str, key: str) -> None:
    (loaded,) = load_tasks(plan, {}, lambda _: None).tasks
    with tempfile.TemporaryDirectory() as folder:
        writer = InHandWriter(Path(folder) / "in-hand")
        built = build_watched(loaded, plan, Chat(), writer, set(), lambda: None)
    for instance in built.instances:
        if instance.idx == 0:
            doc, prompt = instance.doc, str(instance.args[0])
            line = {
                "task": loaded.name,
                "style": style,
                "live": built.questions[instance.doc_id],
                "shown": question(doc, prompt),
                "own": doc[key].strip(),
                "prompt": prompt,
                "asked": loaded.task.doc_to_text(doc).strip(),
            }
            print(json.dumps(line))


if __name__ == "__main__":
    main()
