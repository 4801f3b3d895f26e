"""The distribution of the next token at every place of a given text, from a GGUF model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.gguf.context import Context, Contexts
from benchtui.worker.answering.gguf.layout import Row, pieces, text_rows
from benchtui.worker.answering.gguf.logits import logprobs
from benchtui.worker.answering.next_token import TokenLogProbs
from benchtui.worker.answering.protocol import Ids, Observer


def check_length(tokens: int, window: int) -> None:
    """Raise BenchtuiError where a text of so many tokens is longer than the model's window."""
    if tokens > window:
        raise BenchtuiError(
            f"A text of {tokens:,} tokens is longer than the model's window of {window:,}.",
            "Shorten the text, or set --max-length if the model can read more.",
        )


def distributions(contexts: Contexts, ids: Ids, first: int, observer: Observer) -> Iterator[TokenLogProbs]:
    """Yield the distributions at the places `first` … `len(ids)` of a text, a chunk at a time.

    What is asked of the same contexts between two chunks costs reading the text again up to there. Raises ValueError
    for a `first` that is not among 1 … len(ids), else as `Distributions.distributions`.
    """
    if not 1 <= first <= len(ids):
        raise ValueError(f"first is {first}: must be 1 to {len(ids)}, the number of tokens")
    return _chunks(contexts, text_rows(ids, 0, wanted_from=first - 1), first, observer)


def _chunks(contexts: Contexts, rows: Sequence[Row], first: int, observer: Observer) -> Iterator[TokenLogProbs]:
    done, place, turn = 0, first, -1
    for piece in pieces(rows, contexts.most_wanted):

        def work(
            cache: Context, piece: Sequence[Row] = piece, before: Sequence[Row] = rows[:done]
        ) -> list[np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
            cache.read_all([replace(row, wanted=False) for row in before], observer)
            return [logprobs(logits) for logits in cache.read(piece, observer)]

        if contexts.turns == turn:
            found = contexts.go_on(lambda cache, work=work: work(cache, before=()))  # type: ignore[misc]
        else:
            found = contexts.run(len(rows), work)
        turn = contexts.turns
        for chunk in found:
            yield TokenLogProbs(place, chunk)
            place += len(chunk)
        done += len(piece)
