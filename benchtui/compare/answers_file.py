"""Scores the answers in a file: rows of a prediction and a reference, or the samples that lm-eval wrote."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np

from benchtui.compare.differences.leaves import ScoredTerms, own_interval
from benchtui.compare.differences.metrics import AGGREGATIONS, terms_of
from benchtui.errors import UsageError
from benchtui.evidence.bootstrap import bootstrap
from benchtui.evidence.records import Interval
from benchtui.results.records import is_bounded, is_share
from benchtui.results.samples import Value as SampleValue
from benchtui.tasks.data.documents.cells import Choices, choices_of, texts_of
from benchtui.tasks.data.documents.extras import extras, read_schema, text_or_json
from benchtui.tasks.data.documents.gold import GoldSurvey, Question
from benchtui.tasks.data.documents.templates import Column, listed, quoted
from benchtui.tasks.data.read import DataFile, open_data, read_rows
from benchtui.tasks.data.rows import Row
from benchtui.tasks.metrics.answer import Answer, Value
from benchtui.tasks.metrics.checks import Checks
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.own_file import PERMISSION, check_allowed, is_own, permitted, pinned
from benchtui.tasks.metrics.registry import choose, choose_all
from benchtui.tasks.metrics.scoring import answer_to, score_answer
from benchtui.text import one_line

PREDICTIONS = ("prediction", "predicted", "pred", "generated", "generation", "model_output", "output", "response")
REFERENCES = ("reference", "references", "target", "targets", "gold", "expected", "label", "answer", "answers")
"""Names of columns; where several of one list are there, the user says which is meant."""
_SAMPLES = frozenset({"doc_id", "doc", "filtered_resps"})
_CHOICES = "choices"


class FileScore(msgspec.Struct, frozen=True):
    """One metric of all answers under one filter of lm-eval's, "" in other files.

    `stderr` and `interval` (95 %) are None where the answers do not determine them.
    """

    metric: str
    filter: str
    n: int
    value: float
    stderr: float | None
    interval: Interval | None
    higher_is_better: bool
    is_share: bool


class ScoredFile(msgspec.Struct, frozen=True):
    """The scores of a file, and sentences on how it was read."""

    scores: tuple[FileScore, ...]
    said: tuple[str, ...]


@dataclass(frozen=True)
class _Scored:
    """One answer with its place in the file, and the filter that it came through."""

    place: str
    answer: Answer
    filter: str = ""


def score_file(
    path: Path,
    metrics: Sequence[str] = (),
    prediction: str | None = None,
    reference: str | None = None,
    *,
    metric_code: bool = False,
) -> ScoredFile:
    """Score every answer in the file with the metrics; without any, with those that the samples were scored with, or
    by exact match.

    `prediction` and `reference` name columns, None where they are to be recognised. Metrics that are Python files are
    run where `metric_code` allows it. Raises UsageError for what cannot be read or scored.
    """
    for metric in filter(is_own, metrics):
        check_allowed(choose(metric).metric.name, allowed=metric_code)
    data = open_data(path)
    said = list(data.notes)
    if set(data.columns) >= _SAMPLES:
        if prediction or reference:
            raise UsageError(
                f"{one_line(path.name)} holds lm-eval's samples, whose answers and references are known.",
                "Leave --prediction and --reference out.",
            )
        found = choose_all(metrics or _metrics_of(next(read_rows(data)), path), "generate")
        said.append("Samples of lm-eval: the answers after its filter, against the targets.")
        answers: Callable[[], Iterator[_Scored]] = lambda: map(_sample, read_rows(data))  # noqa: E731
    else:
        found = choose_all(metrics, "generate")
        columns = _Columns.found(data, found, prediction, reference, said)
        answers = lambda: (columns.scored(row) for row in read_rows(data))  # noqa: E731
    with permitted(allowed=metric_code):
        return ScoredFile(tuple(_scores(_pinned(found, answers), answers)), tuple(said))


def _pinned(found: Sequence[ChosenMetric], answers: Callable[[], Iterator[_Scored]]) -> list[ChosenMetric]:
    """Return the metrics with the names of their values; a task's own metrics have them, and their file's digest."""
    new = [each for each in found if is_own(each.metric.name) and not each.options["sha256"]]
    first = next(answers()) if new else None
    return [pinned(each, first.answer, first.place) if first and each in new else each for each in found]


def _scores(found: Sequence[ChosenMetric], answers: Callable[[], Iterator[_Scored]]) -> Iterator[FileScore]:
    """Yield the score of each metric under each filter, in the order in which these occur."""
    values: dict[tuple[str, str], list[Value]] = {}
    checks = Checks(found)
    for each in answers():
        checks.add(each.place, each.answer)
        for name, value in score_answer(found, each.answer).items():
            values.setdefault((each.filter, name), []).append(value)
    checks.finish()
    of = {name: each for each in found for name in each.names}
    for (filter_, name), documents in values.items():
        yield _score(of[name], name, filter_, documents)


def _score(chosen: ChosenMetric, name: str, filter_: str, values: Sequence[Value]) -> FileScore:
    declared = chosen.metric.aggregation.rpartition(".")[2]
    aggregation = next(each for each in AGGREGATIONS if each.name == declared)
    terms = terms_of(aggregation, cast("Sequence[SampleValue]", [_as_stored(value) for value in values]))
    assert terms is not None  # noqa: S101 - our own values fit their aggregation
    better = chosen.higher_is_better
    value = float(aggregation.combine(terms.sum(axis=0)))
    if not aggregation.mean:
        draws = bootstrap(terms, aggregation.combine)
        stderr = float(np.std(draws.values, ddof=1)) if draws is not None else None
    else:
        stderr = float(np.std(terms[:, 0], ddof=1)) / math.sqrt(len(terms)) if len(terms) > 1 else None
    bounded = chosen.metric.high == 1.0 or is_bounded(name, higher_is_better=better)
    interval = own_interval(ScoredTerms(aggregation, terms), bounded=bounded)
    return FileScore(name, filter_, len(terms), value, stderr, interval, better, is_share(name, value))


def _as_stored(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value


def _metrics_of(sample: Row, path: Path) -> tuple[str, ...]:
    """Return the metrics that a sample of a task of ours names. Raises UsageError where one is a Python file: those
    are run only where they are typed."""
    scoring = _doc(sample).get("scoring")
    try:
        named = json.loads(scoring)["metrics"] if isinstance(scoring, str) else []
    except (ValueError, KeyError, TypeError):
        named = []
    found = tuple(each for each in named if isinstance(each, str)) if isinstance(named, list) else ()
    if own := next(filter(is_own, found), None):
        file = choose(own).metric.name
        raise UsageError(
            f"{one_line(path.name)} names the Python file {one_line(file, 200)} as a metric, which is not run.",
            f"Read it; if you trust it: --metric {shlex.quote(one_line(file, 200))} {PERMISSION}",
        )
    return found


def _doc(sample: Row) -> Mapping[str, Any]:
    doc = sample.cells.get("doc")
    return doc if isinstance(doc, dict) else {}


def _sample(row: Row) -> _Scored:
    responses = row.cells.get("filtered_resps")
    text = responses[0] if isinstance(responses, list) and responses else None
    if not isinstance(text, str):
        raise UsageError(
            f"{row.place}: this sample holds no written answer but log-probabilities, or several answers.",
            "Score samples of tasks whose answers are written, one a document.",
        )
    doc, filter_ = _doc(row), str(row.cells.get("filter") or "")
    if isinstance(doc.get("scoring"), str) and "target" in doc:
        return _Scored(row.place, _answer_of_ours(row.place, doc, text), filter_)
    target = row.cells.get("target")
    references = tuple(str(each) for each in target) if isinstance(target, list) else (str(target),)
    return _Scored(
        row.place, Answer(text, references if target is not None else (), extras={"row": dict(doc)}), filter_
    )


def _answer_of_ours(place: str, doc: Mapping[str, Any], text: str) -> Answer:
    """Return the answer to a document that benchtui made. Raises UsageError for one that only looks like it."""
    damaged = UsageError(f"{place}: this sample's document is damaged.", "Name the file as lm-eval wrote it.")
    try:
        answer = answer_to(doc, text, {"place": place, **json.loads(doc["scoring"])})
    except (ValueError, TypeError, RecursionError):
        raise damaged from None
    if not all(isinstance(part, str) for part in (*answer.references, *answer.choices, *answer.letters)):
        raise damaged
    return answer


@dataclass(frozen=True)
class _Columns:
    """Where the rows of a plain file have answer, references and choices; `schema` is that of all rows."""

    prediction: Column
    reference: Column | None
    chosen: tuple[ChosenMetric, ...]
    schema: str
    gold: Callable[[Question], int | None] | None = None

    @classmethod
    def found(
        cls,
        data: DataFile,
        chosen: tuple[ChosenMetric, ...],
        prediction: str | None,
        reference: str | None,
        said: list[str],
    ) -> _Columns:
        """Find the columns, those that are named first. Raises UsageError where one is missing, or several fit."""
        if prediction is not None and prediction == reference:
            raise UsageError(
                f"--prediction and --reference both name {quoted(prediction)}: every answer would be right.",
                "Name two columns.",
            )
        given = _column(data, prediction, PREDICTIONS, "--prediction", reference)
        needed = any(each.metric.needs in ("reference", "JSON reference", "choices") for each in chosen)
        wanted = None
        if needed or reference or any(name in data.columns for name in REFERENCES if name != given.name):
            wanted = _column(data, reference, REFERENCES, "--reference", given.name)
        said.append(f"Answers: {given}." + (f" References: {wanted}." if wanted else ""))
        found = cls(given, wanted, chosen, read_schema(chosen))
        return found._with_choices(data, said) if any(each.metric.needs == "choices" for each in chosen) else found

    def _with_choices(self, data: DataFile, said: list[str]) -> _Columns:
        """Decide from all rows how the right choice is written."""
        survey = GoldSurvey()
        for row in read_rows(data):
            survey.add(self._question(row))
        form, sentence = survey.decide("auto", str(self.reference))
        said.append(sentence)
        return replace(self, gold=lambda question: question.index(form))

    def _question(self, row: Row) -> Question:
        assert self.reference is not None  # noqa: S101 - choices need a reference
        choices = choices_of(Column(_CHOICES), row)
        return Question(row.place, texts_of(self.reference, row, "reference")[0], choices.texts, choices.labels)

    def _references(self, row: Row) -> tuple[str, ...]:
        if self.reference is None:
            return ()
        if any(each.metric.needs == "JSON reference" for each in self.chosen):
            return (text_or_json(self.reference, row, "reference"),)
        return texts_of(self.reference, row, "reference")

    def scored(self, row: Row) -> _Scored:
        """Return the answer of a row. Raises UsageError that names it."""
        cell = self.prediction.of(row)
        if isinstance(cell, list | dict):
            raise UsageError(f"{row.place}: the answer in {self.prediction} is no text.", "Name another column.")
        more = {**extras(row, self.chosen, self.schema), "place": row.place}
        answer = Answer(str(cell or ""), self._references(row), extras=more)
        if self.gold is not None:
            question = self._question(row)
            letters = Choices(question.choices, question.labels).letters
            answer = replace(answer, choices=question.choices, letters=letters, gold=self.gold(question))
        return _Scored(row.place, answer)


def _column(data: DataFile, named: str | None, known: Sequence[str], flag: str, other: str | None) -> Column:
    """Return the column that is named, else the one that has a known name and is not the `other` one.

    Raises UsageError where none or several fit.
    """
    there = data.columns
    if named is not None:
        if named not in there:
            columns = one_line(", ".join(there), 300)
            raise UsageError(f"{one_line(data.path.name)} has no column {one_line(named, 60)!r}.", f"It has {columns}.")
        return Column(named)
    found = [name for name in known if name in there and name != other]
    what = "answers" if flag == "--prediction" else "references"
    if len(found) > 1:
        raise UsageError(
            f"Both {quoted(found[0])} and {quoted(found[1])} could be the {what}; the columns are {listed(there)}.",
            f"Say which: {flag} {found[0]}",
        )
    if not found:
        columns = one_line(", ".join(name for name in there if name != other), 300)
        raise UsageError(
            f"It is not known which column of {one_line(data.path.name)} holds the {what}.",
            f"Name it with {flag}: {columns}.",
        )
    return Column(found[0])
