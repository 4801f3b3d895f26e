"""Makes an lm-eval task of a data set: recognises its columns, makes its documents, and writes the task."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import msgspec

from benchtui.errors import UsageError
from benchtui.tasks.data.documents.asked import Unasked
from benchtui.tasks.data.documents.columns import recognise
from benchtui.tasks.data.documents.extras import read_schema
from benchtui.tasks.data.documents.make import Document, Recipe, documents, sampled, survey
from benchtui.tasks.data.documents.shapes import Reading, WithChoices
from benchtui.tasks.data.hub import HUB, parse_hub_name
from benchtui.tasks.data.source import Source, open_source
from benchtui.tasks.data.spec import DataSpec, MadeTask
from benchtui.tasks.data.trust import is_made
from benchtui.tasks.data.write_task import Written, data_file, delimiter, safe_name, stops, write_documents, write_yaml
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.own_file import check_allowed, is_own, permitted, pinned
from benchtui.tasks.metrics.registry import choose, choose_all

_HEAD_ROWS = 200
_LONG = 100
"""Characters of references, on average, from which on exact match says little."""
_BY_LETTER = ("choice_letter",)
"""The metric of choices that are asked for in writing."""

Arrived = Callable[[str, int, int], None]
"""Told how far a download is: name of a file, bytes there, bytes in all."""

_Kept = Callable[[Iterator[Document]], Iterator[Document]]


@dataclass(frozen=True)
class _Part:
    """The documents of one file or split, written."""

    reading: Reading
    metrics: tuple[ChosenMetric, ...]
    written: Written
    said: tuple[str, ...]


def make_task(
    spec: DataSpec,
    folder: Path,
    *,
    offline: bool = False,
    metric_code: bool = False,
    arrived: Arrived = lambda *_: None,
) -> MadeTask:
    """Write the task that `spec` describes to the folder: NAME.yaml, NAME-DIGEST.parquet, and a second Parquet file
    where there are examples for few-shot prompts. The same rows and the same `spec` give the same files.

    A metric that is a Python file is run once, with the first document, and only where `metric_code` allows it. Raises
    UsageError for what cannot be read, recognised or scored, and BenchtuiError where files, the Hub or such a metric
    fail.
    """
    for metric in filter(is_own, spec.metrics):
        check_allowed(choose(metric).metric.name, allowed=metric_code)
    name = safe_name(spec.name)
    _check_place(folder / f"{name}.yaml")
    source = open_source(spec.source, spec.split, offline=offline, arrived=arrived)
    with permitted(allowed=metric_code):
        part = _write_part(spec, source, folder, name)
    kind, written = part.reading.kind, part.written
    said = [*source.said, *part.said]
    examples = None
    if spec.fewshot_from is not None:
        others = open_source(_examples(spec, spec.fewshot_from), offline=offline, arrived=arrived)
        whole = msgspec.structs.replace(spec, kind=kind, sample=None)
        with permitted(allowed=metric_code):
            unasked = _unasked(source, others, written)
            examples = _write_examples(whole, others, unasked, folder, name)
        said.append(f"Examples for few-shot prompts: {examples.documents:,} documents of {others.name}.")
        if unasked.left_out:
            said.append(f"{unasked.left_out:,} of {unasked.met:,} examples are asked themselves and are left out.")
    about = f"{written.documents:,} documents of {source.name}"
    file = write_yaml(folder, name, kind, part.metrics, written, about=about, fewshot=examples)
    said += _how_asked(part, examples)
    previews = tuple(_preview(one) for one in written.first)
    number = 0 if examples is None else examples.documents
    return MadeTask(name, file, written.path, written.documents, kind, tuple(said), previews, number)


def _check_place(file: Path) -> None:
    data_file(file)
    if os.path.lexists(file) and not is_made(file):
        raise UsageError(f"{file} is not a task that benchtui made.", "Give the data another name, or move it.")


def _write_part(spec: DataSpec, source: Source, folder: Path, file_name: str, kept: _Kept = lambda made: made) -> _Part:
    """Recognise the columns, survey all rows where that decides something, and write the documents that are `kept`."""
    rows = source.rows()
    reading = recognise(spec, source.columns, list(islice(rows, _HEAD_ROWS)))
    by_letter = reading.kind == "generate" and isinstance(reading.shape, WithChoices)
    metrics = choose_all(spec.metrics or (_BY_LETTER if by_letter else ()), reading.kind)
    said = list(reading.said)
    form, numbers = None, None
    if isinstance(reading.shape, WithChoices) or reading.id is not None or spec.sample is not None:
        found = survey(source.rows, reading, spec.count_from)
        form, numbers = found.form, sampled(found.rows, spec.sample, spec.sample_seed)
        said += found.said
        if numbers is not None:
            said.append(f"{len(numbers):,} of {found.rows:,} rows, drawn with the seed {spec.sample_seed}.")
    recipe = Recipe(reading, form, metrics, read_schema(metrics))
    if any(is_own(chosen.metric.name) for chosen in metrics):
        recipe = _pinned(recipe, next(documents(source.rows(), recipe, numbers)))
    made = documents(source.rows(said), recipe, numbers)
    return _Part(reading, recipe.metrics, write_documents(kept(made), folder, file_name), tuple(said))


def _pinned(recipe: Recipe, first: Document) -> Recipe:
    """Return the recipe with the digest and the values of each metric of one's own, which scores the first document."""
    metrics = [
        pinned(chosen, first.answer, first.place) if is_own(chosen.metric.name) else chosen for chosen in recipe.metrics
    ]
    return replace(recipe, metrics=tuple(metrics))


