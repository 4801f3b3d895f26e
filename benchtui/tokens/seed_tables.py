"""Tables of the tokens of a store, a line a token, and their statistics as pandas computes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchtui.tokens.spans import token_texts

if TYPE_CHECKING:
    import pandas as pd

    from benchtui.tokens.store import DistributionStore, TextSet

COLUMNS = ("current_token", "next_token", "entropy", "probability_of_next_token")
BINS = 10
_PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_NAMED = 20
"""Tokens that are named of each bin."""


def prompt_numbers(store: DistributionStore) -> list[list[int]]:
    """Return, for each model, the number from 1 of the prompt that each of its documents is about. Models that wrote
    their own texts have documents of their own, which are told by their places."""
    known: dict[tuple[str, int], int] = {}
    found = []
    for model in range(len(store.header.labels)):
        times: Counter[str] = Counter()
        numbers = []
        for document in store.texts(model).documents:
            times[document.place] += 1
            key = (document.place, times[document.place])
            numbers.append(known.setdefault(key, len(known) + 1))
        found.append(numbers)
    return found


def token_table(store: DistributionStore, model: int, prompts: Sequence[int]) -> pd.DataFrame:
    """Return the tokens of a model's texts, a line each: their prompt, by the number that `prompts` has for each
    document, position in the text from 0, characters of prompt and text together, ids, and COLUMNS.

    A line is about the distribution after `current_token`; entropies are in nats, NaN where they are not known.
    """
    import pandas as pd

    texts, vocabulary = store.texts(model), store.vocabulary(model)
    parts: list[dict[str, Any]] = []
    for number, tokens in enumerate(texts.tokens):
        begin = _first_of_text(texts, number)
        spelled = token_texts(texts.documents[number].text, tokens, vocabulary, signs=False)[begin - 1 :]
        count = len(tokens.ids) - begin
        parts.append(
            {
                "prompt_id": np.full(count, prompts[number]),
                "position": np.arange(count),
                "start": tokens.starts[begin:],
                "end": tokens.ends[begin:],
                "current_token_id": tokens.ids[begin - 1 : -1],
                "next_token_id": tokens.ids[begin:],
                "current_token": spelled[:-1],
                "next_token": spelled[1:],
                "counts": np.arange(tokens.first, len(tokens.ids)) >= begin,
            }
        )
    table: dict[str, Any] = {}
    for name in ("prompt_id", "position", "start", "end", "current_token_id", "next_token_id"):
        table[name] = np.concatenate([part[name] for part in parts] or [np.zeros(0)]).astype(np.int64)
    for name in ("current_token", "next_token"):
        table[name] = [token for part in parts for token in part[name]]
    rows = np.concatenate([part["counts"] for part in parts] or [np.zeros(0, np.bool_)])
    table["entropy"] = store.column(model, "entropy").astype(np.float64)[rows]
    table["probability_of_next_token"] = np.exp(store.column(model, "logprob").astype(np.float64))[rows]
    return pd.DataFrame(table).sort_values(["prompt_id"], kind="stable", ignore_index=True)


def _first_of_text(texts: TextSet, document: int) -> int:
    """The first token that counts: the text's, or, where there is a prompt alone, the first one that was scored."""
    tokens = texts.tokens[document]
    return tokens.answer if tokens.answer < len(tokens.ids) else tokens.first


def by_token(table: pd.DataFrame, side: str) -> pd.DataFrame:
    """Return statistics of each token, the most frequent first: by its id, since several may be spelled alike."""
    groups = table.groupby([f"{side}_token_id"], sort=True)
    found = groups.agg(
        token=(f"{side}_token", "first"),
        count=("entropy", "size"),
        entropy_mean=("entropy", "mean"),
        entropy_std=("entropy", "std"),
        entropy_min=("entropy", "min"),
        entropy_max=("entropy", "max"),
        probability_of_next_token_mean=("probability_of_next_token", "mean"),
        probability_of_next_token_std=("probability_of_next_token", "std"),
    ).reset_index()
    found = found.rename(columns={"token": f"{side}_token", f"{side}_token_id": "token_id"})
    found = found[[f"{side}_token", "token_id", *found.columns[2:]]]
    return found.sort_values("count", ascending=False, kind="stable")


