"""What happens in a comparison by token, beside what happens in every run."""

from __future__ import annotations

from benchtui.runs.events import Event


class TokensPlanned(Event, frozen=True, kw_only=True, tag="tokens-planned"):
    """The texts are settled: so many documents and scored positions for each model, and bytes of the whole store."""

    documents: int
    positions: tuple[int, ...]
    bytes: int


class TokensScored(Event, frozen=True, kw_only=True, tag="tokens-scored"):
    """So many documents of a model (its number), and positions, are scored; the means are over those positions, in
    nats, None where they are not known."""

    model: int
    documents: int
    documents_total: int
    positions: int
    entropy: float | None = None
    surprisal: float | None = None


class TextsWritten(Event, frozen=True, kw_only=True, tag="texts-written"):
    """A model (its number) has written so many of its own texts."""

    model: int
    documents: int


class PairsCompared(Event, frozen=True, kw_only=True, tag="pairs-compared"):
    """So many documents are compared, for all pairs of models; `js` is the mean divergence of the first and the last
    model, in nats."""

    documents: int
    js: float | None = None
