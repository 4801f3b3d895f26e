"""Which documents are asked, by their content: so that no example for a few-shot prompt is one of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchtui.tasks.data.documents.make import Document


class Unasked:
    """Leaves out of documents those that a Parquet file of documents asks, whatever file or row they came from.

    Two documents are the same where prompt and choices are, but for white space and for the order of the choices; a
    whole text, which has neither, is the same as its equal. `met` and `left_out` count the documents that went through;
    `all_asked` says, once all did, that none is left.
    """

    def __init__(self, asked: Path) -> None:
        self.met = self.left_out = 0
        self.all_asked = False
        self._asked = frozenset(_contents(asked))

    def of(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield the documents that are not asked."""
        for one in documents:
            self.met += 1
            if _content(one.prompt, one.choices, one.target) in self._asked:
                self.left_out += 1
            else:
                yield one
        self.all_asked = self.met == self.left_out > 0


def _contents(file: Path) -> Iterator[bytes]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(batch_size=1000, columns=["prompt", "choices", "target"]):
            for row in batch.to_pylist():
                yield _content(row["prompt"], row["choices"], row["target"])


def _content(prompt: str, choices: Iterable[str], target: str) -> bytes:
    asked = [_plain(prompt), *sorted(map(_plain, choices))]
    text = json.dumps(asked if any(asked) else [_plain(target)])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _plain(text: str) -> str:
    return " ".join(text.split())
