"""The runs of words of a benchmark's documents, and which of them were met in training text.

A document overlaps with training data when 13 words that follow each other in it (a 13-gram) do so in one training text
as well; a document of fewer words, when all of its words do, in a row. This is what appendix C of T. Brown et al.,
"Language Models are Few-Shot Learners" (the GPT-3 paper, 2020, arXiv:2005.14165) takes as overlap, with the words of
`words.py`; there 13 is the most words that are asked for, and punctuation, white space and case are ignored, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchtui.tasks.overlap.words import Hashes, Numbers, Words, run_hashes, words_of

RUN = 13
"""Words of a run (N of the GPT-3 paper's 13-grams)."""

_BITS = 32
"""Bits of the filter for each run: one in so many runs of the training text that the benchmark lacks is looked up."""
_SCATTER = np.uint64(0xBF58476D1CE4E5B9)
_AT_ONCE = 4_000_000
"""Characters whose words are numbered together while the index is made."""


@dataclass(frozen=True)
class Place:
    """Where a training text stands: its file, and the line or row where it begins (`line 12`)."""

    file: str
    row: str


@dataclass(frozen=True)
class Occurrence:
    """The first place in the training data where words of a document occur: `run` are the words."""

    run: str
    place: Place


Placed = Callable[[int, int], Place]
"""Returns the place of a word, given its text's number and where it begins among the characters."""


@dataclass(frozen=True)
class Overlap:
    """What was found of one document: how many of its `runs` of words occur (`shared`), and the `first` in the order of
    the training data, None where none does."""

    runs: int
    shared: int
    first: Occurrence | None


class _Runs:
    """All runs of one length: `numbers` are their hashes, sorted, each once; those of number i are
    `words[bounds[i]:bounds[i + 1]]`, the places of their first words. `open` says where one was not met yet."""

    def __init__(self, hashes: Hashes, words: Numbers) -> None:
        order = np.argsort(hashes, kind="stable")
        self.words = words[order]
        self.numbers, first = np.unique(hashes[order], return_index=True)
        self.bounds = np.append(first, len(hashes))
        self.open = np.ones(len(self.numbers), dtype=bool)
        self.met = np.zeros(len(hashes), dtype=bool)
        bits = max(10, (_BITS * len(self.numbers)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._filter = np.zeros(1 << (bits - 3), dtype=np.uint8)
        at = self._places(self.numbers)
        np.bitwise_or.at(self._filter, at >> np.uint64(3), _bit(at))

    def _places(self, hashes: Hashes) -> Hashes:
        return (hashes * _SCATTER) >> self._shift

    def candidates(self, hashes: Hashes) -> tuple[Numbers, Numbers]:
        """Return which of `hashes` are numbers of open runs, and of which."""
        at = self._places(hashes)
        likely = np.flatnonzero(self._filter[at >> np.uint64(3)] & _bit(at))
        found = np.searchsorted(self.numbers, hashes[likely])
        found[found == len(self.numbers)] = 0
        same = (self.numbers[found] == hashes[likely]) & self.open[found]
        return likely[same], found[same]


def _bit(places: Hashes) -> npt.NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8))


class Index:
    """The documents of a benchmark, searched for in training texts that are given to `look_through` one after the
    other. Of the training texts nothing is kept but the places found."""

    def __init__(self, documents: Sequence[str]) -> None:
        self._count = len(documents)
        self._words = _numbered(documents)
        lengths = np.bincount(self._words.texts, minlength=self._count) if self._count else np.zeros(0, dtype=np.int64)
        self._sizes = np.minimum(lengths, RUN)
        self._run_counts = np.where(lengths > 0, np.maximum(lengths - RUN + 1, 1), 0)
        self._runs = {int(size): self._runs_of(int(size)) for size in np.unique(self._sizes) if size}
        self._firsts: dict[int, Occurrence] = {}
        self._shared = np.zeros(self._count, dtype=np.int64)

    def _runs_of(self, size: int) -> _Runs:
        """Return the runs of `size` words, of the documents that are looked for by runs of this size."""
        texts = self._words.texts
        first = np.arange(max(len(texts) - size + 1, 0))
        first = first[(texts[first] == texts[first + size - 1]) & (self._sizes[texts[first]] == size)]
        return _Runs(run_hashes(self._words.hashes, [size])[size][first], first)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The numbers of words in the runs that are looked for, ascending."""
        return tuple(sorted(self._runs))

    @property
    def found(self) -> int:
        """How many documents have been found so far."""
        return len(self._firsts)

    def look_through(self, words: Words, place: Placed) -> None:
        """Look for the documents' runs in the words of some training texts. Runs never cross from one text
        into another."""
        hits = []
        for length, hashes in run_hashes(words.hashes, self.lengths).items():
            at, numbers = self._runs[length].candidates(hashes)
            whole = words.texts[at] == words.texts[at + length - 1]
            pairs = zip(at[whole].tolist(), numbers[whole].tolist(), strict=True)
            hits += [(first, length, number) for first, number in pairs]
        for first, length, number in sorted(hits):
            self._check(words, first, length, number, place)

    def _check(self, words: Words, first: int, length: int, number: int, place: Placed) -> None:
        """Compare the words themselves, since different ones may have the same number."""
        runs = self._runs[length]
        if not runs.open[number]:
            return
        low, high = int(runs.bounds[number]), int(runs.bounds[number + 1])
        said, where = words.run(first, length), None
        for occurrence in range(low, high):
            own = int(runs.words[occurrence])
            if runs.met[occurrence] or self._words.run(own, length) != said:
                continue
            runs.met[occurrence] = True
            document = int(self._words.texts[own])
            self._shared[document] += 1
            if document not in self._firsts:
                where = where or place(int(words.texts[first]), int(words.starts[first]))
                self._firsts[document] = Occurrence(said, where)
        runs.open[number] = not runs.met[low:high].all()

    def overlaps(self) -> list[Overlap]:
        """Return what was found of each document, in their order."""
        return [
            Overlap(int(self._run_counts[document]), int(self._shared[document]), self._firsts.get(document))
            for document in range(self._count)
        ]


def _numbered(documents: Sequence[str]) -> Words:
    """Return the words of all documents as one, some documents at a time so that numbering them needs little memory."""
    parts, texts, size, offset = list[Words](), list[str](), 0, 0
    characters = 0
    for number, document in enumerate(documents):
        texts.append(document)
        size += len(document)
        if size >= _AT_ONCE or number == len(documents) - 1:
            part = words_of(texts)
            parts.append(
                Words(
                    part.characters, part.starts + characters, part.ends + characters, part.texts + offset, part.hashes
                )
            )
            characters += len(part.characters)
            offset, texts, size = number + 1, [], 0
    if not parts:
        return words_of([])
    kind = max((part.characters.dtype for part in parts), key=lambda dtype: dtype.itemsize)
    return Words(
        np.concatenate([part.characters.astype(kind) for part in parts]),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("starts", "ends", "texts", "hashes")),
    )
