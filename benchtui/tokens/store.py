"""The files that hold what models make of tokens: written a shard at a time, read without any model.

    store.json                        what it is of
    texts/<set>.jsonl                 the documents of a text set, one a line
    texts/<set>.safetensors           their tokens, and which documents each shard has
    models/<n>/shard-0000.safetensors numbers of one model, and its hidden states or distributions
    models/<n>/model.json             written last: all its shards are there
    pairs/<a>-<b>/shard-0000.safetensors  divergences of two models
    vocabularies/<digest>.safetensors the tokens that the ids of a tokenizer mean
    heads/<digest>.safetensors        output heads, where they are kept

Every file is written whole under a temporary name and renamed. A store may come from anybody: what is read is checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.files import read_regular, write_run_file
from benchtui.tokens.arrays import Arrays, ShardFile, damaged, file_digest, read_record, write_arrays
from benchtui.tokens.layout import texts_fit
from benchtui.tokens.records import (
    PairScores,
    StoredModel,
    StoreHeader,
    TextTokens,
    TokenDocument,
    TokenScores,
)
from benchtui.tokens.vocabulary import StoredVocabulary

STORE = "tokens"
"""The folder of a run that holds its store."""
SHARD_TOKENS = 4096
"""A shard ends with the document that reaches so many scored tokens: what is lost at most when a worker dies."""
LARGEST_TEXTS = 2 << 30
_DIGEST = re.compile(r"[0-9a-zA-Z]{1,64}")


@dataclass(frozen=True)
class TextSet:
    """Documents and their tokens: `tokens[i]` belongs to `documents[i]`; `shards` has the first document of each
    shard, and the number of documents last."""

    documents: Sequence[TokenDocument]
    tokens: Sequence[TextTokens]
    shards: Sequence[int]

    def shard_of(self, document: int) -> int:
        """The number of the shard that a document lies in."""
        return int(np.searchsorted(np.asarray(self.shards), document, side="right")) - 1

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where the scored tokens of each document begin among those of all, and their number last."""
        counts = [len(tokens.scored) for tokens in self.tokens]
        return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))


def divided(tokens: Sequence[TextTokens], most: int = SHARD_TOKENS) -> list[int]:
    """Return the first document of each shard, and the number of documents: what `TextSet.shards` is."""
    shards, here = [0], 0
    for number, text in enumerate(tokens):
        here += len(text.scored)
        if here >= most and number + 1 < len(tokens):
            shards.append(number + 1)
            here = 0
    return [*shards, len(tokens)]


