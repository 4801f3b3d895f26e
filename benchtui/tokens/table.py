"""Makes one table of everything that is known of tokens: a line for each model and scored token, as tokens.parquet and
the exports hold it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from benchtui.tokens.records import PairScores, TextTokens, TokenDocument, TokenScores
from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summarise import of_likeliest

COLUMNS = (
    "model", "document", "place", "task", "doc_id", "group", "written_by", "change", "part", "position", "token_id",
    "token", "start", "end", "logprob", "entropy", "rank", "logsumexp", "top_id", "p_top", "p_second", "margin",
    "uncertainty", "js", "kl", "kl_reverse", "tv", "shift", "bound",
)  # fmt: skip
"""`document` numbers the texts from 0, `position` the scored tokens of one; `part` is "prompt" or "answer"; `start` and
`end` count characters of prompt and answer together. The last six are with the first model, empty for itself and where
it was not compared: `kl` is KL(first‖model), `bound` "lower" where divergences are lower bounds, else "exact"."""

Rows = dict[str, list[Any]]
"""The columns of some lines, all of one length."""


def token_rows(store: DistributionStore) -> Iterator[Rows]:
    """Yield the lines of one model and document at a time. Raises BenchtuiError where the store cannot be read."""
    for model in range(len(store.header.labels)):
        texts, compared = store.texts(model), (0, model) in store.pairs
        for number, (document, tokens) in enumerate(zip(texts.documents, texts.tokens, strict=True)):
            pair = store.pair(0, model, number) if compared else None
            rows = _places(store, model, number, document, tokens)
            yield rows | _scores(store.scores(model, number)) | _pair(pair, len(tokens.scored))


def _places(
    store: DistributionStore, model: int, number: int, document: TokenDocument, tokens: TextTokens
) -> Rows:  # fmt: skip
    n, vocabulary = len(tokens.scored), store.vocabulary(model)
    same = {
        "model": store.header.labels[model],
        "document": number,
        "place": document.place,
        "task": document.task,
        "doc_id": document.doc_id if document.doc_id >= 0 else None,
        "group": document.group,
        "written_by": document.written_by,
        "change": document.change,
    }
    spans = {
        "part": ["answer" if at >= tokens.answer else "prompt" for at in range(tokens.first, tokens.first + n)],
        "position": list(range(n)),
        "token_id": tokens.scored.tolist(),
        "token": [vocabulary.text(one) for one in tokens.scored.tolist()],
        "start": tokens.starts[tokens.first :].tolist(),
        "end": tokens.ends[tokens.first :].tolist(),
    }
    return {**{name: [value] * n for name, value in same.items()}, **spans}


def _scores(scores: TokenScores) -> Rows:
    tops = np.exp(scores.top_logprobs[:, :2].astype(np.float64))
    uncertainty, margin = of_likeliest(scores.top_ids, scores.top_logprobs)
    return {
        "logprob": scores.logprob.tolist(),
        "entropy": scores.entropy.tolist(),
        "rank": scores.rank.tolist(),
        "logsumexp": scores.logsumexp.tolist(),
        "top_id": scores.top_ids[:, 0].tolist(),
        "p_top": tops[:, 0].tolist(),
        "p_second": tops[:, 1].tolist(),
        "margin": margin.tolist(),
        "uncertainty": uncertainty.tolist(),
    }


def _pair(pair: PairScores | None, n: int) -> Rows:
    names = ("js", "kl", "kl_reverse", "tv", "shift")
    if pair is None:
        return {name: [None] * n for name in (*names, "bound")}
    return {name: getattr(pair, name).tolist() for name in names} | {"bound": [pair.bound] * n}


def write_parquet(store: DistributionStore, file: BinaryIO) -> None:
    """Write the table as Parquet. Raises BenchtuiError where the store cannot be read, OSError where the file cannot be
    written."""
    import pyarrow as pa
    from pyarrow import parquet

    words = ("model", "place", "task", "group", "written_by", "change", "part", "token", "bound")
    whole = ("document", "doc_id", "position", "token_id", "start", "end", "rank", "top_id", "shift")
    kinds = {name: pa.string() if name in words else pa.int32() if name in whole else pa.float32() for name in COLUMNS}
    schema = pa.schema([(name, kinds[name]) for name in COLUMNS])
    with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in token_rows(store):
            writer.write_table(pa.table({name: pa.array(rows[name], kinds[name]) for name in COLUMNS}, schema=schema))
