"""Prompts built under watch: the document in hand is named, and those that were given up on are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import Task

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.question import question
from benchtui.runs.in_hand import InHandWriter
from benchtui.text import one_line
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.tasks.load import LoadedTask
from benchtui.worker.benchmark.tasks.prompts import ChatPrompts

QUESTION = 100
"""Characters of a question that are kept: as much as a line of a display has room for."""


@dataclass(frozen=True)
class Built:
    """A task's requests, and the first line of each document's question."""

    instances: list[Instance]
    questions: dict[int, str]


def build_watched(
    loaded: LoadedTask,
    plan: BenchmarkPlan,
    chat: ChatRenderer | None,
    in_hand: InHandWriter,
    skipped: Set[int],
    check: Callable[[], None],
) -> Built:
    """The task's requests without those of the documents `skipped`: a prompt that hung is not built again. `check` is
    called between documents."""

    def name(doc_id: int, text: str) -> None:
        check()
        in_hand.take(loaded.name, doc_id, text, "building its prompt")

    with _each_named(loaded.task, skipped, name) as asked:
        instances = build_requests(loaded, plan, chat)
    in_hand.clear()
    first: dict[int, Instance] = {}
    for instance in instances:
        first.setdefault(instance.doc_id, instance)
    return Built(instances, {doc_id: _line(i.doc, asked.get(doc_id, str(i.args[0]))) for doc_id, i in first.items()})


def build_requests(loaded: LoadedTask, plan: BenchmarkPlan, chat: ChatRenderer | None) -> list[Instance]:
    """The task's requests, prompts and all; `chat` is asked where the plan has a chat template. Built again, they have
    the same sampled examples."""
    loaded.task.set_fewshot_seed(seed=plan.prompts.seeds[3])
    if plan.prompts.chat_template is None:
        chat = None
    loaded.task.build_all_requests(
        limit=loaded.limit,
        system_instruction=plan.prompts.system_instruction,
        apply_chat_template=chat is not None,
        fewshot_as_multiturn=chat is not None,
        chat_template=ChatPrompts(plan, chat) if chat is not None else None,
        tokenizer_name=chat.name if chat is not None else "",
    )
    instances: list[Instance] = loaded.task.instances
    return instances


@contextmanager
def _each_named(task: Task, skipped: Set[int], name: Callable[[int, str], None]) -> Iterator[dict[int, str]]:
    """While open, `build_all_requests` tells which document it comes to, and what the task asks about each is kept.
    Both methods are called once for each, in order of their ids (lm-eval 0.4.13, api/task.py)."""
    build_context, build_instances, build_text = task.fewshot_context, task.construct_requests, task.doc_to_text
    current, current_doc = -1, None
    asked: dict[int, str] = {}

    def doc_to_text(doc: Any, *args: Any, **settings: Any) -> Any:
        text = build_text(doc, *args, **settings)  # called as often as ever: a task may draw random numbers in it
        if doc is current_doc and isinstance(text, str):
            asked[current] = text
        return text

    def fewshot_context(doc: Any, *args: Any, **settings: Any) -> Any:
        nonlocal current, current_doc
        current, current_doc = current + 1, doc
        if current in skipped:
            _draw_examples(task, doc, settings.get("num_fewshot") or 0)
            return ""
        name(current, _line(doc, ""))
        return build_context(doc, *args, **settings)

    def construct_requests(doc: Any, *args: Any, **settings: Any) -> Any:
        return [] if current in skipped else build_instances(doc, *args, **settings)

    task.fewshot_context, task.construct_requests, task.doc_to_text = fewshot_context, construct_requests, doc_to_text
    try:
        yield asked
    finally:
        del task.fewshot_context, task.construct_requests, task.doc_to_text  # the class's own again


def _draw_examples(task: Task, doc: Any, shots: int) -> None:
    """Draw a skipped document's examples too: those of the documents after it depend on it."""
    sampler = getattr(task, "sampler", None)
    if sampler is not None and shots:
        same_split = task.fewshot_cfg.split == task.config.test_split
        sampler.sample(n=shots, eval_doc=doc if same_split else None)


def _line(doc: Any, text: str) -> str:
    """The first line of the question; before the prompt is built the longest text of the document."""
    found = question(doc, text)
    if not found and isinstance(doc, dict):
        found = max((value for value in doc.values() if isinstance(value, str)), key=len, default="")
    return one_line(found, QUESTION)
