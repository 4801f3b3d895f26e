"""Makes documents, what lm-eval asks and scores, of rows; whatever is wrong with a row is told with its place."""

from __future__ import annotations

import hashlib
import json
import random
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from benchtui.errors import UsageError
from benchtui.tasks.data.chats import read_chat
from benchtui.tasks.data.documents.cells import (
    NO_CHOICES,
    Choices,
    check_whole,
    choices_of,
    optional_text,
    text_of,
    texts_of,
)
from benchtui.tasks.data.documents.extras import extras, text_or_json
from benchtui.tasks.data.documents.gold import Form, GoldSurvey, Question
from benchtui.tasks.data.documents.shapes import Asked, Chats, Preferred, Reading, Texts, WithChoices
from benchtui.tasks.data.documents.templates import Column, Field, quoted
from benchtui.tasks.data.rows import Row
from benchtui.tasks.data.spec import CountFrom, DataKind
from benchtui.tasks.metrics.answer import Answer
from benchtui.tasks.metrics.checks import Checks
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.scoring import scoring_text


@dataclass(frozen=True)
class Document:
    """One document: the columns of the task's Parquet file.

    `targets` are all accepted answers and `target` the first of them; `gold` is the place of the right one among
    `choices`, from 0. `scoring` is JSON: the metrics, and what belongs to this document alone.
    """

    id: str
    place: str
    system: str
    prompt: str
    target: str
    targets: tuple[str, ...]
    choices: tuple[str, ...]
    letters: tuple[str, ...]
    gold: int | None
    scoring: str

    @property
    def answer(self) -> Answer:
        """Return what an answer to it is scored against, the answer left empty."""
        extras = json.loads(self.scoring)
        return Answer("", self.targets, self.choices, self.letters, self.gold, extras)


@dataclass(frozen=True)
class Recipe:
    """All that makes a document of a row: how columns are read, how right answers are written, the metrics, and the
    JSON schema of all rows where one was given."""

    reading: Reading
    form: Form | None
    metrics: tuple[ChosenMetric, ...]
    schema: str = ""


@dataclass(frozen=True)
class Survey:
    """What only all rows together tell: how many there are, how right answers are written, and sentences about it."""

    rows: int
    form: Form | None
    said: tuple[str, ...]


def survey(rows: Callable[[], Iterable[Row]], reading: Reading, count_from: CountFrom) -> Survey:
    """Read all rows once, in bounded memory (8 bytes a row).

    Raises UsageError for right answers that fit no one form, or several, and for an id that is there twice.
    """
    gold, ids, count = GoldSurvey(), array("Q"), 0
    for row in rows():
        count += 1
        if isinstance(reading.shape, WithChoices):
            gold.add(_question(row, reading.shape))
        if reading.id is not None:
            ids.append(_hash(text_of(reading.id, row, "id")))
    if reading.id is not None and (twice := _twice(ids)):
        _name_twice(rows(), reading.id, twice)
    if not gold.rows or not isinstance(reading.shape, WithChoices):
        return Survey(count, None, ())
    form, said = gold.decide(count_from, str(reading.shape.right))
    return Survey(count, form, (said,))


def sampled(count: int, sample: int | None, seed: int) -> frozenset[int] | None:
    """Return the numbers, from 1, of `sample` of `count` rows, None for all.

    They are drawn by the seed over the numbers of the rows, whatever stands in them: the same file gives the same
    documents to every model, and a corrected typing error in one row changes no other.
    """
    if sample is None or sample >= count:
        return None
    return frozenset(random.Random(seed).sample(range(1, count + 1), sample))  # noqa: S311 - no secret


def documents(rows: Iterable[Row], recipe: Recipe, numbers: frozenset[int] | None = None) -> Iterator[Document]:
    """Yield a document of each row, or of those with these `numbers`. Raises UsageError naming the row, also where a
    metric cannot score the document; and where one cannot score the language of all of them."""
    checks = Checks(recipe.metrics)
    for row in rows:
        if numbers is None or row.number in numbers:
            made = document(row, recipe)
            checks.add(made.place, made.answer)
            yield made
    checks.finish()


def document(row: Row, recipe: Recipe) -> Document:
    """Make the document of a row. Raises UsageError naming it."""
    reading = recipe.reading
    made = _made(row, recipe)
    for text in (made.system, made.prompt, *made.targets, *made.choices.texts):
        check_whole(text, row)
    return Document(
        id=str(row.number) if reading.id is None else text_of(reading.id, row, "id"),
        place=row.place,
        system=made.system or optional_text(reading.system, row, "system text"),
        prompt=made.prompt,
        target=made.targets[0] if made.targets else "",
        targets=made.targets,
        choices=made.choices.texts,
        letters=made.choices.letters,
        gold=made.gold,
        scoring=scoring_text(recipe.metrics, **extras(row, recipe.metrics, recipe.schema)),
    )


