"""The documents of people's own data, as `benchtui run --data` makes a task of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchtui.compare.differences.leaves import SampleSource
from benchtui.errors import BenchtuiError
from benchtui.results.documents import BenchmarkDocument
from benchtui.results.read import read_run
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import shown_name
from benchtui.runs.records import read_done
from benchtui.tasks.data.documents.content import document_digest
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.read import open_data, read_rows
from benchtui.tasks.data.rows import Cell
from benchtui.tasks.data.spec import DataSpec, MadeTask
from benchtui.text import one_line


def own_documents(spec: DataSpec, *, offline: bool = False) -> list[BenchmarkDocument]:
    """Return the documents of a data set, each by its id, or the number of its row where it has none: prompt, and
    choices or accepted answers.

    Raises UsageError for what cannot be read or whose columns are not recognised.
    """
    with tempfile.TemporaryDirectory(prefix="benchtui-overlap-") as folder:
        made = make_task(spec, Path(folder), offline=offline)
        return [
            BenchmarkDocument(spec.name, str(row.cells["id"]), "", _text(row.cells))
            for row in read_rows(open_data(made.data))
        ]


def _text(cells: Mapping[str, Cell]) -> str:
    """Return prompt, and the choices or the accepted answers."""
    answers = cells["choices"] or cells["targets"]
    assert isinstance(answers, list)  # noqa: S101 - `make_task` wrote it
    return "\n".join([str(cells["prompt"] or ""), *map(str, answers)])


def check_same_documents(run: RunDirectory, spec: DataSpec, now: MadeTask, *, metric_code: bool = False) -> str:
    """Raise BenchtuiError where the documents of `now`, made of the data of `spec` with other metrics, are not those
    that `run` answered: no answer is held against a reference that was changed since.

    How they are scored may be another. Returns a sentence where the run had no references, so that whether they were
    changed is not known; else "". Raises BenchtuiError also where no samples tell what was answered, and UsageError
    where the data cannot be read as they were.
    """
    answered = dict(_answered(run, spec.name))
    if not _first_other(now.data, answered):
        return ""
    with tempfile.TemporaryDirectory(prefix="benchtui-rescore-") as folder:  # some metrics have references of their own
        as_then = make_task(spec, Path(folder), offline=True, metric_code=metric_code)
        if place := _first_other(as_then.data, answered):
            raise BenchtuiError(
                f"{place} of {one_line(spec.origin, 200)} is not what it was when {shown_name(run)} was evaluated.",
                "Put the file back as it was, or evaluate the model again.",
            )
        if any(row.cells["targets"] for row in read_rows(open_data(as_then.data))):
            return ""
    place = one_line(spec.origin, 200)
    return f"The metrics of {shown_name(run)} had no references: they are those of {place} as it is now."


def _first_other(parquet: Path, answered: Mapping[int, str]) -> str:
    """Return the place of the first document that is not the one that was answered, "" where there is none."""
    count = 0
    for row in read_rows(open_data(parquet)):
        digest = document_digest(row.cells)
        if answered.get(count, digest) != digest:
            return one_line(str(row.cells["place"]), 80)
        count += 1
    return "The end" if any(number >= count for number in answered) else ""


def _answered(run: RunDirectory, task: str) -> Iterator[tuple[int, str]]:
    """Yield the number, from 0, and the digest of every document that a run scored."""
    file = SampleSource(read_run(run)).file(task) if read_done(run) is not None else None
    if file is None:
        raise BenchtuiError(
            f"{shown_name(run)} has no samples of {one_line(task, 80)}, which tell the references it was asked with.",
            "Resume it, or evaluate the model again.",
        )
    number = 0
    try:
        with file.open("rb") as lines:
            for line in lines:
                number += 1
                raw = json.loads(line)
                yield int(raw["doc_id"]), document_digest(dict(raw["doc"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BenchtuiError(f"{file} is damaged in line {number}.", "Evaluate the model again.") from None
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be read: {error.strerror or error}.") from None
