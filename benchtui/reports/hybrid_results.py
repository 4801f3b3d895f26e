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
_AGAIN = "Restore the file or run the benchmark again."
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
    document = _document(results.file)
    told = document.setdefault("metadata", {})
    if content:
        told |= {"report_content": True, "content_metrics": _content(results)}
    place = folder / (name or default_name(routing, [task.name for task in results.asked]))
    try:
        write_atomic(place, json.dumps(document, indent=2, ensure_ascii=False))
        if samples:
            for task, file in sample_files(results.folder, results.stamp).items():
                write_atomic(place.with_name(f"{place.stem}_samples_{file_part(task)}.jsonl"), _bytes(file))
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


def _document(file: Path) -> dict[str, Any]:
    """Read lm-eval's results. Raises BenchtuiError where the file is missing or damaged."""
    document = _object(_bytes(file), f"{file} is damaged")
    if not isinstance(document.get("metadata", {}), dict):
        raise BenchtuiError(f"{file} is damaged: its metadata are no object.", _AGAIN)
    return document


def _samples(file: Path) -> Iterator[dict[str, Any]]:
    """Yield lm-eval's samples. Raises BenchtuiError naming the line that is damaged, and where the file is missing."""
    try:
        with open_regular_file(file) as lines:
            for number, line in enumerate(lines, 1):
                yield _object(line, f"{file} is damaged in line {number}", "doc_id", "arguments", "resps")
    except OSError as error:
        raise _unreadable(file, error) from None


def _object(data: bytes, damaged: str, *keys: str) -> dict[str, Any]:
    """Return the object that is stored, with these keys. Raises BenchtuiError that begins with `damaged`."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BenchtuiError(f"{damaged}: {error}.", _AGAIN) from None
    if not isinstance(found, dict) or not found.keys() >= set(keys):
        raise BenchtuiError(f"{damaged}: it is no object with what lm-eval writes.", _AGAIN)
    return found


def _bytes(file: Path) -> bytes:
    try:
        return read_regular(file, _LARGEST)
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: Path, error: OSError) -> BenchtuiError:
    return BenchtuiError(f"{file} cannot be read: {error.strerror or error}.", _AGAIN)


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
            for sample in _samples(file):
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
