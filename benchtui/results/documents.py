"""The texts of a benchmark's documents themselves: question, reference and choices, without examples and templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.results.question import KEYS, question
from benchtui.text import stands_in


class BenchmarkDocument(msgspec.Struct, frozen=True):
    """A document of a task: `name` is what people call it (its number, or the id that it has in a file of one's own),
    `doc_hash` lm-eval's digest of its content ("" where it is not known), `text` its own words."""

    task: str
    name: str
    doc_hash: str
    text: str


def document_text(doc: object, rendered: Sequence[str]) -> str:
    """Return a document's own text: those of its fields that a model is asked or must answer.

    These are first the fields whose names are those of questions, then all other texts and lists of texts that occur in
    what the task `rendered` of it: question, reference, choices. A field that is part of another one is left out. Where
    no field counts, because the task rewrites them, it is what was rendered.
    """
    shown = [" ".join(text.split()) for text in rendered if text.strip()]
    fields = [field for field in _fields(doc) if field.named or all(_is_shown(text, shown) for text in field.texts)]
    own = [" ".join(field.texts) for field in sorted(fields, key=lambda field: not field.named)]
    kept = [text for number, text in enumerate(own) if not _is_within_another(number, own)]
    return "\n".join(kept or shown)


class _Field(msgspec.Struct, frozen=True):
    texts: tuple[str, ...]
    named: bool


def _fields(value: object, name: str = "") -> Iterator[_Field]:
    """Yield texts, each with its white space made single spaces, and lists of texts as one."""
    if isinstance(value, str):
        if text := " ".join(value.split()):
            yield _Field((text,), name in KEYS)
    elif isinstance(value, Mapping):
        for inner, content in value.items():
            yield from _fields(content, str(inner))
    elif isinstance(value, list | tuple):
        if all(isinstance(item, str) for item in value):
            texts = tuple(text for item in value if (text := " ".join(item.split())))
            if texts:
                yield _Field(texts, named=False)
        else:
            for item in value:
                yield from _fields(item, name)


def _is_shown(text: str, shown: Sequence[str]) -> bool:
    return any(stands_in(text, whole) for whole in shown)


def _is_within_another(number: int, texts: Sequence[str]) -> bool:
    mine = texts[number].casefold()
    return any(
        (other.casefold() == mine and place < number) or (len(other) > len(mine) and stands_in(mine, other.casefold()))
        for place, other in enumerate(texts)
        if place != number
    )


def read_documents(file: Path, task: str) -> Iterator[BenchmarkDocument]:
    """Yield each document in a sample file of lm-eval's once, in the file's order.

    An incomplete last line is left out, as `read_samples` does; a damaged line elsewhere raises BenchtuiError naming
    file and line, and so does a file that cannot be read.
    """
    seen: set[object] = set()
    damaged = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                if damaged:
                    raise BenchtuiError(f"{file} is damaged in line {damaged}.", "Run the benchmark again.")
                try:
                    raw = json.loads(line)
                except (ValueError, RecursionError):
                    damaged = number
                    continue
                if isinstance(raw, dict) and (key := str(raw.get("doc_id"))) not in seen:
                    seen.add(key)
                    text = document_text(raw.get("doc"), rendered(raw.get("doc"), _arguments(raw), raw.get("target")))
                    yield BenchmarkDocument(task, key, str(raw.get("doc_hash") or ""), text)
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be read: {error.strerror or error}.") from None


def rendered(doc: object, arguments: Sequence[Sequence[object]], target: object) -> list[str]:
    """Return what a task makes of a document: its question, cut out of each prompt; the reference; the choices.
    `arguments` are those of its requests: prompt and continuation, or prompt and settings."""
    prompts = dict.fromkeys(str(each[0]) for each in arguments if each)
    continuations = [each[1] for each in arguments if len(each) > 1 and isinstance(each[1], str)]
    references = target if isinstance(target, list | tuple) else [target]
    return [
        *(question(doc, prompt) for prompt in prompts),
        *(text for text in references if isinstance(text, str)),
        *continuations,
    ]


def _arguments(raw: dict[str, Any]) -> list[list[object]]:
    arguments = raw.get("arguments")
    requests = arguments.values() if isinstance(arguments, dict) else []
    return [list(request.values()) for request in requests if isinstance(request, dict)]
