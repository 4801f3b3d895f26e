"""Pairs the documents of two runs: the one pairing rule, used for early stopping and for comparisons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Document(Protocol):
    """A document of one task, as a run asked it: its number there, and the hashes of its content and of its prompt."""

    @property
    def doc_id(self) -> int: ...
    @property
    def doc_hash(self) -> str: ...
    @property
    def prompt_hash(self) -> str: ...


@dataclass(frozen=True, slots=True)
class HashedDocument:
    """A document where only its number and hashes are needed."""

    doc_id: int
    doc_hash: str
    prompt_hash: str


DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True)
class Pairs(Generic[DocumentT]):
    """`pairs` in the first run's order of documents; how many had `differing_prompts` and so are no pairs; and what
    only the first and only the second run has."""

    pairs: tuple[tuple[DocumentT, DocumentT], ...]
    differing_prompts: int
    only_first: tuple[DocumentT, ...]
    only_second: tuple[DocumentT, ...]


def pair_documents(first: Iterable[DocumentT], second: Iterable[DocumentT]) -> Pairs[DocumentT]:
    """Pair two runs' documents of one task, under one filter, by the hash of their content.

    A document that occurs several times in a task is paired with the occurrence of the same number, the rest in order.
    Pairs whose prompts differ are counted and left out. Documents without hashes are paired by their number.
    """
    mine, theirs = _by_content(first), _by_content(second)
    joined = [both for content, same in mine.items() for both in _in_order(same, theirs.get(content, []))]
    pairs = sorted((both for both in joined if both[0].prompt_hash == both[1].prompt_hash), key=lambda p: p[0].doc_id)
    used = {id(document) for both in joined for document in both}
    return Pairs(tuple(pairs), len(joined) - len(pairs), _without(mine, used), _without(theirs, used))


def _by_content(documents: Iterable[DocumentT]) -> dict[str, list[DocumentT]]:
    found: defaultdict[str, list[DocumentT]] = defaultdict(list)
    for document in documents:
        found[document.doc_hash].append(document)
    return found


def _without(documents: Mapping[str, Sequence[DocumentT]], used: set[int]) -> tuple[DocumentT, ...]:
    return tuple(document for same in documents.values() for document in same if id(document) not in used)


def _in_order(first: Sequence[DocumentT], second: Sequence[DocumentT]) -> list[tuple[DocumentT, DocumentT]]:
    if len(first) == 1 and len(second) == 1:
        return [(first[0], second[0])]
    by_number = {document.doc_id: document for document in second}
    exact = [(document, by_number.pop(document.doc_id)) for document in first if document.doc_id in by_number]
    taken = {id(document) for both in exact for document in both}
    rest_first = sorted((d for d in first if id(d) not in taken), key=lambda d: d.doc_id)
    rest_second = sorted((d for d in second if id(d) not in taken), key=lambda d: d.doc_id)
    return exact + list(zip(rest_first, rest_second, strict=False))
