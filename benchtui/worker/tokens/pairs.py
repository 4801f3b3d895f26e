"""How models differ at every token, from what is stored of each: their output heads are all that is loaded again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.runs.kinds.tokens.events import PairsCompared
from benchtui.text import one_line
from benchtui.tokens.arrays import ShardFile
from benchtui.tokens.bounds import lower_bounds
from benchtui.tokens.records import FULL, LIKELIEST, LIKELIEST_IDS, PairScores, StoredModel
from benchtui.tokens.store import DistributionStore
from benchtui.tokens.vocabulary import shown_token
from benchtui.worker.answering.hf.head_alone import HeadAlone
from benchtui.worker.tokens.context import TokensContext, pair_shard, request_of, texts_and_models
from benchtui.worker.tokens.heads import HeadsOfRun
from benchtui.worker.tokens.observer import INTERVAL
from benchtui.worker.tokens.states import HIDDEN, states_tensor
from benchtui.worker.tokens.statistics import (
    KnownTokens,
    distributions,
    in_chunks,
    likeliest,
    pair_scores,
    rows_at_once,
)

Pair = tuple[int, int]


def compare_pairs(context: TokensContext, store: DistributionStore) -> None:
    """Compute the divergences of all pairs that the plan wants and that can be compared, as far as they are not there.

    Raises BenchtuiError where an output head is not to be had any more, StopRequested where the run was told to stop,
    OSError or sqlite3.OperationalError (a full disk).
    """
    pairs = [pair for pair in store.header.pairs if can_compare(context, store, pair)]
    work = [(shard, pair) for pair in sorted(pairs) for shard in _missing(context, store, pair)]
    progress = _Progress(context, store, pairs)
    progress.begin(work)
    if work:
        context.reporter.task = ""
        context.reporter.phase("evaluating", detail="comparing the models")
        _compare(context, store, work, progress)
    progress.tell(force=True)


def _compare(
    context: TokensContext, store: DistributionStore, work: Sequence[tuple[int, Pair]], progress: _Progress
) -> None:
    check = context.process.stop.check
    heads = HeadsOfRun(context, store)

    def advanced(tokens: int) -> None:
        context.reporter.advance("tokens", tokens)
        check()

    for shard, pair in work:
        check()
        first, second = (Side(store, number, shard, heads.of(number), heads.device) for number in pair)
        found = compared(first, second, advanced)
        digest = context.writer.pair(*pair, shard, found)
        context.keep(pair_shard(*pair, shard), _request(context, store, pair, shard), digest)
        progress.done(pair, shard, found.js)


def can_compare(context: TokensContext, store: DistributionStore, pair: Pair) -> bool:
    """Whether two models have the same tokens; warns, naming the first id that is another, where they do not."""
    first, second = (store.models[number] for number in pair)
    if first.tokenizer == second.tokenizer and first.texts == second.texts:
        return True
    if why := different_tokens(store, pair):
        context.reporter.warn(
            f"{why}: they cannot be compared token by token.",
            "What both make of the same stretches of text is compared instead, in nats per byte.",
        )
    return False


def different_tokens(store: DistributionStore, pair: Pair) -> str:
    """Return in words the first id that is not the same token for two models; "" where all are."""
    first, second = (store.vocabulary(number) for number in pair)
    found = first.first_difference(second)
    if found is None:
        return ""
    names = [one_line(store.models[number].label, 60) for number in pair]
    said = [
        f"'{shown_token(one.text(found))}' in {name}" if found < len(one) else f"no token in {name}"
        for one, name in zip((first, second), names, strict=True)
    ]
    return f"The models do not share tokens: id {found} is {said[0]} and {said[1]}"


# One shard of two models.


@dataclass(frozen=True)
class Side:
    """One of two models at the tokens of a shard; `head` None where no hidden states are stored."""

    store: DistributionStore
    number: int
    shard: int
    head: HeadAlone | None
    device: str

    @property
    def model(self) -> StoredModel:
        return self.store.models[self.number]

    @property
    def file(self) -> ShardFile:
        return self.store.shard(self.number, self.shard)

    @property
    def whole(self) -> bool:
        """Whether the whole distribution is known."""
        return self.model.keep in ("hidden", "full")

    def logprobs(self, rows: slice, known: KnownTokens) -> torch.Tensor:
        """The log-probabilities over the known ids, float32 [rows, count]."""
        if self.model.keep == "full":
            return distributions(torch.from_numpy(self.file.read(FULL, rows)).to(self.device), known).logprobs
        assert self.head is not None  # noqa: S101 - hidden states are stored with a head's digest
        states = states_tensor(self.file.read(HIDDEN, rows), self.model.dtype, self.device)
        return distributions(self.head.logits(states), known).logprobs

    def likeliest(self, rows: slice, known: KnownTokens, k: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Ids and log-probabilities of the likeliest tokens."""
        if self.whole:
            values, ids = likeliest(self.logprobs(rows, known), k)
            return ids, values
        names = (LIKELIEST_IDS, LIKELIEST) if self.model.keep == "topk" else ("top_ids", "top_logprobs")
        ids, values = (self.file.read(name, rows) for name in names)
        return ids, values


