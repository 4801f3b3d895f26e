"""Shows how each document changed from one run to the other, with its texts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchtui.compare.answers import HELD, DrawnAnswer, drawn_answers, numbered, parts_of
from benchtui.compare.differences.leaves import SampleSource
from benchtui.compare.differences.pairing import pair
from benchtui.compare.records import Row
from benchtui.errors import BenchtuiError
from benchtui.results.question import question
from benchtui.results.records import RunResults
from benchtui.results.routed import AnsweredBy, AnswerPart, routed_answers
from benchtui.results.samples import Sample, Value, read_line
from benchtui.tasks.compared import compared_size

Change = Literal["fixed", "broken", "better", "worse", "both right", "both wrong", "same"]
"""`fixed` and `broken` where the metric counts right and wrong; `better` and `worse` where it is a number."""

_WEIGHINGS = {"acc_norm": " per character", "acc_bytes": " per byte"}


@dataclass(frozen=True, slots=True)
class PairedDocument:
    """One document in both runs. `first` and `second` are the metric's values, `at` the bytes where its lines begin in
    the sample files of its task, `doc_hashes` what lm-eval wrote of it in each, "" where it did not."""

    task: str
    doc_id: int
    change: Change
    first: float
    second: float
    at: tuple[int, int]
    doc_hashes: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class AnswerChoice:
    """One of the endings of a multiple choice, and what the metric weighs it by (see `Document.weighing`)."""

    text: str
    weight: float


@dataclass(frozen=True)
class Instruction:
    """One of IFEval's instructions; `followed` in the strict sense, None where the metric does not say."""

    name: str
    followed: bool | None


@dataclass(frozen=True)
class Document:
    """The texts of one document in one run, unchanged from the file: they may hold anything.

    `question` is the part of the prompt about this document. `answer` is what the model wrote; for a multiple choice
    the one of `choices` that counts, the first with the largest weight. `weighing` names that weight in words.
    `extracted` is what the filter made of the answer, "" when it is the answer itself. Of several answers `answer` has
    all, numbered, and `drawn` each by itself. Where a small and a large model answered together, `answered_by` says it
    of each choice, or of each answer, and `parts` of the text of `answer`, unless that is a choice.
    """

    doc_id: int
    question: str
    prompt: str
    target: str
    answer: str
    extracted: str
    choices: tuple[AnswerChoice, ...]
    weighing: str
    instructions: tuple[Instruction, ...]
    drawn: tuple[DrawnAnswer, ...] = ()
    answered_by: tuple[AnsweredBy | None, ...] = ()
    parts: tuple[AnswerPart, ...] = ()

    def scored(self, score: float) -> list[DrawnAnswer]:
        """Return the answers with their scores, where the document scored `score`."""
        return list(self.drawn) or [DrawnAnswer(self.answer, score)]


class PairedDocuments:
    """The documents of one row of a comparison, and their texts on request. Reads files: use it in a thread."""

    def __init__(self, first: RunResults, second: RunResults, row: Row) -> None:
        """Read the scores of every document of the row's task, or of all tasks of its group.

        Raises BenchtuiError naming a damaged sample file, or that a run has no samples.
        """
        self.tasks = tasks_of(first, second, row)
        self._metric = row.metric
        self._sources = (SampleSource(first), SampleSource(second))
        self.documents = tuple(document for task in self.tasks for document in self._paired(task, row))
        if not self.documents:
            raise BenchtuiError(
                f"No samples of {row.task} can be shown side by side.",
                "Both runs need their samples (lm_eval writes them with --log_samples).",
            )

    def _paired(self, task: str, row: Row) -> Iterator[PairedDocument]:
        joined = pair(task, row.filter, *(source.read(task) for source in self._sources))
        for first, second in joined.pairs:
            a, b = _value(first, row.metric), _value(second, row.metric)
            if a is not None and b is not None:
                change = _change(a, b, row.higher_is_better)
                at, hashes = (first.offset, second.offset), (first.doc_hash, second.doc_hash)
                yield PairedDocument(task, second.doc_id, change, a, b, at, hashes)

    def read(self, document: PairedDocument) -> tuple[Document, Document]:
        """Return the texts of a document in both runs. Raises BenchtuiError when a file has changed."""
        first, second = (
            read_document(file, at, self._metric)
            for file, at in zip((self._file(0, document.task), self._file(1, document.task)), document.at, strict=True)
        )
        return first, second

    def heads(self, documents: Sequence[PairedDocument]) -> list[str]:
        """Return the question of each document, for a line in a list; "" where it cannot be read."""
        found = []
        for document in documents:
            try:
                found.append(_question(read_line(self._file(1, document.task), document.at[1]))[:500])
            except BenchtuiError:
                found.append("")
        return found

    def search(self, words: str, documents: Sequence[PairedDocument]) -> Iterator[PairedDocument | None]:
        """Yield the documents with `words` (ignoring case) in prompt, target or either answer; sometimes None, so that
        the caller can stop."""
        wanted = words.casefold()
        for number, document in enumerate(documents):
            if number % 50 == 0:
                yield None
            try:
                texts = self.read(document)
            except BenchtuiError:
                continue
            if any(wanted in part.casefold() for text in texts for part in (text.prompt, text.target, text.answer)):
                yield document

    def _file(self, side: int, task: str) -> Path:
        file = self._sources[side].file(task)
        if file is None:
            raise BenchtuiError(f"There is no samples file of {task} in {self._sources[side].results.folder}.")
        return file


