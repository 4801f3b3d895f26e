"""Checks that each task's data are those that were answered before, and those that the base answered."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from lm_eval.utils import handle_non_serializable

from benchtui.errors import BenchtuiError
from benchtui.files import BENCHMARKS
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.read import read_run
from benchtui.runs.directory import RunDirectory, named_base
from benchtui.runs.journal.journal import Journal
from benchtui.runs.kinds.benchmark.task_data import TaskData, how_data_differ, keep_data, read_data, stored_data
from benchtui.worker.benchmark.tasks.load import LoadedTask, LoadedTasks


def bind_data(run: RunDirectory, plan: BenchmarkPlan, tasks: LoadedTasks, journal: Journal) -> None:
    """Note the digests of every task's data in the journal.

    Raises BenchtuiError, before the model is asked anything, when a task's data are not those that the answers in the
    journal are to, or not those that the base answered.
    """
    kept = read_data(journal)
    base = _data_of_base(run, plan)
    found: dict[str, TaskData] = {}
    for loaded in tasks.tasks:
        name = loaded.name
        found[name] = data = task_data(loaded)
        answered = name in kept and (journal.count(name) > 0 or bool(journal.elsewhere(name)))
        if answered and (how := how_data_differ(kept[name], data)):
            raise BenchtuiError(
                f"The data of {name} changed since this run was begun: {how}.",
                "Start a new run: type the `benchtui run` command with --no-resume.",
            )
        if name in base and (how := how_data_differ(base[name], data)):
            raise BenchtuiError(
                f"The data of {name} changed since the base was evaluated: {how}.",
                "Type the `benchtui run` command with --rerun-base: both are then evaluated on the same data.",
            )
    keep_data(journal, kept | found)


def note_data(tasks: LoadedTasks, journal: Journal) -> None:
    """Note the digests of every task's data in a journal that has none: its answers are scored with these documents."""
    if not read_data(journal):
        keep_data(journal, {loaded.name: task_data(loaded) for loaded in tasks.tasks})


def task_data(loaded: LoadedTask) -> TaskData:
    """Return the digests of a loaded task's documents, as the task has read them already: to read them again could draw
    random numbers in its code, and so change its prompts."""
    task: Any = loaded.task
    documents = getattr(task, "task_docs", None)
    if documents is None:
        documents = task.eval_docs
    examples = getattr(getattr(task, "sampler", None), "df", None) if task.get_config("num_fewshot") else None
    total = len(documents)
    count = total if loaded.limit is None else min(loaded.limit, total)
    return TaskData(
        documents=_digest(islice(documents, count)),
        count=count,
        total=total,
        examples=_digest(examples) if examples else "",
        revision=_revision(documents),
    )


def _digest(documents: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for document in documents:
        text = json.dumps(document, default=handle_non_serializable, ensure_ascii=False)
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()[:32]


def _revision(documents: Any) -> str:
    """Return the commit of a data set from the Hub: the datasets library names its folder in the cache by it."""
    for file in getattr(documents, "cache_files", None) or ():
        if re.fullmatch(r"[0-9a-f]{40}", folder := Path(file["filename"]).parent.name):
            return folder
    return ""


def _data_of_base(run: RunDirectory, plan: BenchmarkPlan) -> dict[str, TaskData]:
    benchmarks = next((parent for parent in run.path.parents if parent.name == BENCHMARKS), None)
    base = named_base(benchmarks, plan) if benchmarks is not None else None
    if base is None:
        return {}
    if found := stored_data(base):
        return found
    try:
        return read_run(base).data  # its journal was deleted, perhaps to make room
    except BenchtuiError:
        return {}  # it left nothing, so there is nothing to compare with