def _unasked(asked: Source, others: Source, written: Written) -> Unasked:
    """Return what leaves the documents that are asked out of the examples: lm-eval would show a question its own
    answer. Raises UsageError where both are the same file."""
    if {file.sha256 for file in asked.files} & {file.sha256 for file in others.files}:
        raise _all_asked(others)
    return Unasked(written.path)


def _write_examples(spec: DataSpec, others: Source, unasked: Unasked, folder: Path, name: str) -> Written:
    """Write the documents of which few-shot prompts show some. Raises UsageError where all of them are asked."""
    try:
        return _write_part(spec, others, folder, f"{name}-fewshot", unasked.of).written
    except UsageError as error:
        if unasked.all_asked:
            raise _all_asked(others) from None
        raise UsageError(f"--fewshot-from {others.name}: {error.what}", error.next_step) from None


def _all_asked(others: Source) -> UsageError:
    return UsageError(
        f"The examples of {others.name} are the questions that are asked.",
        "Name another file or split as --fewshot-from.",
    )


def _examples(spec: DataSpec, named: str) -> str:
    """Return the source of few-shot examples: a file, a data set of the Hub, or a split of the one that is asked."""
    if not spec.source.startswith(HUB) or named.startswith(HUB) or Path(named).expanduser().exists():
        return named
    name = parse_hub_name(spec.source)
    return f"{HUB}{name.repository}{f':{name.config}' if name.config else ''}/{named}"


def _how_asked(part: _Part, examples: Written | None) -> Iterator[str]:
    """Say what the columns alone do not tell: where answers end, and how prompt and choice are joined."""
    reading, written = part.reading, part.written
    if reading.kind == "generate":
        until, most = stops(written, examples)
        if written.mean > _LONG and any(each.metric.name == "exact_match" for each in part.metrics):
            yield (
                f"References have {written.mean:.0f} characters on average: hardly any answer is exactly equal to one. "
                "Other metrics: `benchtui metrics list`; or --data-kind loglikelihood; or Jinja as --answer, which "
                "takes a part: {{answer.split('#### ')[-1]}}."
            )
        ends = "at an empty line, " if until else ""
        yield f"An answer ends {ends}where the model ends it, or after {most:,} tokens."
    elif reading.kind != "perplexity" and 0 < written.joined < written.documents:
        twice = written.joined if delimiter(written) else written.documents - written.joined
        how = "two spaces" if delimiter(written) else "no space"
        yield f"In plain text, {twice:,} documents have {how} between prompt and answer; the others have one."
    if written.systems:
        yield "Without a chat template the system text stands directly before the prompt, as lm-eval puts it."


def _preview(document: Document) -> tuple[str, str]:
    prompt = f"{document.system}\n\n{document.prompt}" if document.system else document.prompt
    return prompt, document.target
