"""The right answer of a multiple-choice question, however it is written; decided once for the whole column.

A letter, a number counted from 0 or from 1, the label that the choice carries, or the choice's own text: one row alone
often fits several of these, so a row is never read by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Literal

from benchtui.errors import UsageError
from benchtui.tasks.data.documents.templates import quoted
from benchtui.tasks.data.spec import CountFrom

Form = Literal["label", "letter", "from 0", "from 1", "text"]
"""How the right answers of a column are written."""
_FORMS: tuple[Form, ...] = ("label", "letter", "from 0", "from 1", "text")
_MARKED = re.compile(r"\s*[(\[]?\s*([A-Za-z]|[0-9]{1,6})\s*[)\]]?\s*[.:)]?\s*", re.ASCII)
_WORDS = {
    "label": "the labels of the choices",
    "letter": "letters (A is the first choice)",
    "from 0": "numbers counted from 0",
    "from 1": "numbers counted from 1",
    "text": "the choices' own texts",
}


@dataclass(frozen=True)
class Question:
    """One row's choices with their labels (empty where they carry none) and its right answer as the file has it."""

    place: str
    gold: str
    choices: tuple[str, ...]
    labels: tuple[str, ...] = ()

    def index(self, form: Form) -> int | None:
        """Return the place of the right answer from 0 when it is written in this form; None when it is not, or lies
        outside the choices."""
        if form == "text":
            return _place(self.gold, self.choices)
        if form == "label":
            return _place(self.gold, self.labels, marked=True)
        mark = _mark(self.gold)
        if form == "letter" and _are_other_letters(self.labels):
            return None
        if form == "letter":
            found = ord(mark.upper()) - ord("A") if mark and mark.isalpha() else -1
        else:
            found = int(mark) - (form == "from 1") if mark and mark.isdigit() else -1
        return found if 0 <= found < len(self.choices) else None


def _are_other_letters(labels: Sequence[str]) -> bool:
    """Return whether choices are called by letters that are not their places, as those of the columns B, C and D."""
    letters = "".join(labels).upper()
    return (
        bool(labels) and len(letters) == len(labels) and letters.isalpha() and not ascii_uppercase.startswith(letters)
    )


def _mark(text: str) -> str:
    """Return the letter or number in "B", "(B)", "b.", "2)"; "" for anything else."""
    found = _MARKED.fullmatch(text)
    return found[1] if found else ""


def _place(text: str, among: Sequence[str], *, marked: bool = False) -> int | None:
    if text in among:
        return among.index(text)
    stripped = [one.strip() for one in among]
    if text.strip() in stripped:
        return stripped.index(text.strip())
    mark = _mark(text) if marked else ""
    return among.index(mark) if mark and mark in among else None


@dataclass
class GoldSurvey:
    """What a column of right answers is like, row by row: how many fit each form, and the first that does not."""

    rows: int = 0
    fits: dict[Form, int] = field(default_factory=lambda: dict.fromkeys(_FORMS, 0))
    _example: dict[Form, Question] = field(default_factory=dict)
    _misfit: dict[Form, Question] = field(default_factory=dict)
    _differ: dict[tuple[Form, Form], Question] = field(default_factory=dict)
    _numbers: set[int] = field(default_factory=set)

    def add(self, question: Question) -> None:
        self.rows += 1
        found = {form: question.index(form) for form in _FORMS}
        for form, place in found.items():
            self.fits[form] += place is not None
            (self._misfit if place is None else self._example).setdefault(form, question)
        for one in _FORMS:
            for other in _FORMS:
                if None not in (found[one], found[other]) and found[one] != found[other]:
                    self._differ.setdefault((one, other), question)
        mark = _mark(question.gold)
        if mark.isdigit() and len(self._numbers) < 1000:
            self._numbers.add(int(mark))

    def decide(self, count_from: CountFrom, column: str) -> tuple[Form, str]:
        """Return the form of the whole column, and a sentence that says it.

        Raises UsageError naming the first row that does not fit what the others are, and asking where several forms
        fit every row and mean different choices.
        """
        fitting = [form for form in _FORMS if self.fits[form] == self.rows]
        if count_from != "auto":
            wanted: Form = "text" if count_from == "text" else "from 0" if count_from == "0" else "from 1"
            if wanted not in fitting:
                raise self._outside(wanted, column)
            fitting = [wanted]
        elif "label" in fitting:  # each row says by itself what is meant
            fitting = ["label"]
        if not fitting:
            raise self._outside(max(_FORMS, key=lambda form: (self.fits[form], -_FORMS.index(form))), column)
        differing = [form for form in fitting[1:] if (fitting[0], form) in self._differ]
        if differing:
            raise self._ambiguous([fitting[0], *differing], column)
        return fitting[0], self._said(fitting[0], column)

    def _said(self, form: Form, column: str) -> str:
        if form in ("from 0", "from 1") and self._numbers:
            return f"{column}: {min(self._numbers)} to {max(self._numbers)}: counted from {form[-1]}."
        return f"{column}: the right answers are {_WORDS[form]}."

    def _ambiguous(self, forms: Sequence[Form], column: str) -> UsageError:
        question = self._differ[forms[0], forms[1]]
        numbers = f" ({min(self._numbers)} to {max(self._numbers)})" if self._numbers else ""
        flags = {"from 0": "--count-from 0", "from 1": "--count-from 1", "text": "--count-from text"}
        return UsageError(
            f"{column}: every row{numbers} fits {' and '.join(_WORDS[form] for form in forms)}, which mean different "
            f"choices ({question.place}: {quoted(question.gold)} of {len(question.choices)}).",
            f"Say which: {' or '.join(flags[form] for form in forms if form in flags)}.",
        )

    def _outside(self, form: Form, column: str) -> UsageError:
        question = self._misfit[form]
        others = self._example.get(form)
        same = ("from 0", "from 1") if form in ("from 0", "from 1") else (form,)
        elsewhere = next((one for one in _FORMS if one not in same and question.index(one) is not None), None)
        what = f"{question.place}: the right answer {quoted(question.gold)} in {column} "
        if others is None:
            return UsageError(
                f"{what}is none of its {len(question.choices)} choices: no letter, number, label or text of one.",
                "Name another column with --answer, or correct the row.",
            )
        said = f"the others are {_WORDS[form]} ({others.place}: {quoted(others.gold)})"
        if elsewhere is None:
            return UsageError(f"{what}is none of its {len(question.choices)} choices; {said}.", "Correct the row.")
        return UsageError(
            f"{what}is not written like the others: {said}, this one fits {_WORDS[elsewhere]}.",
            "Write all of them in one way.",
        )