@dataclass(frozen=True)
class _Made:
    """What the columns of a row give, before what every document has."""

    prompt: str
    targets: tuple[str, ...]
    choices: Choices = NO_CHOICES
    gold: int | None = None
    system: str = ""


def _made(row: Row, recipe: Recipe) -> _Made:
    match recipe.reading.shape:
        case Asked() as shape:
            targets = () if shape.answer is None else _references(shape.answer, row, recipe)
            return _asked(text_of(shape.prompt, row, "prompt"), targets, recipe.reading.kind)
        case WithChoices() as shape:
            return _with_choices(row, shape, recipe)
        case Preferred() as shape:
            return _preferred(row, shape)
        case Texts() as shape:
            return _Made("", (text_of(shape.text, row, "text"),))
        case Chats() as shape:
            return _of_chat(row, shape, recipe.reading.kind)


def _references(field: Field, row: Row, recipe: Recipe) -> tuple[str, ...]:
    """Return the accepted answers; what JSON metrics compare is one, written as JSON."""
    if isinstance(field, Column) and any(each.metric.needs == "JSON reference" for each in recipe.metrics):
        return (text_or_json(field, row, "reference"),)
    return texts_of(field, row, "reference")


def _asked(prompt: str, targets: tuple[str, ...], kind: DataKind, system: str = "") -> _Made:
    if kind == "loglikelihood":  # the reference is the only choice: so lm-eval joins it to the prompt as it joins those
        return _Made(prompt, targets[:1], Choices(targets[:1]), 0, system)
    return _Made(prompt, targets, system=system)


def _of_chat(row: Row, shape: Chats, kind: DataKind) -> _Made:
    chat = read_chat(row, shape.form)
    if chat.reference is None:
        raise UsageError(
            f"{row.place}: the user has the last word, so there is no reference.",
            "Add the assistant's turn, or leave the row out.",
        )
    if chat.rejected is not None:
        return _pair(row, chat.prompt, chat.reference, chat.rejected, chat.system)
    return _asked(chat.prompt, (chat.reference,), kind, chat.system)


def _with_choices(row: Row, shape: WithChoices, recipe: Recipe) -> _Made:
    question = _question(row, shape)
    gold = None if recipe.form is None else question.index(recipe.form)
    if gold is None:  # the survey has seen every row: the file has changed since
        raise UsageError(f"{row.place}: the right answer {quoted(question.gold)} is none of the choices.", "Try again.")
    choices, prompt = Choices(question.choices, question.labels), text_of(shape.prompt, row, "prompt")
    if recipe.reading.kind != "generate":
        return _Made(prompt, (choices.texts[gold],), choices, gold)
    if isinstance(shape.prompt, Column):
        listed = [f"{letter}. {text}" for letter, text in zip(choices.letters, choices.texts, strict=True)]
        prompt = "\n".join([prompt, *listed, "Answer:"])
    return _Made(prompt, (choices.letters[gold], choices.texts[gold]), choices, gold)


def _preferred(row: Row, shape: Preferred) -> _Made:
    chosen, rejected = text_of(shape.chosen, row, "chosen answer"), text_of(shape.rejected, row, "rejected answer")
    if chosen == rejected:
        raise UsageError(f"{row.place}: chosen and rejected are the same text.", "Correct the row, or leave it out.")
    return _pair(row, text_of(shape.prompt, row, "prompt"), chosen, rejected)


def _pair(row: Row, prompt: str, chosen: str, rejected: str, system: str = "") -> _Made:
    """Of two that are equally likely lm-eval takes the first. The better one is by turns the first and the second, so
    that a model to which all is equally likely gets half of them and not all."""
    gold = (row.number + 1) % 2
    return _Made(prompt, (chosen,), Choices((rejected, chosen) if gold else (chosen, rejected)), gold, system)


def _question(row: Row, shape: WithChoices) -> Question:
    choices = choices_of(shape.choices, row)
    return Question(row.place, text_of(shape.right, row, "right answer"), choices.texts, choices.labels)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _twice(hashes: array[int]) -> set[int]:
    import numpy as np

    ordered = np.sort(np.frombuffer(hashes, dtype=np.uint64))
    return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _name_twice(rows: Iterable[Row], column: Column, twice: set[int]) -> None:
    """Raise UsageError naming both places of the first id that is there twice; two ids may share a hash by chance."""
    places: dict[str, str] = {}
    for row in rows:
        text = text_of(column, row, "id")
        if _hash(text) not in twice:
            continue
        if (place := places.setdefault(text, row.place)) != row.place:
            raise UsageError(
                f"{row.place}: the id {quoted(text)} in {column} is also that of {place}.",
                "Give every row an id of its own, or rename the column.",
            )
