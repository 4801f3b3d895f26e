"""`benchtui overlap`: which documents of a benchmark occur in training data, and what the scores are without them."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click
from click.core import ParameterSource

from benchtui.cli.parameters.options import json_option
from benchtui.cli.parameters.settings import SectionedCommand, setting_option, setting_options
from benchtui.errors import BenchtuiError, UsageError

if TYPE_CHECKING:
    from benchtui.benchmark.training_data import TrainingData
    from benchtui.compare.overlap import BenchmarkOverlap, ScoresWithout
    from benchtui.results.documents import BenchmarkDocument
    from benchtui.results.records import RunResults
    from benchtui.tasks.overlap.index import Index

Asked: TypeAlias = "tuple[list[BenchmarkDocument], dict[str, tuple[str, ...]]]"
"""Documents, and each line of the table with its tasks."""

WIDTH = 120
"""Columns in a pipe or a file."""


_COLUMNS = ("prompt", "answer", "choices", "data-kind", "count-from", "data-split")
"""How --data is read, where its columns are not recognised."""


@click.command("overlap", cls=SectionedCommand)
@click.argument("train", nargs=-1, metavar="[TRAIN]...")
@click.option("--suite", metavar="NAME", help="The documents of a suite's tasks. [default: quick]")
@click.option("--tasks", metavar="A,B", help="The documents of these tasks.")
@click.option("--data", metavar="FILE", help="The documents of a file of your own, as `benchtui run --data` reads it.")
@click.option(
    "--run", metavar="RUN", help="The documents that a run (of a MODEL: the run that counts) was asked; and its scores "
    "and its base's, with and without those that overlap.",
)  # fmt: skip
@click.option("--model", metavar="MODEL", help="The model whose training data is searched, where no TRAIN is named.")
@json_option("Print everything as JSON, every overlapping document included.")
@setting_options(*_COLUMNS)
@setting_option("outputs")
@setting_option("include-path", "Folders of task files of your own, read beside lm-eval's.")
@setting_option("offline", "Download nothing.")
def command(
    train: tuple[str, ...],
    suite: str | None,
    tasks: str | None,
    data: str | None,
    run: str | None,
    model: str | None,
    as_json: bool,
    outputs: Path,
    include_path: tuple[Path, ...],
    offline: bool,
    **columns: Any,
) -> None:
    """Find the documents of a benchmark whose words occur in the training data TRAIN.

    TRAIN is a file (JSONL, JSON, CSV, Parquet, Arrow, plain text) or hub:ORG/NAME[:CONFIG][/SPLIT]; without one it is
    the data that the model's training_metrics.json names, if it is on this disk. A document overlaps when 13 words in
    a row, or all words of a shorter one, occur in one row of it. Case, punctuation and white space do not count.

    \b
    benchtui overlap train.jsonl --suite core            before training on it
    benchtui overlap --run my-model                      what the model was trained on, and its scores without
    benchtui overlap hub:openai/gsm8k:main --tasks gsm8k
    benchtui overlap train.jsonl --data my-test.csv --json
    """
    from benchtui.compare.overlap import overlap_with, scores_without
    from benchtui.tasks.overlap.index import Index

    if sum(value is not None for value in (suite, tasks, data, run)) > 1:
        raise UsageError("--suite, --tasks, --data and --run each say which documents.", "Give one of them.")
    training = _training(train, run or model, outputs, offline)
    runs = _runs(run, outputs) if run is not None else ()
    if runs:
        documents, groups = _of_runs(runs)
    elif data is not None:
        documents, groups = _of_data(data, outputs, columns | {"offline": offline})
    else:
        documents, groups = _of_tasks(_names(suite, tasks), include_path, offline)
    for line in training.said:
        click.echo(line, err=True)
    index = Index([document.text for document in documents])
    _search(index, training)
    found = overlap_with(documents, index.overlaps(), groups)
    scores = scores_without(runs[0], runs[1], found) if len(runs) == 2 else None
    _write(found, scores, training, as_json=as_json)


def _training(train: Sequence[str], model: str | None, outputs: Path, offline: bool) -> TrainingData:
    from benchtui.benchmark.training_data import training_data, training_data_of
    from benchtui.results.choose import find_model

    if train:
        return training_data(train, offline=offline)
    if model is None:
        raise UsageError(
            "No training data is named.", "Name a file, or a model that says what it was trained on: --model NAME."
        )
    return training_data_of(find_model(outputs, model)[0], outputs)


def _runs(named: str, outputs: Path) -> tuple[RunResults, ...]:
    """Return the results of a run's base and of the run; of the run alone where it has no base."""
    from benchtui.results.choose import find_scored_run, places_to_compare
    from benchtui.results.read import read_run

    try:
        base, tuned, _ = places_to_compare(outputs, named, None)
    except BenchtuiError as error:
        alone = read_run(find_scored_run(outputs, named))
        click.echo(f"No scores with and without: {error.what}", err=True)
        return (alone,)
    return read_run(base), read_run(tuned)


