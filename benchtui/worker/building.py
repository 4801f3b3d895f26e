"""Prompts built under watch: the document in hand is named, and those that were given up on are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import Task

from benchtui.runs.in_hand import InHandWriter
from benchtui.runs.plan import RunPlan
from benchtui.text import one_line
from benchtui.worker.tasks import LoadedTask, build_requests


def build_watched(
    loaded: LoadedTask,
    plan: RunPlan,
    prompter: Any,
    in_hand: InHandWriter,
    skipped: Set[int],
    check: Callable[[], None],
) -> list[Instance]:
    """The task's requests without those of the documents `skipped`: a prompt that hung is not built again. `check` is
    called between documents."""

    def name(doc_id: int, text: str) -> None:
        check()
        in_hand.take(loaded.name, doc_id, text, "building its prompt")

    with _each_named(loaded.task, skipped, name):
        instances = build_requests(loaded, plan, prompter)
    in_hand.clear()
    return instances


@contextmanager
def _each_named(task: Task, skipped: Set[int], name: Callable[[int, str], None]) -> Iterator[None]:
    """While open, `build_all_requests` tells which document it comes to. Both methods are called once for each, in
    order of their ids (lm-eval 0.4.13, api/task.py)."""
    build_context, build_instances = task.fewshot_context, task.construct_requests
    current = -1

    def fewshot_context(doc: Any, *args: Any, **settings: Any) -> Any:
        nonlocal current
        current += 1
        if current in skipped:
            _draw_examples(task, doc, settings.get("num_fewshot") or 0)
            return ""
        name(current, _first_text(doc))
        return build_context(doc, *args, **settings)

    def construct_requests(doc: Any, *args: Any, **settings: Any) -> Any:
        return [] if current in skipped else build_instances(doc, *args, **settings)

    task.fewshot_context, task.construct_requests = fewshot_context, construct_requests
    try:
        yield
    finally:
        del task.fewshot_context, task.construct_requests  # the class's own again


def _draw_examples(task: Task, doc: Any, shots: int) -> None:
    """Draw a skipped document's examples all the same: those of the documents after it depend on it."""
    sampler = getattr(task, "sampler", None)
    if sampler is not None and shots:
        same_split = task.fewshot_cfg.split == task.config.test_split
        sampler.sample(n=shots, eval_doc=doc if same_split else None)


def _first_text(doc: Any) -> str:
    values = doc.values() if isinstance(doc, dict) else ()
    return one_line(next((value for value in values if isinstance(value, str) and value), ""), 100)
