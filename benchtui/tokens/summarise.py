"""Makes the summary of a store: statistics of every model and of every pair of models that was compared.

A shard or a column of numbers is in memory at a time: about 60 bytes a scored token.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchtui.text import one_line
from benchtui.tokens.estimates import (
    Groups,
    Numbers,
    at_least_zero,
    exponential,
    root,
    spread,
)
from benchtui.tokens.flips import flips, read_as_a_whole
from benchtui.tokens.parting import parting
from benchtui.tokens.records import TOP, TextTokens, TokenDocument
from benchtui.tokens.store import DistributionStore, TextSet, documents_of
from benchtui.tokens.summary import (
    Estimate,
    Flips,
    ModelStatistics,
    PairStatistics,
    TokensSummary,
    WriterStatistics,
)
from benchtui.tokens.unshared import span_statistics, unshared_pairs


def summarise(store: DistributionStore) -> TokensSummary:
    """Compute everything that is said of a store. Raises BenchtuiError where a file is missing or damaged."""
    header = store.header
    groups = {model.texts: Groups(store.texts(number)) for number, model in enumerate(store.models)}
    models = tuple(model_statistics(store, number, groups[model.texts]) for number, model in enumerate(store.models))
    pairs = [(*pair, groups[store.models[pair[0]].texts]) for pair in compared(store)]
    changed = next((flips(store, *pair) for pair in pairs if pair[:2] == (0, 1)), None)
    return TokensSummary(
        header.mode,
        header.texts,
        header.documents,
        models,
        tuple(pair_statistics(store, *pair) for pair in pairs),
        tuple(parting(store, *pair) for pair in pairs),
        changed,
        tuple(span_statistics(store, *pair, groups[store.models[pair[0]].texts]) for pair in unshared_pairs(store)),
        notes=(*_notes(store, models), *_flip_notes(store, changed)),
    )


def compared(store: DistributionStore) -> list[tuple[int, int]]:
    """The pairs of models that are compared position by position: none where each wrote its own text."""
    return store.pairs if store.header.mode == "given" else []


def model_statistics(store: DistributionStore, number: int, groups: Groups) -> ModelStatistics:
    """Compute the statistics of one model over all tokens of its texts."""
    texts, model = store.texts(number), store.models[number]
    surprisal, entropy = -store.column(number, "logprob"), store.column(number, "entropy")
    uncertainty, margin = _of_tops(store, number)
    mean = at_least_zero(groups.mean(surprisal))
    return ModelStatistics(
        model.label,
        len(texts.documents),
        len(surprisal),
        surprisal=mean,
        perplexity=exponential(mean),
        nats_per_byte=at_least_zero(_nats_per_byte(texts, surprisal, groups)),
        entropy=at_least_zero(groups.mean(entropy)),
        uncertainty=at_least_zero(groups.mean(uncertainty)),
        margin=at_least_zero(groups.mean(margin)),
        entropies=spread(entropy),
        removed=model.removed,
        by_writer=tuple(_by_writer(store, texts, surprisal, groups)),
    )


def _by_writer(
    store: DistributionStore, texts: TextSet, surprisal: Numbers, groups: Groups
) -> Iterator[WriterStatistics]:
    """The texts of each writer, where one of the compared models is among those who wrote the given texts."""
    writers = [document.written_by for document in texts.documents]
    if store.header.mode == "own" or not set(writers).intersection(store.header.labels):
        return
    lengths = np.diff(texts.offsets)
    for writer in dict.fromkeys(writers):
        theirs = np.array([each == writer for each in writers])
        found = at_least_zero(groups.mean(surprisal, np.repeat(theirs, lengths)))
        yield WriterStatistics(writer, int(theirs.sum()), found, exponential(found))


def pair_statistics(store: DistributionStore, first: int, second: int, groups: Groups) -> PairStatistics:
    """Compute the statistics of two models over the same tokens."""
    names = ("kl", "kl_reverse", "js", "tv")
    columns = {name: store.pair_column(first, second, name) for name in names}
    means = {name: at_least_zero(groups.mean(values)) for name, values in columns.items()}
    spreads = {name: spread(values) for name, values in columns.items()}
    by_position = tuple(_by_position(store.texts(first), columns["js"], groups))
    del columns
    shift = store.pair_column(first, second, "shift")
    one, other = (store.column(number, "logprob").astype(np.float64) for number in (first, second))
    change, difference = np.exp(other) - np.exp(one), _difference(one, other)
    logarithm = groups.mean(difference)
    return PairStatistics(
        first,
        second,
        "lower" if _is_lower(store, first, second) else "exact",
        **means,
        same_top=groups.share(shift == 1),
        delta_p=groups.mean(change),
        delta_p_rms=root(groups.mean(change**2)),
        delta_logprob=logarithm,
        perplexity_ratio=exponential(negative(logarithm)),
        spreads={**spreads, "delta_p": spread(change), "delta_logprob": spread(difference)},
        unshifted=_share(shift == 1),
        marginal=_share((shift == 2) | (shift == 3)),
        shifted=_share(shift > 3),
        by_position=by_position,
    )


def negative(found: Estimate) -> Estimate:
    """Return the estimate of the opposite of a mean."""
    if found.value is None:
        return found
    low, high = (None if end is None else -end for end in (found.high, found.low))
    return Estimate(-found.value, found.n, found.groups, found.stderr, low, high)


def _difference(one: Numbers, other: Numbers) -> NDArray[np.float64]:
    """ln p(second) - ln p(first): NaN where both are impossible."""
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = other - one
    return found


def _of_tops(store: DistributionStore, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What `of_likeliest` finds, for all scored tokens."""
    shards = [store.shard(number, shard) for shard in range(len(store.texts(number).shards) - 1)]
    found = [of_likeliest(file.read("top_ids"), file.read("top_logprobs")) for file in shards]
    return np.concatenate([each for each, _ in found]), np.concatenate([each for _, each in found])


