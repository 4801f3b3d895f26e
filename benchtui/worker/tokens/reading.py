"""What an open model makes of the tokens of some texts, whichever way it tells its distributions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.tokens.modes import Keep
from benchtui.tokens.records import FULL, LIKELIEST, LIKELIEST_IDS, TOP, TextTokens, TokenScores
from benchtui.worker.answering.next_token import Distributions, HidesStates, TopDistributions
from benchtui.worker.answering.protocol import Answering, Observer
from benchtui.worker.not_a_number import NotANumberError
from benchtui.worker.tokens.states import HIDDEN, dtype_of, states_array
from benchtui.worker.tokens.statistics import (
    KnownTokens,
    distributions,
    in_chunks,
    likeliest,
    rows_at_once,
    token_scores,
)
from benchtui.worker.tokens.windows import windows_of


@dataclass(frozen=True)
class Found:
    """The numbers of the scored tokens of some texts, in order; what else is kept of each; the greatest probability of
    ids that are no tokens; and the precision of hidden states ("" where none are kept)."""

    scores: TokenScores
    more: dict[str, NDArray[Any]]
    removed: float
    dtype: str = ""


@dataclass(frozen=True)
class ModelReader:
    """An open model, the ids that its tokenizer knows, and what is kept of each position."""

    answering: Answering
    known: KnownTokens
    keep: Keep
    top_k: int

    def read(self, texts: Sequence[TextTokens], observer: Observer) -> Found:
        """Score all tokens of these texts that are to be scored.

        Raises NotANumberError whose `request` is (number of the text,), BatchTooLargeError, OutOfMemoryError, and what
        the observer raises.
        """
        pieces = _pieces(texts, self.answering.facts.context_length)
        whole = isinstance(self.answering, HidesStates | Distributions)
        # What tells both needs a request a token for the whole, and one a text for the likeliest.
        if isinstance(self.answering, TopDistributions) and (self.keep == "topk" or not whole):
            return _from_tops(self.answering, pieces, self.keep, self.top_k, observer)
        if whole:
            return self._from_distributions(pieces, observer)
        raise _gives_none(self.answering)

    def _from_distributions(self, pieces: Sequence[_Piece], observer: Observer) -> Found:
        ids = np.concatenate([piece.ids[piece.first :] for piece in pieces]) if pieces else np.zeros(0, np.int32)
        owner = np.repeat([piece.text for piece in pieces], [piece.scored for piece in pieces])

        def score(chunk: _Chunk, rows: slice) -> Found:
            observer.check()
            found = distributions(chunk.logits, self.known)
            _check_numbers(found.logsumexp, owner[rows])
            scores = token_scores(found, ids[rows])
            if not chunk.raw:
                scores.logsumexp[:] = np.nan
            kept = self.keep == "hidden" and chunk.states is not None
            dtype = dtype_of(chunk.states) if kept and chunk.states is not None else ""
            return Found(scores, self._kept(chunk, found.logprobs), float(found.removed.max()), dtype)

        if hides_states(self.answering):
            return _joined(list(_of_states(self.answering, pieces, score, observer)))
        assert isinstance(self.answering, Distributions)  # noqa: S101 - `read` asked
        return _joined(list(_of_logprobs(self.answering, pieces, score, observer)))

    def _kept(self, chunk: _Chunk, logprobs: torch.Tensor) -> dict[str, NDArray[Any]]:
        if self.keep == "hidden" and chunk.states is not None:
            return {HIDDEN: states_array(chunk.states)}
        if self.keep == "full":
            return {FULL: logprobs.half().cpu().numpy()}
        if self.keep == "topk":
            values, ids = likeliest(logprobs, self.top_k)
            return {LIKELIEST: values, LIKELIEST_IDS: ids}
        return {}


def hides_states(answering: Answering) -> TypeGuard[HidesStates]:
    """Whether this model's hidden states can be had apart from its output head."""
    return isinstance(answering, HidesStates) and not answering.why_no_states()


def kept_of(answering: Answering, wanted: Keep) -> Keep:
    """Return what can be kept of an open model's positions: of one that tells no hidden states its log-probabilities,
    of one that tells the likeliest tokens only, or more at a request a token, those.

    Raises BenchtuiError where it tells no distribution.
    """
    if hides_states(answering):
        return wanted
    if isinstance(answering, Distributions):
        if wanted != "hidden":
            return wanted
        return "topk" if isinstance(answering, TopDistributions) else "full"
    if isinstance(answering, TopDistributions):
        return "topk" if wanted != "scalars" else wanted
    raise _gives_none(answering)


def _gives_none(answering: Answering) -> BenchtuiError:
    return BenchtuiError(
        f"The {answering.facts.backend} backend tells no distribution of the next token.", "Choose another backend."
    )


# Pieces: texts, or windows of them.


