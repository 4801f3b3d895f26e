"""Recognises from the names of columns and the first rows what a data set asks, and which column is what."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchtui.errors import UsageError
from benchtui.tasks.data.chats import ChatForm, chat_form, chat_notes
from benchtui.tasks.data.documents import names
from benchtui.tasks.data.documents.shapes import Asked, Chats, Preferred, Reading, Texts, WithChoices
from benchtui.tasks.data.documents.templates import (
    Column,
    Field,
    Template,
    field_of,
    is_template,
    listed,
    nearest,
    parse_template,
    quoted,
)
from benchtui.tasks.data.rows import Row
from benchtui.tasks.data.spec import DataKind, DataSpec
from benchtui.tasks.data.turns import is_transcript, spoken_turns
from benchtui.tasks.metrics.own_file import is_own
from benchtui.tasks.metrics.registry import choose
from benchtui.text import one_line


def needs_reference(metrics: Sequence[str]) -> bool:
    """Return whether one of these metrics, or the usual ones where none is named, needs a reference."""
    return not metrics or any(choose(name).metric.needs not in ("nothing", "pattern", "schema") for name in metrics)


def recognise(spec: DataSpec, columns: Sequence[str], rows: Sequence[Row]) -> Reading:
    """Return how the documents of a data set are read: as `spec` says it, the rest from names and first rows.

    Raises UsageError, one line with the columns there are and the flag to give, where nothing or too much fits.
    """
    found = _Finder(spec, columns, rows)
    id_column = found.named(names.IDS)
    reading = found.reading()
    used = set(found.used)
    other = [column for column in columns if column not in used]
    said = [*found.said, *([f"Not used: {listed(other)}."] if other else [])]
    return replace(reading, id=id_column, said=tuple(said))


class _Finder:
    """The columns of one data set by their plain names; remembers which were used and what was said."""

    def __init__(self, spec: DataSpec, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self._spec = spec
        self._columns = columns
        self._rows = rows
        self._plain: dict[str, str] = {}
        for column in columns:
            self._plain.setdefault(names.plain(column), column)
        self.said: list[str] = []
        self.used: list[str] = []

    def reading(self) -> Reading:
        kind = self._spec.kind
        if kind == "perplexity":
            return self._perplexity()
        if kind == "preference" or (kind is None and self._is_preference()):
            return self._preference()
        if kind in (None, "generate", "loglikelihood") and (form := self._chats()) is not None:
            return self._of_chats(kind or "generate", form)
        choices = self._choices()
        if kind == "choices" and choices is None:
            raise self._unknown("No column holds the choices", "--choices", "options")
        if choices is not None and kind != "loglikelihood":
            return self._with_choices(kind or "choices", choices)
        if kind is None and self._text_only():
            return self._perplexity()
        return self._asked(kind or "generate")

    def named(self, known: Sequence[str]) -> Column | None:
        """Return the first column with one of these names."""
        found = next((self._plain[name] for name in known if name in self._plain), None)
        if found is not None:
            self.used.append(found)
        return None if found is None else Column(found)

    def _asked(self, kind: DataKind) -> Reading:
        prompt = self._prompt()
        answer = self._field(self._spec.answer, "--answer")
        if answer is None and (kind == "loglikelihood" or needs_reference(self._spec.metrics)):
            answer = self._one_of(names.ANSWERS, "answer", "--answer", prompt)
        none = "none, no metric needs one"
        if answer is None and any(map(is_own, self._spec.metrics)):
            answer, none = self._answer_if_any(prompt), "none found; score() gets an empty text"
        self._say(f"Prompt: {prompt}. Reference: {answer or none}.", prompt, answer)
        if isinstance(answer, Column):
            self.said += _lists_told(answer, self._rows)
        return Reading(kind, Asked(prompt, answer), self._system())

    def _with_choices(self, kind: DataKind, choices: Field | tuple[Column, ...]) -> Reading:
        columns = choices if isinstance(choices, tuple) else (choices,)
        self._use(*columns)
        prompt = self._prompt()
        right = self._field(self._spec.answer, "--answer") or self._one_of(
            names.RIGHT, "right answer", "--answer", prompt
        )
        words = ", ".join(str(each) for each in columns)
        self._say(f"Multiple choice. Prompt: {prompt}. Choices: {words}. Right answer: {right}.", prompt, right)
        if kind == "generate" and isinstance(prompt, Column):
            self.said.append("Below each prompt its choices are listed by their letters, and the letter is asked for.")
        return Reading(kind, WithChoices(prompt, choices, right), self._system())

    def _perplexity(self) -> Reading:
        said = self._spec.prompt or self._spec.answer
        text = self._field(said, "--prompt") or self.named(names.TEXTS) or (self._only_column())
        if text is None:
            raise self._unknown("No column is known to hold the texts", "--prompt", "text")
        self._say(f"Texts only, in {text}: their perplexity is measured.", text)
        return Reading("perplexity", Texts(text))

    def _preference(self) -> Reading:
        chosen, rejected = self.named((names.CHOSEN,)), self.named((names.REJECTED,))
        if chosen is None or rejected is None:
            raise UsageError(
                "Preference data need the columns chosen and rejected.", f"The columns are {listed(self._columns)}."
            )
        form = chat_form(self._columns, self._rows)
        if form is not None and self._spec.prompt is None and (form.prompt or self._holds_chats(chosen)):
            self._say(f"Preference: is {chosen} likelier than {rejected}?")
            return self._of_chats("preference", form)
        prompt = self._prompt()
        self._say(f"Preference: is {chosen} likelier than {rejected}? Prompt: {prompt}.", prompt)
        return Reading("preference", Preferred(prompt, chosen, rejected), self._system())

    def _prompt(self) -> Field:
        if said := self._field(self._spec.prompt, "--prompt"):
            return said
        instruction, more = self._plain.get("instruction"), self._plain.get("input")
        others = [name for name in names.PROMPTS[0] if name in self._plain and name != "instruction"]
        if instruction and more and not others:
            return self._joined(instruction, more)
        found = self._one_of(names.PROMPTS, "prompt", "--prompt", None)
        context = next((self._plain[name] for name in names.CONTEXTS if name in self._plain), None)
        if context and self._filled(context) and isinstance(found, Column) and names.plain(found.name) == "question":
            return self._joined(context, found.name)
        return found

    def _joined(self, first: str, second: str) -> Field:
        """Return the two columns with an empty line between; one of them may be empty."""
        self.used += [first, second]
        parts = [f"{{{{row[{_literal(name)}]}}}}" for name in (first, second)]
        tests = [f"row.get({_literal(name)})" for name in (first, second)]
        source = (
            f"{{% if {tests[0]} %}}{parts[0]}{{% endif %}}"
            f"{{{{'\\n\\n' if {tests[0]} and {tests[1]} else ''}}}}"
            f"{{% if {tests[1]} %}}{parts[1]}{{% endif %}}"
        )
        return replace(parse_template(source, self._columns, "prompt"), shown=f"{quoted(first)}, then {quoted(second)}")

    def _choices(self) -> Field | tuple[Column, ...] | None:
        said = self._spec.choices
        if said is not None:
            several = [name.strip() for name in said.split(",")]
            if said not in self._columns and not is_template(said) and len(several) > 1:
                for name in several:
                    if name not in self._columns:
                        raise UsageError(f"--choices {quoted(name)} is no column.", nearest(name, self._columns))
                return tuple(Column(name) for name in several)
            return field_of(said, self._columns, "--choices")
        if found := next((self._plain[name] for name in names.CHOICES if name in self._plain), None):
            return Column(found)
        if self._spec.kind == "loglikelihood":
            return None
        run = names.choice_columns(self._plain, (self._spec.prompt, self._spec.answer))
        return None if run is None else tuple(Column(name) for name in run)

    def _one_of(self, tiers: Sequence[Sequence[str]], what: str, flag: str, taken: Field | None) -> Field:
        for tier in tiers:
            found = [self._plain[name] for name in tier if name in self._plain]
            found = [name for name in found if name not in self.used and Column(name) != taken]
            found = [name for name in found if self._filled(name)] or found[:1]
            if len(found) > 1:
                raise UsageError(
                    f"Both {quoted(found[0])} and {quoted(found[1])} could be the {what}; the columns are "
                    f"{listed(self._columns)}.",
                    f"Say which: {flag} {_shell(found[0])}",
                )
            if found:
                return Column(found[0])
        left = next((name for name in self._columns if name not in self.used and Column(name) != taken), "COLUMN")
        raise self._unknown(f"No column is known to hold the {what}", flag, left)

    def _answer_if_any(self, prompt: Field) -> Field | None:
        """Return the column of answers, None where none has such a name. Raises UsageError where several fit."""
        known = [self._plain[name] for tier in names.ANSWERS for name in tier if name in self._plain]
        there = any(name not in self.used and Column(name) != prompt for name in known)
        return self._one_of(names.ANSWERS, "answer", "--answer", prompt) if there else None

    def _field(self, said: str | None, flag: str) -> Field | None:
        return None if said is None else field_of(said, self._columns, flag)

    def _unknown(self, what: str, flag: str, example: str) -> UsageError:
        return UsageError(
            f"{what}: the columns are {listed(self._columns)}.", f"Name it, for example {flag} {_shell(example)}"
        )

    def _system(self) -> Column | None:
        system = self.named(names.SYSTEM)
        if system is not None:
            self.said.append(f"System text: {system}.")
        return system

    def _chats(self) -> ChatForm | None:
        """Return the form of conversations and instructions, where one column alone could be the reference."""
        if self._spec.prompt or self._spec.answer or self._spec.choices:
            return None
        form = chat_form(self._columns, self._rows)
        if form is None or form.kind == "preference":
            return None
        if form.kind == "transcript":
            return form
        answers = [name for name in names.ANSWERS[0] if name in self._plain and self._filled(self._plain[name])]
        turns = any(is_transcript(row.cells.get(name)) for row in self._rows for name in form.columns)
        return form if len(answers) == 1 and (turns or form.kind == "alpaca") else None

    def _of_chats(self, kind: DataKind, form: ChatForm) -> Reading:
        what = {
            "transcript": "Conversations: the last assistant turn is the reference",
            "alpaca": "Instructions",
            "completion": "Conversations",
            "preference": "Pairs of answers",
        }[form.kind]
        self.said += [f"{what}. Columns: {listed(form.columns)}.", *chat_notes(self._rows, form)]
        self.used += form.columns
        return Reading(kind, Chats(form))

    def _holds_chats(self, column: Column) -> bool:
        cells = [row.cells.get(column.name) for row in self._rows]
        return any(is_transcript(cell) or (isinstance(cell, str) and bool(spoken_turns(cell))) for cell in cells)

    def _is_preference(self) -> bool:
        return names.CHOSEN in self._plain and names.REJECTED in self._plain

    def _text_only(self) -> bool:
        if self._spec.prompt or self._spec.answer:
            return False
        known = [name for tiers in (names.PROMPTS[:2], names.ANSWERS) for tier in tiers for name in tier]
        return not any(name in self._plain for name in known) and any(name in self._plain for name in names.TEXTS)

    def _only_column(self) -> Column | None:
        return Column(self._columns[0]) if len(self._columns) == 1 else None

    def _filled(self, column: str) -> bool:
        return any(row.cells.get(column) for row in self._rows)

    def _say(self, sentence: str, *fields: Field | None) -> None:
        self.said.append(sentence)
        self._use(*fields)

    def _use(self, *fields: Field | None) -> None:
        for field in fields:
            if isinstance(field, Column):
                self.used.append(field.name)
            elif isinstance(field, Template):
                self.used += field.columns


def _lists_told(column: Column, rows: Sequence[Row]) -> Iterator[str]:
    """Say how a list is told from one text: a list of the file is several answers, a text is always one."""
    cells = [row.cells.get(column.name) for row in rows]
    if any(isinstance(cell, list | dict) for cell in cells):
        yield f"A list in {column} is several answers, each of them right."
    if any(isinstance(cell, str) and cell.startswith("[") and cell.endswith("]") for cell in cells):
        yield f"A text in {column} that looks like a list is one answer, as it stands."


def _literal(name: str) -> str:
    """Return a name as a string of a Jinja expression."""
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def _shell(name: str) -> str:
    return shlex.quote(one_line(name, 60))
