"""A store without a model: texts of words, random distributions, and models that differ where they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchtui.tokens.records import TOP, PairScores, StoredModel, StoreHeader, TextTokens, TokenDocument, TokenScores
from benchtui.tokens.store import DistributionStore, StoreWriter, TextSet, divided
from benchtui.tokens.vocabulary import StoredVocabulary

VOCABULARY = 50


def made_store(
    folder: Path,
    answers: Sequence[str],
    *,
    labels: Sequence[str] = ("base", "tuned"),
    noise: float = 1.0,
    seed: int = 1,
    shard_tokens: int = 40,
) -> DistributionStore:
    """A store of one token a word. Each model's logits are the first one's and its number times `noise`."""
    rng = np.random.default_rng(seed)
    documents = [
        TokenDocument(
            place=f"made #{n}", prompt="Q: ", answer=answer, group=str(n), task="made", doc_id=n, written_by="reference"
        )
        for n, answer in enumerate(answers)
    ]
    tokens = [_words(document.text) for document in documents]
    texts = TextSet(documents, tokens, divided(tokens, shard_tokens))
    pairs = tuple((0, number) for number in range(1, len(labels)))
    writer = StoreWriter(folder)
    writer.header(
        StoreHeader("made", "given", tuple(labels), f"{len(documents)} made texts", len(documents), pairs=pairs)
    )
    writer.texts(0, texts)
    for shard, (begin, end) in enumerate(zip(texts.shards[:-1], texts.shards[1:], strict=True)):
        ids = np.concatenate([text.scored for text in tokens[begin:end]])
        first = rng.normal(0, 3, (len(ids), VOCABULARY))
        logprobs = [
            log_softmax(first + number * noise * rng.normal(0, 1, first.shape)) for number in range(len(labels))
        ]
        for number, found in enumerate(logprobs):
            writer.shard(number, shard, scores_of(found, ids), {}, {})
        for one, other in pairs:
            writer.pair(one, other, shard, pair_of(logprobs[one], logprobs[other]))
    tokenizer = writer.vocabulary(_vocabulary(documents, tokens))
    for number, label in enumerate(labels):
        writer.model(number, StoredModel(label, 0, "hf", "made", "made", "scalars", tokenizer, VOCABULARY))
    return DistributionStore(folder)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(-1, keepdims=True)
    found: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return found


def scores_of(logprobs: NDArray[np.float64], ids: NDArray[np.int32]) -> TokenScores:
    given = logprobs[np.arange(len(ids)), ids]
    order = np.argsort(-logprobs, axis=-1, kind="stable")[:, :TOP]
    return TokenScores(
        given.astype(np.float32),
        -(np.exp(logprobs) * logprobs).sum(-1).astype(np.float32),
        ((logprobs > given[:, None]).sum(-1) + 1).astype(np.int32),
        order.astype(np.int32),
        np.take_along_axis(logprobs, order, -1).astype(np.float32),
        np.zeros(len(ids), np.float32),
    )


def pair_of(first: NDArray[np.float64], second: NDArray[np.float64]) -> PairScores:
    p, q = np.exp(first), np.exp(second)
    middle = np.logaddexp(first, second) - np.log(2)
    js = 0.5 * (p * (first - middle) + q * (second - middle)).sum(-1)
    top = second.argmax(-1)
    shift = (first > first[np.arange(len(top)), top][:, None]).sum(-1) + 1
    numbers = [(p * (first - second)).sum(-1), (q * (second - first)).sum(-1), js, 0.5 * np.abs(p - q).sum(-1)]
    return PairScores(*(number.astype(np.float32) for number in numbers), shift.astype(np.int32))


def _vocabulary(documents: Sequence[TokenDocument], tokens: Sequence[TextTokens]) -> StoredVocabulary:
    """Each id is the word that has it; where several have, the first of them; where none has, a letter of its own."""
    words = {number: chr(0x3B1 + number).encode() for number in range(VOCABULARY)}
    for document, text in zip(reversed(documents), reversed(tokens), strict=True):
        for one, a, b in zip(text.ids[::-1], text.starts[::-1], text.ends[::-1], strict=True):
            words[int(one)] = document.text[a:b].encode()
    return StoredVocabulary.of([(words[number], False) for number in range(VOCABULARY)])


def _words(text: str) -> TextTokens:
    """A token a word with the space before it; the id is made of its letters."""
    starts = [0, *(place for place, sign in enumerate(text) if sign == " " and place)]
    ends = [*starts[1:], len(text)]
    ids = [sum(map(ord, text[a:b])) % VOCABULARY for a, b in zip(starts, ends, strict=True)]
    return TextTokens(*(np.array(values, np.int32) for values in (ids, starts, ends)), 1, 1)