def compared(first: Side, second: Side, advanced: Callable[[int], None] = lambda _: None) -> PairScores:
    """Compute how two models differ at the tokens of one shard; `advanced` is told how many tokens each chunk has, and
    what it raises is raised."""
    vocabulary = first.store.vocabulary(first.number)
    known, total = KnownTokens.of(vocabulary), len(first.file.read("logprob"))
    k = first.store.header.top_k

    def compute(rows: slice) -> PairScores:
        advanced(rows.stop - rows.start)
        if first.whole and second.whole:
            return pair_scores(first.logprobs(rows, known), second.logprobs(rows, known))
        return lower_bounds(*first.likeliest(rows, known, k), *second.likeliest(rows, known, k))

    bound = "exact" if first.whole and second.whole else "lower"
    return _joined(list(in_chunks(total, rows_at_once(first.device.split(":")[0], known.count), compute)), bound)


def _joined(parts: Sequence[PairScores], bound: Any) -> PairScores:
    names = [one.name for one in fields(PairScores) if one.name != "bound"]
    empty = {name: np.zeros(0, np.int32 if name == "shift" else np.float32) for name in names}
    joined = {name: np.concatenate([empty[name], *(getattr(part, name) for part in parts)]) for name in names}
    return PairScores(**joined, bound=bound)


# How far it is.


def _shards(store: DistributionStore, pair: Pair) -> range:
    return range(len(store.texts(pair[0]).shards) - 1)


def _missing(context: TokensContext, store: DistributionStore, pair: Pair) -> list[int]:
    """The shards of a pair that are not there."""
    requests = {pair_shard(*pair, shard): _request(context, store, pair, shard) for shard in _shards(store, pair)}
    return [key.doc_id for key in context.missing(requests)]


def _request(context: TokensContext, store: DistributionStore, pair: Pair, shard: int) -> str:
    models = [store.models[number] for number in pair]
    facts = [(one.identity, one.head, one.keep, one.texts, one.tokenizer) for one in models]
    return request_of(texts_and_models(context.plan), facts, shard)


def is_complete(context: TokensContext, store: DistributionStore, pair: Pair) -> bool:
    """Whether the divergences of a pair are there for all texts."""
    first, second = (store.models[number] for number in pair)
    return first.tokenizer == second.tokenizer and first.texts == second.texts and not _missing(context, store, pair)


class _Progress:
    """Tells how many documents are compared: of several pairs, each counts its part."""

    def __init__(self, context: TokensContext, store: DistributionStore, pairs: Sequence[Pair]) -> None:
        self._context = context
        self._store = store
        self._shards = {pair: set(_shards(store, pair)) for pair in pairs}
        self._last = (0, len(store.header.labels) - 1)
        self._sum = 0.0
        self._count = 0
        self._told = 0.0

    def begin(self, missing: Sequence[tuple[int, Pair]]) -> None:
        """Take what is there for done."""
        for shard, pair in missing:
            self._shards[pair].discard(shard)
        for shard in self._shards.get(self._last, ()):
            self._add(self._store.pair_shard(*self._last, shard).read("js"))

    def done(self, pair: Pair, shard: int, js: NDArray[np.float32]) -> None:
        """Count a shard of a pair."""
        self._shards[pair].add(shard)
        if pair == self._last:
            self._add(js)
        self.tell()

    def tell(self, *, force: bool = False) -> None:
        """Tell it, a few times a second at most."""
        now = time.monotonic()
        if not self._shards or (not force and now - self._told < INTERVAL):
            return
        self._told = now
        documents = sum(self._documents(pair, shards) for pair, shards in self._shards.items())
        js = self._sum / self._count if self._count else None
        self._context.reporter.emit(PairsCompared(documents=documents // len(self._shards), js=js))

    def _documents(self, pair: Pair, shards: set[int]) -> int:
        begins = self._store.texts(pair[0]).shards
        return sum(begins[shard + 1] - begins[shard] for shard in shards)

    def _add(self, js: NDArray[np.float32]) -> None:
        self._sum += float(js.sum(dtype=np.float64))
        self._count += len(js)