class StoreWriter:
    """Writes a store into `folder`. Raises OSError where that fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def header(self, header: StoreHeader) -> None:
        """Write store.json."""
        write_run_file(self.folder / "store.json", msgspec.json.format(msgspec.json.encode(header), indent=2))

    def texts(self, number: int, texts: TextSet) -> str:
        """Write a text set; returns a digest of its files."""
        lines = msgspec.json.Encoder().encode_lines(texts.documents)
        write_run_file(self.texts_file(number), lines)
        flat: Arrays = {
            "ids": np.concatenate([text.ids for text in texts.tokens]).astype(np.int32),
            "starts": np.concatenate([text.starts for text in texts.tokens]).astype(np.int32),
            "ends": np.concatenate([text.ends for text in texts.tokens]).astype(np.int32),
            "lengths": np.array([len(text.ids) for text in texts.tokens], np.int32),
            "first": np.array([text.first for text in texts.tokens], np.int32),
            "answer": np.array([text.answer for text in texts.tokens], np.int32),
            "shards": np.array(texts.shards, np.int64),
        }
        arrays = write_arrays(self.texts_file(number).with_suffix(".safetensors"), flat)
        return _both(hashlib.sha256(lines).hexdigest(), arrays)

    def shard(self, model: int, shard: int, scores: TokenScores, more: Arrays, facts: Mapping[str, str]) -> str:
        """Write a shard of a model: its numbers, what else is kept of each position, and facts of the shard. Returns
        a digest of the file."""
        arrays = {field.name: getattr(scores, field.name) for field in fields(TokenScores)}
        return write_arrays(self.shard_file(model, shard), {**arrays, **more}, facts)

    def model(self, number: int, model: StoredModel) -> None:
        """Write model.json: all shards of the model are there."""
        place = self.folder / "models" / str(number) / "model.json"
        write_run_file(place, msgspec.json.format(msgspec.json.encode(model), indent=2))

    def pair(self, first: int, second: int, shard: int, scores: PairScores) -> str:
        """Write the divergences of two models over one shard; returns a digest of the file."""
        names = ("kl", "kl_reverse", "js", "tv", "shift")
        arrays = {name: getattr(scores, name) for name in names}
        return write_arrays(self.pair_file(first, second, shard), arrays, {"bound": scores.bound})

    def vocabulary(self, vocabulary: StoredVocabulary) -> str:
        """Write what the ids of a tokenizer mean; returns its digest, which `StoredModel.tokenizer` is."""
        arrays: Arrays = {
            "data": vocabulary.data,
            "ends": vocabulary.ends,
            "special": vocabulary.special.astype(np.uint8),
        }
        write_arrays(self.vocabulary_file(vocabulary.digest), arrays)
        return vocabulary.digest

    def texts_file(self, number: int) -> Path:
        """Where the documents of a text set lie; its tokens lie beside them."""
        return self.folder / "texts" / f"{number}.jsonl"

    def head_file(self, digest: str) -> Path:
        """Where an output head lies, where it is kept."""
        return self.folder / "heads" / f"{digest}.safetensors"

    def vocabulary_file(self, digest: str) -> Path:
        """Where the tokens of a tokenizer lie."""
        return self.folder / "vocabularies" / f"{digest}.safetensors"

    def shard_file(self, model: int, shard: int) -> Path:
        """Where a shard of a model lies."""
        return self.folder / "models" / str(model) / f"shard-{shard:04}.safetensors"

    def pair_file(self, first: int, second: int, shard: int) -> Path:
        """Where the divergences of two models over one shard lie."""
        return self.folder / "pairs" / f"{first}-{second}" / f"shard-{shard:04}.safetensors"


class DistributionStore:
    """What models make of the tokens of texts, read from a folder that `StoreWriter` wrote.

    Raises BenchtuiError, from every method, naming the file that is missing or damaged.
    """

    def __init__(self, folder: Path, header: StoreHeader | None = None) -> None:
        """Another `header` than that of the folder has fewer models or pairs: those that are there already."""
        self.folder = folder
        self.header: StoreHeader = header or read_record(folder / "store.json", StoreHeader)
        self._texts = lru_cache(maxsize=None)(self._read_texts)
        self._open = lru_cache(maxsize=64)(ShardFile)
        self._vocabularies = lru_cache(maxsize=None)(self._read_vocabulary)

    @cached_property
    def models(self) -> tuple[StoredModel, ...]:
        """The models, in order; all of their shards are there."""
        places = (self.folder / "models" / str(n) / "model.json" for n in range(len(self.header.labels)))
        return tuple(read_record(place, StoredModel) for place in places)

    def texts(self, model: int) -> TextSet:
        """The text set that a model read."""
        return self.text_set(self.models[model].texts)

    def text_set(self, number: int) -> TextSet:
        """The text set of this number, whether a model has read it or not."""
        return self._texts(number)

    def vocabulary(self, model: int) -> StoredVocabulary:
        """The tokens that a model's ids mean."""
        return self._vocabularies(self.models[model].tokenizer)

    def scores(self, model: int, document: int) -> TokenScores:
        """What a model makes of the scored tokens of a document."""
        file, rows = self._rows(model, document)
        return TokenScores(**{field.name: file.read(field.name, rows) for field in fields(TokenScores)})

    def column(self, model: int, name: str) -> NDArray[Any]:
        """One of the numbers of `TokenScores` for the scored tokens of all documents, in order."""
        texts = self.texts(model)
        shards = range(len(texts.shards) - 1)
        return np.concatenate([self.shard(model, shard).read(name, _all_rows(texts, shard)) for shard in shards])

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of models whose divergences are stored."""
        return [pair for pair in self.header.pairs if (self.folder / "pairs" / "{}-{}".format(*pair)).is_dir()]

    def pair(self, first: int, second: int, document: int) -> PairScores:
        """How two models differ at the scored tokens of a document."""
        texts = self.texts(first)
        shard = texts.shard_of(document)
        return _pair_of(self.pair_shard(first, second, shard), _rows_of(texts, document, shard))

    def pair_column(self, first: int, second: int, name: str) -> NDArray[Any]:
        """One of the numbers of `PairScores` for the scored tokens of all documents, in order."""
        texts = self.texts(first)
        rows = [_all_rows(texts, shard) for shard in range(len(texts.shards) - 1)]
        return np.concatenate([self.pair_shard(first, second, n).read(name, each) for n, each in enumerate(rows)])

    def shard(self, model: int, shard: int) -> ShardFile:
        """A shard of a model, with everything that is kept in it."""
        return self._open(StoreWriter(self.folder).shard_file(model, shard))

    def pair_shard(self, first: int, second: int, shard: int) -> ShardFile:
        """The divergences of two models over one shard."""
        return self._open(StoreWriter(self.folder).pair_file(first, second, shard))

    def _rows(self, model: int, document: int) -> tuple[ShardFile, slice]:
        texts = self.texts(model)
        shard = texts.shard_of(document)
        return self.shard(model, shard), _rows_of(texts, document, shard)

    def _read_texts(self, number: int) -> TextSet:
        place = StoreWriter(self.folder).texts_file(number)
        try:
            documents = msgspec.json.Decoder(TokenDocument).decode_lines(read_regular(place, LARGEST_TEXTS))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise damaged(place, str(error)) from None
        file = ShardFile(place.with_suffix(".safetensors"))
        names = ("ids", "starts", "ends", "lengths", "first", "answer", "shards")
        arrays = {name: file.read(name) for name in names}
        if not texts_fit(documents, arrays):
            raise damaged(file.path, "its numbers do not fit the texts")
        ids, starts, ends, lengths, first, answer, shards = arrays.values()
        cuts = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        tokens = [
            TextTokens(ids[a:b], starts[a:b], ends[a:b], int(one), int(other))
            for a, b, one, other in zip(cuts[:-1], cuts[1:], first, answer, strict=True)
        ]
        return TextSet(documents, tokens, shards.tolist())

    def _read_vocabulary(self, digest: str) -> StoredVocabulary:
        if not is_digest(digest):
            raise damaged(self.folder / "models", f"{digest!r} is no digest of a tokenizer")
        file = ShardFile(StoreWriter(self.folder).vocabulary_file(digest))
        data, ends, special = (file.read(name) for name in ("data", "ends", "special"))
        if len(ends) != len(special) or (np.diff(ends, prepend=0) < 0).any() or ends[-1:].sum() != len(data):
            raise damaged(file.path, "its numbers do not fit each other")
        return StoredVocabulary(data, ends, special.astype(np.bool_))


def open_store(run: Path) -> DistributionStore:
    """Open the store of a run's folder. Raises BenchtuiError where there is none yet, or it cannot be read."""
    return DistributionStore(run / STORE)


