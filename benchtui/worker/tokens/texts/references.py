"""The references of tasks, behind the prompts that a benchmark would ask with, as documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask, Task
from lm_eval.api.utils import maybe_delimit

from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.tokens import TaskReferences, TextsPlan
from benchtui.text import one_line
from benchtui.tokens.modes import REFERENCE
from benchtui.tokens.records import TokenDocument
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.answers.scoring import document_hash
from benchtui.worker.benchmark.open_run import set_seeds
from benchtui.worker.benchmark.tasks.building import build_requests
from benchtui.worker.benchmark.tasks.load import LoadedTask, load_tasks
from benchtui.worker.report import Reporter


def reference_documents(
    plan: TextsPlan,
    texts: TaskReferences,
    chat: ChatRenderer | None,
    reporter: Reporter,
    check: Callable[[], None],
) -> list[TokenDocument]:
    """Make a document of each document of the tasks: the prompt that a benchmark asks with (few-shot examples and chat
    template included), and behind it the right continuation, the reference of a task that generates text, or, without a
    prompt, the whole text of a perplexity task.

    Raises BenchtuiError where a task cannot be loaded, or has no references, naming it.
    """
    asked = _benchmark(plan, texts)
    reporter.phase("loading task")
    set_seeds(asked.prompts)

    def built(name: str) -> None:
        check()
        reporter.task = name
        reporter.advance("tasks", 1)

    found: list[TokenDocument] = []
    tasks = load_tasks(asked, {**asked.source.task_metadata, **asked.prompts.model_args}, built)
    for loaded in tasks.tasks:
        check()
        reporter.phase("building prompts", loaded.name)
        found += _of_task(loaded, asked, chat, reporter)
    reporter.task = ""
    return found


def _benchmark(plan: TextsPlan, texts: TaskReferences) -> BenchmarkPlan:
    """The benchmark that would ask these prompts."""
    one = plan.models[0]
    return BenchmarkPlan(
        model_name=plan.model_name,
        bench_id=plan.bench_id,
        created=plan.created,
        permissions=plan.permissions,
        offline=plan.offline,
        role="model",
        source=one.source,
        prompts=one.prompts,
        backend=one.backend,
        tasks=texts.tasks,
        task_files=texts.task_files,
        task_digests=texts.task_digests,
        leaves=texts.leaves,
        include_paths=texts.include_paths,
        data=texts.data,
        lm_eval_version=texts.lm_eval_version,
    )


def _of_task(
    loaded: LoadedTask, plan: BenchmarkPlan, chat: ChatRenderer | None, reporter: Reporter
) -> list[TokenDocument]:
    task, templated = loaded.task, plan.prompts.chat_template is not None
    instances = sorted(build_requests(loaded, plan, chat), key=lambda instance: (instance.doc_id, instance.idx))
    found = []
    for doc_id, group in groupby(instances, key=lambda instance: instance.doc_id):
        requests = list(group)
        asked = _reference(task, requests, templated=templated)
        if asked is None:
            continue
        prompt, answer = asked
        document = TokenDocument(
            f"{loaded.name} #{doc_id}",
            prompt,
            answer,
            group=f"{loaded.name}/{doc_id}",
            task=loaded.name,
            doc_id=doc_id,
            doc_hash=document_hash(requests[0].doc),
            written_by=REFERENCE,
            span=None if requests[0].request_type == "generate_until" else (0, len(answer)),
        )
        found.append(document)
    if not found:
        raise BenchtuiError(
            f"Task {one_line(loaded.name, 80)} has no references: it says of no answer that it is the right one.",
            "Leave it out, or compare on the answers that runs have stored (--answers).",
        )
    if missing := loaded.documents - len(found):
        reporter.warn(f"{loaded.name}: {missing:,} documents without a reference are left out.")
    return found


def _reference(task: Task, requests: Sequence[Instance], *, templated: bool) -> tuple[str, str] | None:
    """The prompt of a document and the right text behind it; None where there is none."""
    first = requests[0]
    if first.request_type == "loglikelihood_rolling":
        return ("", first.args[0]) if first.args[0] else None
    if first.request_type == "generate_until":
        answer = _target(task, first.doc, templated=templated)
        return (first.args[0], answer) if answer else None
    gold = _gold(task, requests)
    if gold is None or not requests[gold].args[1]:
        return None
    prompt, answer = requests[gold].args[:2]
    return prompt, answer


def _target(task: Task, doc: Any, *, templated: bool) -> str:
    """A reference as lm-eval writes it into few-shot examples (`build_qa_turn`); "" where there is none."""
    target = _text(task, doc, task.doc_to_target(doc))
    if not target.strip():
        return ""
    if prefix := task.doc_to_prefix(doc):  # begins the answer, and ends the prompt
        return str(maybe_delimit(prefix, target))[len(prefix) :]
    delimited = isinstance(task, ConfigurableTask) and not templated
    return f"{task.config.target_delimiter}{target}" if delimited else target


def _text(task: Task, doc: Any, target: Any) -> str:
    if isinstance(target, list | tuple):
        target = target[0] if target else ""
    if isinstance(target, int) and isinstance(task, ConfigurableTask) and task.config.doc_to_choice is not None:
        choices = task.doc_to_choice(doc)
        target = choices[target] if 0 <= target < len(choices) else ""
    return target if isinstance(target, str) else ""


def _gold(task: Task, requests: Sequence[Instance]) -> int | None:
    """The number of the right one of a document's requests, as lm-eval finds it (`process_results`); the first of
    several."""
    if len(requests) == 1:
        return 0
    doc = requests[0].doc
    multiple = getattr(task, "multiple_input", 0)
    gold = task.doc_to_text(doc) if multiple else task.doc_to_target(doc)
    if isinstance(gold, list | tuple):
        gold = gold[0] if gold else None
    if isinstance(gold, str):
        choices = task.doc_to_choice(doc) if isinstance(task, ConfigurableTask) else []
        texts = list(choices) or [request.args[1].strip() for request in requests]
        wanted = gold if choices else gold.strip()
        gold = texts.index(wanted) if wanted in texts else None
    return gold if isinstance(gold, int) and 0 <= gold < len(requests) else None