def summary_stats(tables: Mapping[str, pd.DataFrame], prompts: int) -> dict[str, Any]:
    """Return the number of prompts, and of each model the number of its tokens and pandas' describe()."""
    found: dict[str, Any] = {"total_prompts": prompts, "models": list(tables)}
    for name, table in tables.items():
        found[f"{name}_total_tokens"] = len(table)
        found[f"{name}_entropy_stats"] = _plain(table["entropy"].describe())
        found[f"{name}_probability_stats"] = _plain(table["probability_of_next_token"].describe())
    return found


def compared(table: pd.DataFrame) -> dict[str, Any]:
    """Return means and percentiles of one model."""
    found: dict[str, Any] = {
        "total_tokens": len(table),
        "mean_entropy": _known(table["entropy"].mean()),
        "mean_probability": _known(table["probability_of_next_token"].mean()),
    }
    for name, column in (("entropy", "entropy"), ("probability", "probability_of_next_token")):
        described = _plain(table[column].describe(percentiles=list(_PERCENTILES)))
        found[f"{name}_percentiles"] = {key: value for key, value in described.items() if key.endswith("%")}
    return found


def bins(table: pd.DataFrame) -> dict[str, Any]:
    """Return the tokens of one model divided by entropy, and by probability."""
    return {name: _bins_of(table, column) for name, column in (("entropy", COLUMNS[2]), ("probability", COLUMNS[3]))}


def _bins_of(table: pd.DataFrame, column: str) -> dict[str, Any]:
    """Return the bins of `pd.qcut(…, 10, duplicates="drop")`: where many values are equal there are fewer, of unequal
    size. `shown` are the numbers of the first, the last, and three between."""
    import pandas as pd

    known = table[table[column].notna()]
    bins: list[dict[str, Any]] = []
    if len(known) and known[column].min() < known[column].max():
        which, edges = pd.qcut(known[column], BINS, labels=False, retbins=True, duplicates="drop")
    else:  # all are equal, and qcut would find no bin at all
        which, edges = pd.Series(0, index=known.index), np.repeat(known[column].to_numpy()[:1], 2)
    for number in range(len(edges) - 1):
        rows = known[which == number]
        bins.append(
            {
                "bin": number,
                "low": float(edges[number]),
                "high": float(edges[number + 1]),
                "count": len(rows),
                "mean_entropy": _known(rows["entropy"].mean()),
                "mean_probability": _known(rows["probability_of_next_token"].mean()),
                "next_tokens": _most_frequent(rows, "next"),
                "current_tokens": _most_frequent(rows, "current"),
            }
        )
    count = len(bins)
    shown = sorted({0, count // 4, count // 2, 3 * count // 4, count - 1}) if count else []
    return {"asked_bins": BINS, "bins": count, "shown": shown, "quantiles": bins}


def _most_frequent(rows: pd.DataFrame, side: str) -> list[dict[str, Any]]:
    groups = rows.groupby(f"{side}_token_id", sort=True)
    found = groups.agg(token=(f"{side}_token", "first"), count=(f"{side}_token", "size"))
    found = found.sort_values("count", ascending=False, kind="stable").head(_MOST_NAMED)
    return [
        {"token": str(token), "count": int(count)} for token, count in zip(found["token"], found["count"], strict=True)
    ]


def _plain(described: pd.Series[Any]) -> dict[str, Any]:
    return {str(name): _known(value) for name, value in described.items()}


def _known(value: Any) -> float | None:
    """A number of JSON; None where there is none (the deviation of one value)."""
    return float(value) if np.isfinite(value) else None