def tasks_of(first: RunResults, second: RunResults, row: Row) -> tuple[str, ...]:
    """Return the task of a row, or all tasks of its group."""
    group = second.group(row.task) or first.group(row.task)
    return group.leaves if group else (row.task,)


def _value(sample: Sample, metric: str) -> float | None:
    """Return a metric as one number; several (IFEval's instructions) count as their mean."""
    found: Value | None = next((value for name, value in sample.values if name == metric), None)
    if isinstance(found, list):
        found = sum(found) / len(found) if found else None
    return None if found is None or math.isnan(found) else float(found)


def _change(first: float, second: float, higher_is_better: bool) -> Change:
    right, wrong = (1.0, 0.0) if higher_is_better else (0.0, 1.0)
    known: dict[tuple[float, float], Change] = {
        (wrong, right): "fixed",
        (right, wrong): "broken",
        (right, right): "both right",
        (wrong, wrong): "both wrong",
    }
    if change := known.get((first, second)):
        return change
    if first == second:
        return "same"
    return "better" if (second > first) == higher_is_better else "worse"


def read_document(file: Path, at: int, metric: str) -> Document:
    """Return the texts of the sample whose line begins at byte `at`, its choices weighed as `metric` does. Raises
    BenchtuiError when there is none."""
    raw = read_line(file, at)
    choices = tuple(_choices(raw, metric))
    chosen = max(choices, key=lambda choice: choice.weight) if choices else None
    drawn = () if chosen else tuple(drawn_answers(raw, metric))
    answer = chosen.text if chosen else numbered(drawn) or _first_text(raw.get("resps"))
    extracted = "" if chosen or drawn else _first_text(raw.get("filtered_resps"))
    doc_id = raw.get("doc_id")
    routed = routed_answers(raw)
    answered_by = tuple(one[0] if one else None for one in routed) if chosen else tuple(routed[0]) if routed else ()
    return Document(
        doc_id if isinstance(doc_id, int) else -1,
        _question(raw)[:HELD],
        _prompt(raw)[:HELD],
        _target(raw, choices)[:HELD],
        answer[:HELD],
        "" if extracted == answer else extracted[:HELD],
        choices,
        f"log-likelihood{_WEIGHINGS.get(metric, '')}",
        tuple(_instructions(raw)),
        drawn,
        answered_by if any(answered_by) else (),
        () if chosen else tuple(parts_of(drawn, answer, answered_by)),
    )


def _arguments(raw: dict[str, Any]) -> list[dict[str, Any]]:
    arguments = raw.get("arguments")
    return [one for one in arguments.values() if isinstance(one, dict)] if isinstance(arguments, dict) else []


def _prompt(raw: dict[str, Any]) -> str:
    return next((str(one.get("arg_0", "")) for one in _arguments(raw)), "")


def _choices(raw: dict[str, Any], metric: str) -> Iterator[AnswerChoice]:
    arguments, responses = _arguments(raw), raw.get("filtered_resps")
    if len(arguments) < 2 or not isinstance(responses, list) or len(responses) != len(arguments):
        return
    endings = [str(one.get("arg_1", "")) for one in arguments]
    # Where one ending follows several beginnings (Winogrande), the beginning is what is chosen.
    named = endings if len(set(endings)) > 1 else [str(one.get("arg_0", "")) for one in arguments]
    for text, ending, response in zip(named, endings, responses, strict=True):
        first = response[0] if isinstance(response, list) and response else response
        try:
            likelihood = float(first)
        except (TypeError, ValueError):
            return
        yield AnswerChoice(text.strip()[:HELD], likelihood / compared_size(ending, metric))


def _target(raw: dict[str, Any], choices: Sequence[AnswerChoice]) -> str:
    """Return the reference answer; the text of the right choice where the file gives its number."""
    target = str(raw.get("target", "")).strip()
    if choices and target.isdecimal() and int(target) < len(choices):
        return choices[int(target)].text
    return target


def _first_text(responses: Any) -> str:
    while isinstance(responses, list) and responses:
        responses = responses[0]
    return responses if isinstance(responses, str) else "" if responses == [] else str(responses)


def _question(raw: dict[str, Any]) -> str:
    return question(raw.get("doc"), _prompt(raw))


def _instructions(raw: dict[str, Any]) -> Iterator[Instruction]:
    doc = raw.get("doc")
    names = doc.get("instruction_id_list") if isinstance(doc, dict) else None
    if not isinstance(names, list):
        return
    followed = raw.get("inst_level_strict_acc")
    known = followed if isinstance(followed, list) and len(followed) == len(names) else [None] * len(names)
    for name, value in zip(names, known, strict=True):
        yield Instruction(str(name)[:200], None if value is None else bool(value))
