"""How a document is read from a row: which columns are what."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.tasks.data.chats import ChatForm
from benchtui.tasks.data.documents.templates import Column, Field
from benchtui.tasks.data.spec import DataKind


@dataclass(frozen=True)
class Asked:
    """A prompt and its reference; None where no metric needs one."""

    prompt: Field
    answer: Field | None


@dataclass(frozen=True)
class WithChoices:
    """A prompt, its choices (one column, a template that gives a list, or a column a choice) and the right one."""

    prompt: Field
    choices: Field | tuple[Column, ...]
    right: Field


@dataclass(frozen=True)
class Preferred:
    """Two answers to a prompt, of which the first is the better one."""

    prompt: Field
    chosen: Column
    rejected: Column


@dataclass(frozen=True)
class Texts:
    """Texts alone."""

    text: Field


@dataclass(frozen=True)
class Chats:
    """Conversations, or instructions, whose last assistant turn is the reference."""

    form: ChatForm


Shape = Asked | WithChoices | Preferred | Texts | Chats


@dataclass(frozen=True)
class Reading:
    """How documents are read from rows: which columns are what. `said` are sentences for the user."""

    kind: DataKind
    shape: Shape
    system: Column | None = None
    id: Column | None = None
    said: tuple[str, ...] = ()