def _rows_of(texts: TextSet, document: int, shard: int) -> slice:
    begins = int(texts.offsets[texts.shards[shard]])
    return slice(int(texts.offsets[document]) - begins, int(texts.offsets[document + 1]) - begins)


def _all_rows(texts: TextSet, shard: int) -> slice:
    begin, end = (int(texts.offsets[texts.shards[number]]) for number in (shard, shard + 1))
    return slice(0, end - begin)


def _pair_of(file: ShardFile, rows: slice) -> PairScores:
    arrays = {name: file.read(name, rows) for name in ("kl", "kl_reverse", "js", "tv", "shift")}
    return PairScores(**arrays, bound="lower" if file.facts.get("bound") == "lower" else "exact")


def is_digest(text: str) -> bool:
    """Whether a text of a store is a digest, and may be part of a file's name."""
    return _DIGEST.fullmatch(text) is not None


def texts_digest(folder: Path, number: int) -> str:
    """Return the digest of a text set as `StoreWriter.texts` does; "" where it is not there."""
    place = StoreWriter(folder).texts_file(number)
    return _both(file_digest(place), file_digest(place.with_suffix(".safetensors")))


def _both(documents: str, tokens: str) -> str:
    return hashlib.sha256(f"{documents} {tokens}".encode()).hexdigest() if documents and tokens else ""


def documents_of(texts: TextSet) -> Iterator[tuple[TokenDocument, TextTokens]]:
    """Each document with its tokens."""
    return zip(texts.documents, texts.tokens, strict=True)
