"""The results of two models as eval_hybrid.py writes them: one JSON file, lm-eval's results with its metadata."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.files import open_regular_file, read_regular, unwritable, write_atomic
from benchtui.results.records import RunResults
from benchtui.results.routing import RoutedRun
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.result_files import file_part, sample_files

_LARGEST = 1 << 30
_NAMED_TASKS = 80
"""Characters of the names of tasks in the name of a file."""


def write_hybrid_results(results: RunResults, folder: Path, name: str | None, *, samples: bool, content: bool) -> Path:
    """Write the results file of a run of two models into `folder`, under its own name where `name` is None, and with
    `samples` lm-eval's samples beside it; `content` adds questions and answers. Returns its place.

    Raises BenchtuiError where a file cannot be read or written.
    """
    routing = results.routing
    if routing is None:
        raise BenchtuiError(f"{results.run} is no run of two models.", "Name another.")
    document = json.loads(read_regular(results.file, _LARGEST))
    told = document.setdefault("metadata", {})
    if content:
        told |= {"report_content": True, "content_metrics": _content(results)}
    place = folder / (name or default_name(routing, [task.name for task in results.asked]))
    try:
        write_atomic(place, json.dumps(document, indent=2, ensure_ascii=False))
        if samples:
            for task, file in sample_files(results.folder, results.stamp).items():
                write_atomic(
                    place.with_name(f"{place.stem}_samples_{file_part(task)}.jsonl"), read_regular(file, _LARGEST)
                )
    except OSError as error:
        raise unwritable(place, error) from error
    return place


def default_name(routing: RoutedRun, tasks: list[str], now: dt.datetime | None = None) -> str:
    """Return the name that eval_hybrid.py gives its file."""
    small, large = (file_part(part.name.rpartition("/")[2])[:80] for part in (routing.small, routing.large))
    mode = {
        "small": "slm_only",
        "large": "llm_only",
        "speculative": f"speculative_d{routing.drafts}",
    }.get(routing.strategy, f"{routing.strategy}_t{routing.threshold}")
    named = file_part("_".join(tasks))
    if len(named) > _NAMED_TASKS:
        named = f"{file_part(tasks[0])[:_NAMED_TASKS]}_and_{len(tasks) - 1}_more"
    stamp = (now or dt.datetime.now().astimezone()).strftime("%Y%m%d_%H%M%S")
    return f"hybrid_{small}_vs_{large}_{file_part(mode)[:80]}_{named}_{stamp}.json"


def _content(results: RunResults) -> dict[str, Any]:
    """Every question of a task that generates text, with its answer, its tokens and the seconds of both models."""
    rows = list(_answers(results))
    known = [row["generation_time"] for row in rows if row["generation_time"] is not None]
    return {
        "detailed_content": rows,
        "total_generation_time": sum(known) if len(known) == len(rows) else None,
        "total_questions": len(rows),
    }


def _answers(results: RunResults) -> Iterator[dict[str, Any]]:
    generate = {task.name for task in results.tasks if task.output_type == "generate_until"}
    with Journal(RunDirectory(results.run).journal, read_only=True) as journal:
        for task, file in sample_files(results.folder, results.stamp).items():
            if task not in generate:
                continue
            facts, seen = journal.facts(task), set[int]()
            with open_regular_file(file) as lines:
                for line in lines:
                    sample = json.loads(line)
                    doc_id = int(sample["doc_id"])
                    if doc_id in seen:  # another filter of the same answer
                        continue
                    seen.add(doc_id)
                    for index, (asked, answers) in enumerate(
                        zip(sample["arguments"].values(), sample["resps"], strict=True)
                    ):
                        for repeat, answer in enumerate(answers):
                            counted = facts.get(RequestKey(task, doc_id, index, repeat))
                            routed = counted.routed if counted else None
                            yield {
                                "task": task,
                                "question": asked["arg_0"],
                                "answer": answer,
                                "num_tokens": counted.tokens if counted else None,
                                "generation_time": routed.small.seconds + routed.large.seconds if routed else None,
                            }