def _of_runs(runs: Sequence[RunResults]) -> Asked:
    from benchtui.compare.overlap import documents_of_runs, groups_of_run

    documents = documents_of_runs(runs[::-1])
    if not documents:
        raise BenchtuiError(
            f"{runs[-1].folder} has no samples, which hold the documents.", "Run lm_eval with --log_samples."
        )
    return documents, groups_of_run(runs[-1])


def _of_data(data: str, outputs: Path, said: Mapping[str, Any]) -> Asked:
    from benchtui.benchmark.own_documents import own_documents
    from benchtui.cli.parameters.own_data import data_sets

    [spec] = data_sets((data,), outputs, said)
    return own_documents(spec, offline=said["offline"]), {spec.name: (spec.name,)}


def _names(suite: str | None, tasks: str | None) -> list[str]:
    """Return the tasks of a suite, or those named. Raises UsageError where none is named."""
    from benchtui.settings.config import load_config
    from benchtui.tasks.suites import DEFAULT_SUITE, find_suite

    if tasks is None:
        return [task.name for task in find_suite(suite or DEFAULT_SUITE, load_config().suites).tasks]
    names = [name for name in (word.strip() for word in tasks.split(",")) if name]
    if not names:
        raise UsageError("--tasks names no task.", "`benchtui tasks` lists them, `benchtui suites` the suites.")
    return names


def _of_tasks(names: Sequence[str], include_path: tuple[Path, ...], offline: bool) -> Asked:
    from benchtui.benchmark.task_documents import task_documents
    from benchtui.settings.config import check_task_folders, load_config
    from benchtui.tasks.catalogue import load_catalogue
    from benchtui.tasks.resolve import resolve

    source = click.get_current_context().get_parameter_source("include_path")
    if source is ParameterSource.DEFAULT_MAP:
        check_task_folders(load_config())
    resolved = resolve(load_catalogue(include_path), names)
    shown = _Shown(f"loading the documents of {', '.join(names)}")
    try:
        documents = task_documents(resolved, lambda: shown.tell(""), offline=offline)
    finally:
        shown.clear()
    return documents, dict(resolved.leaves)


def _search(index: Index, training: TrainingData) -> None:
    from benchtui.tasks.overlap.training import search_file

    shown, read = _Shown("searching"), 0
    size = training.size / 1e6

    def tell(characters: int) -> None:
        nonlocal read
        read += characters
        shown.tell(f"{read / 1e6:,.0f} million characters of {size:,.0f} MB, {index.found:,} documents found")

    try:
        for path, name in training.files:
            shown.tell(name)  # it is read once for its encoding before it is searched
            search_file(index, path, tell, name=name)
    finally:
        shown.clear()


class _Shown:
    """A line on stderr that says what is being done: kept up to date on a terminal, else repeated each half minute."""

    def __init__(self, what: str) -> None:
        self._what, self._terminal = what, sys.stderr.isatty()
        self._began = time.monotonic()
        self._last = self._began if not self._terminal else 0.0
        self._shown = False

    def tell(self, how_far: str) -> None:
        now = time.monotonic()
        if now - self._last < (0.2 if self._terminal else 30):
            return
        self._last, self._shown = now, True
        line = f"{self._what}{f': {how_far}' if how_far else ''} ({now - self._began:.0f} s)"
        click.echo(f"\r\x1b[K{line[:78]}" if self._terminal else line, err=True, nl=not self._terminal)

    def clear(self) -> None:
        if self._shown and self._terminal:
            click.echo("\r\x1b[K", err=True, nl=False)


def _write(found: BenchmarkOverlap, scores: ScoresWithout | None, training: TrainingData, *, as_json: bool) -> None:
    from benchtui.reports.overlap import overlap_json, print_overlap
    from benchtui.reports.stdout import stdout_console

    if as_json:
        click.echo(overlap_json(found, scores, training.files, training.said), nl=False)
    else:
        print_overlap(found, scores, stdout_console(elsewhere=WIDTH))