@dataclass(frozen=True)
class _Piece:
    """Tokens that are read together: those from `first` on are scored; `text` is the number of their text."""

    text: int
    ids: NDArray[np.int32]
    first: int

    @property
    def scored(self) -> int:
        return len(self.ids) - self.first


def _pieces(texts: Sequence[TextTokens], longest: int) -> list[_Piece]:
    return [
        _Piece(number, text.ids[window.begin : window.end], window.first - window.begin)
        for number, text in enumerate(texts)
        for window in windows_of(text, longest)
    ]


# Chunks of logits.


@dataclass(frozen=True)
class _Chunk:
    """Logits of consecutive scored tokens, with the hidden states that they are computed from; log-probabilities where
    `raw` is False."""

    logits: torch.Tensor
    states: torch.Tensor | None = None
    raw: bool = True


_Score = Callable[[_Chunk, slice], Found]


def _of_states(answering: HidesStates, pieces: Sequence[_Piece], score: _Score, observer: Observer) -> Iterator[Found]:
    """The states of all pieces first, in the order of the pieces, then the output head in chunks."""
    begins = np.concatenate(([0], np.cumsum([piece.scored for piece in pieces], dtype=np.int64)))
    states: torch.Tensor | None = None
    asked = [(piece.ids.tolist(), piece.first) for piece in pieces]
    for number, found in answering.hidden_states(asked, observer):
        if states is None:
            states = torch.empty((int(begins[-1]), found.states.shape[1])).to(found.states)
        begin = int(begins[number]) + found.first - pieces[number].first
        states[begin : begin + len(found.states)] = found.states
    if states is None:
        return
    whole = states
    rows = rows_at_once(whole.device.type, answering.head_logits(whole[:1]).shape[1])

    def compute(part: slice) -> Found:
        observer.tokens(0)  # a sign of life: the tokens themselves were counted when they were read
        return score(_Chunk(answering.head_logits(whole[part]), whole[part]), part)

    yield from in_chunks(len(whole), rows, compute)


def _of_logprobs(
    answering: Distributions, pieces: Sequence[_Piece], score: _Score, observer: Observer
) -> Iterator[Found]:
    done = 0
    for piece in pieces:
        asked = piece.ids[:-1].tolist()  # the token behind the last one is not scored
        for told in answering.distributions(asked, piece.first, observer):
            whole, begin = torch.from_numpy(told.logprobs), done
            rows = rows_at_once("cpu", whole.shape[1])
            done += len(whole)
            yield from in_chunks(len(whole), rows, partial(_score_logprobs, score, whole, begin))


def _score_logprobs(score: _Score, logprobs: torch.Tensor, begin: int, part: slice) -> Found:
    return score(_Chunk(logprobs[part], raw=False), slice(begin + part.start, begin + part.stop))


def _check_numbers(logsumexp: torch.Tensor, owner: NDArray[Any]) -> None:
    """Raises NotANumberError naming the text of the first row that is none."""
    wrong = torch.nonzero(~torch.isfinite(logsumexp))
    if len(wrong):
        raise NotANumberError(request=(int(owner[int(wrong[0, 0])]),))


def _from_tops(
    answering: TopDistributions, pieces: Sequence[_Piece], keep: Keep, top_k: int, observer: Observer
) -> Found:
    k = max(TOP, top_k) if keep == "topk" else TOP
    parts: dict[int, Found] = {}
    for number, told in answering.top_logprobs([(piece.ids.tolist(), piece.first) for piece in pieces], k, observer):
        unknown = np.full(len(told.given), np.nan, np.float32)
        ids, logprobs = _wide(told.ids, k, -1), _wide(told.logprobs, k, -np.inf)
        scores = TokenScores(
            told.given, unknown, told.rank, ids[:, :TOP].copy(), logprobs[:, :TOP].copy(), unknown.copy()
        )
        more = {LIKELIEST: logprobs, LIKELIEST_IDS: ids} if keep == "topk" else {}
        parts[number] = Found(scores, more, 0.0)
    return _joined([parts[number] for number in range(len(pieces))])


def _wide(values: NDArray[Any], k: int, missing: float) -> NDArray[Any]:
    """The first k columns; `missing` where there are fewer."""
    found: NDArray[Any] = np.pad(values[:, :k], ((0, 0), (0, max(0, k - values.shape[1]))), constant_values=missing)
    return found


def _joined(parts: Sequence[Found]) -> Found:
    if not parts:
        return Found(_nothing(), {}, 0.0)
    joined = {
        one.name: np.concatenate([getattr(part.scores, one.name) for part in parts]) for one in fields(TokenScores)
    }
    more = {name: np.concatenate([part.more[name] for part in parts]) for name in parts[0].more}
    return Found(TokenScores(**joined), more, max(part.removed for part in parts), parts[0].dtype)


def _nothing() -> TokenScores:
    none, lists = np.zeros(0, np.float32), np.zeros((0, TOP), np.float32)
    ids = np.zeros(0, np.int32)
    return TokenScores(none, none, ids, lists.astype(np.int32), lists, none)
