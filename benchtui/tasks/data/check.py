"""Checks data of one's own before anybody trusts a score of theirs: whether the metrics tell right answers from wrong
ones, what is there twice, and which prompts give the answer away."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchtui.errors import UsageError
from benchtui.tasks.data.documents.content import question_digest
from benchtui.tasks.data.documents.names import plain
from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.read import open_data, read_rows
from benchtui.tasks.data.rows import Row
from benchtui.tasks.data.source import Source, open_source
from benchtui.tasks.data.spec import DataKind, DataSpec
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.registry import choose
from benchtui.tasks.metrics.scoring import answer_to
from benchtui.tasks.overlap.words import folded
from benchtui.text import one_line, stands_in

WRONG = ("wrong", "wrong_answer", "wrong_answers", "incorrect", "incorrect_answers")
"""Names of a column with answers that are known to be wrong: a text, or a list of texts."""

_NO_ANSWERS = frozenset({"extract"})
"""Metrics whose references are no answers: what a pattern finds in an answer is held against them."""


@dataclass(frozen=True)
class Misjudged:
    """A text that a metric gives another value than it should: a reference less than full marks (`right`), or a known
    wrong answer full marks."""

    document: str
    place: str
    metric: str
    text: str
    value: float
    right: bool


@dataclass(frozen=True)
class Same:
    """Documents with the same prompt and choices but for case and white space, by their places; `contradict` where
    they have other right answers."""

    places: tuple[str, ...]
    contradict: bool


@dataclass(frozen=True)
class DataCheck:
    """What was found in one data set. `metrics` are those that were tried, `untried` the others; `references` and
    `wrong` count the answers that were tried. `given_away` are places of documents whose prompt holds the reference;
    `ids` the documents by their ids, in order, with their places; `questions` by their ids, in order, with their
    `question_digest`."""

    name: str
    kind: DataKind
    documents: int
    metrics: tuple[str, ...]
    untried: tuple[str, ...]
    references: int
    wrong: int
    misjudged: tuple[Misjudged, ...]
    same: tuple[Same, ...]
    given_away: tuple[str, ...]
    ids: tuple[tuple[str, str], ...] = field(repr=False, default=())
    questions: tuple[tuple[str, str], ...] = field(repr=False, default=())

    @property
    def sound(self) -> bool:
        """Return whether every metric told right from wrong, and no two documents contradict each other."""
        return not self.misjudged and not any(same.contradict for same in self.same)


def check_data(
    spec: DataSpec, wrong: str | None = None, *, offline: bool = False, metric_code: bool = False
) -> DataCheck:
    """Make the task of a data set in a folder that is deleted again, and check every document. `wrong` names the column
    of wrong answers, where it is not one of WRONG.

    Raises UsageError for data that cannot be read or scored, and for a column that is not there.
    """
    with tempfile.TemporaryDirectory(prefix="benchtui-check-") as folder:
        made = make_task(spec, Path(folder), offline=offline, metric_code=metric_code)
        source = open_source(spec.source, spec.split, offline=offline)
        column = _wrong_column(source, wrong)
        found = _Found(made.kind)
        for document, row in _pairs(read_rows(open_data(made.data)), source.rows()):
            found.add(document, [] if column is None else _texts(row.cells.get(column)))
        return found.result(spec.name)


def _wrong_column(source: Source, named: str | None) -> str | None:
    if named is not None and named not in source.columns:
        shown = ", ".join(one_line(column, 40) for column in source.columns[:12])
        raise UsageError(f"There is no column {one_line(named, 60)!r}.", f"--wrong names one of: {shown}.")
    by_name = {plain(column): column for column in source.columns}
    return named or next((by_name[name] for name in WRONG if name in by_name), None)


def _pairs(documents: Iterable[Row], rows: Iterator[Row]) -> Iterator[tuple[Row, Row]]:
    """Yield each document with the row it was made of; rows that were not drawn are passed over."""
    for document in documents:
        place = document.cells["place"]
        row = next((row for row in rows if row.place == place), None)
        if row is None:
            raise UsageError("The data have changed while they were read.", "Start again when they are complete.")
        yield document, row


def _texts(cell: object) -> list[str]:
    if isinstance(cell, list):
        return [text for item in cell for text in _texts(item)]
    return [str(cell)] if isinstance(cell, str) and cell.strip() else []


class _Found:
    """What is found, document by document. Of each it remembers its id and place, and hashes of its texts."""

    def __init__(self, kind: DataKind) -> None:
        self._kind = kind
        self._metrics: tuple[ChosenMetric, ...] = ()
        self._names: tuple[str, ...] = ()
        self._misjudged: list[Misjudged] = []
        self._by_question: defaultdict[int, list[tuple[str, int]]] = defaultdict(list)
        self._given_away: list[str] = []
        self._ids: list[tuple[str, str]] = []
        self._questions: list[tuple[str, str]] = []
        self._references = self._wrong = 0

    def add(self, document: Row, wrong: Sequence[str]) -> None:
        cells, scoring = document.cells, json.loads(str(document.cells["scoring"]))
        scoring.setdefault("place", cells["place"])
        if not self._ids:
            self._names = tuple(scoring["metrics"])
            self._metrics = tuple(metric for metric in map(choose, self._names) if _tells_right(metric))
        place, targets, choices = str(cells["place"]), _texts(cells["targets"]), _texts(cells["choices"])
        prompt = str(cells["prompt"] or "")
        self._ids.append((str(cells["id"]), place))
        self._questions.append((str(cells["id"]), question_digest(cells)))
        asked, answers = (prompt, *sorted(choices)), targets
        if self._kind == "perplexity":  # nothing is asked: the text is all there is
            asked, answers = tuple(targets), []
        question = hash(tuple(map(_plain, asked)))
        self._by_question[question].append((place, hash(tuple(sorted(map(_plain, answers))))))
        if self._kind == "generate":
            self._try(document, scoring, targets, wrong)
            if not choices and any(stands_in(_plain(text), _plain(prompt)) for text in targets):
                self._given_away.append(place)
        elif choices and cells["gold"] is not None:
            self._wrong += len(wrong)
            right = choices[int(str(cells["gold"]))]
            self._misjudged += [
                Misjudged(str(cells["id"]), place, "choices", text, 1.0, right=False)
                for text in wrong
                if text.strip() == right.strip()
            ]

    def _try(self, document: Row, scoring: dict[str, object], targets: Sequence[str], wrong: Sequence[str]) -> None:
        """Score the references and the wrong answers as a model's answers."""
        self._wrong += len(wrong)
        self._references += len(targets)
        for text, right in [*((text, True) for text in targets), *((text, False) for text in wrong)]:
            answer = answer_to(document.cells, text, scoring)
            for metric in self._metrics:
                if right and metric.metric.name in _NO_ANSWERS:
                    continue
                for name, value in metric.values(answer).items():
                    if isinstance(value, int | float) and (value == _full_marks(metric)) != right:
                        place = str(document.cells["place"])
                        self._misjudged.append(
                            Misjudged(str(document.cells["id"]), place, name, text, float(value), right)
                        )

    def result(self, name: str) -> DataCheck:
        tried = {metric.written for metric in self._metrics} if self._kind == "generate" else set[str]()
        return DataCheck(
            name=name,
            kind=self._kind,
            documents=len(self._ids),
            metrics=tuple(sorted(tried)),
            untried=tuple(each for each in self._names if each not in tried),
            references=self._references if tried else 0,
            wrong=self._wrong,
            misjudged=tuple(self._misjudged),
            same=tuple(
                Same(tuple(place for place, _ in alike), contradict=len({answers for _, answers in alike}) > 1)
                for alike in self._by_question.values()
                if len(alike) > 1
            ),
            given_away=tuple(self._given_away),
            ids=tuple(self._ids),
            questions=tuple(self._questions),
        )


def _tells_right(chosen: ChosenMetric) -> bool:
    """Return whether a metric holds one answer against what is right, on a scale with a best value."""
    metric = chosen.metric
    return metric.score is not None and metric.needs != "nothing" and metric.is_mean and _full_marks(chosen) is not None


def _full_marks(chosen: ChosenMetric) -> float | None:
    return chosen.metric.high if chosen.higher_is_better else chosen.metric.low


def _plain(text: str) -> str:
    """Return `text` in NFKC form with its case folded, and with single spaces."""
    return " ".join(folded(text).split())