def of_likeliest(
    ids: NDArray[np.int32], top_logprobs: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return uncertainty and margin of the likeliest tokens [n, TOP], id -1 where there is none; NaN where fewer are
    known than each takes."""
    known = ids >= 0
    logprobs = np.where(known, top_logprobs, -np.inf).astype(np.float32)
    return (
        np.where(known.all(-1), uncertainty(logprobs), np.nan).astype(np.float32),
        np.where(known[:, 1], margin(logprobs), np.nan).astype(np.float32),
    )


def uncertainty(top_logprobs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the entropy of the likeliest tokens [n, TOP], renormalised, by ln TOP: from 0, one is sure, to 1."""
    with np.errstate(invalid="ignore"):
        p = np.exp(top_logprobs - top_logprobs.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        terms = np.where(p > 0, -p * np.log(np.where(p > 0, p, 1)), 0)
    found: NDArray[np.float32] = terms.sum(-1) / np.float32(np.log(TOP))
    return found


def margin(top_logprobs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the difference of the two greatest probabilities from the likeliest tokens [n, at least 2], in order."""
    greatest = np.exp(top_logprobs[:, :2])
    found: NDArray[np.float32] = greatest[:, 0] - greatest[:, 1]
    return found


def _nats_per_byte(texts: TextSet, surprisal: Numbers, groups: Groups) -> Estimate:
    """The surprisal of the tokens that are text, by the bytes of that text; the end token has none and is left out."""
    offsets = texts.offsets
    nats, sizes, n = np.zeros(len(texts.documents)), np.zeros(len(texts.documents)), 0
    for number, (document, tokens) in enumerate(documents_of(texts)):
        found = surprisal[offsets[number] : offsets[number + 1]]
        kept = (tokens.ends > tokens.starts)[tokens.first :] & np.isfinite(found)
        nats[number] = found[kept].sum(dtype=np.float64)
        sizes[number] = scored_bytes(document, tokens, kept)
        n += int(kept.sum())
    return groups.document_ratio(nats, sizes, n)


def scored_bytes(document: TokenDocument, tokens: TextTokens, kept: NDArray[np.bool_]) -> int:
    """Count the UTF-8 bytes of the characters that the scored tokens `kept` cover, each once."""
    if not kept.any():
        return 0
    starts, ends = tokens.starts[tokens.first :][kept], tokens.ends[tokens.first :][kept]
    text = document.text
    edges = np.zeros(len(text) + 1, np.int32)
    np.add.at(edges, starts, 1)
    np.add.at(edges, ends, -1)
    covered = np.cumsum(edges[:-1]) > 0
    return int(_sizes(text)[covered].sum())


def _sizes(text: str) -> NDArray[np.int64]:
    """The UTF-8 bytes of each character; a half of a pair of surrogates counts as its replacement, three."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found: NDArray[np.int64] = 1 + (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    return found


def _by_position(texts: TextSet, js: Numbers, groups: Groups) -> Iterator[tuple[int, Estimate]]:
    """The mean JS of the answers' tokens 1, 2, 3 to 4, 5 to 8 …, and the first place of each, from 0."""
    places = np.concatenate([np.arange(len(each.scored)) - (each.answer - each.first) for each in texts.tokens])
    begin, end = 0, 1
    while (places >= begin).any():
        yield begin, at_least_zero(groups.mean(js, (places >= begin) & (places < end)))
        begin, end = end, 2 * end


def _is_lower(store: DistributionStore, first: int, second: int) -> bool:
    shards = range(len(store.texts(first).shards) - 1)
    return any(store.pair_shard(first, second, shard).facts.get("bound") == "lower" for shard in shards)


def _share(found: NDArray[np.bool_]) -> float:
    return float(found.mean()) if len(found) else 0.0


def _notes(store: DistributionStore, models: tuple[ModelStatistics, ...]) -> Iterator[str]:
    """What must be known beside the numbers."""
    cut = sum(document.lost > 0 for document in store.texts(0).documents)
    if cut:
        yield f"{cut:,} documents have a prompt that did not fit: its start was left out."
    if any(model.by_writer for model in models):
        yield (
            "Some of the texts were written by the compared models. A model finds what it wrote itself likelier than "
            "another does, so -ln p, perplexity and Δ ln p are no measure of quality here."
        )
    for model in models:
        if unknown := model.positions - model.entropy.n:
            yield f"{model.label}: the entropy of {unknown:,} of {model.positions:,} tokens is not known."
        if infinite := model.positions - model.surprisal.n:
            yield f"{model.label}: {infinite:,} tokens of the text have no known probability and are in no mean of it."


def _flip_notes(store: DistributionStore, found: Flips | None) -> Iterator[str]:
    if found is not None and (tasks := read_as_a_whole(store.texts(found.first))):
        yield (
            f"Documents that changed side: of {one_line(', '.join(tasks), 200)}, the JS of the whole answers is taken, "
            "since nothing that was scored by token stands before the part that decided the score (--score-prompts "
            "scores the questions too)."
        )
