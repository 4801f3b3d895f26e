"""What a comparison by token found, as summary.json holds it: every report and screen is made from this and the store.

Everything is in nats. Tokens of one text are not independent: every interval takes the `group` of a document as one
unit (a ratio of sums over groups, its error clustered by group).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchtui.files import write_run_file
from benchtui.tokens.modes import Bound, Change, Mode

SUMMARY = "summary.json"
"""Its name in the store's folder."""


class Estimate(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mean over `n` tokens of `groups` groups, with its standard error and 95 % interval; those are None where there
    are fewer than two groups, `value` where there is nothing to average."""

    value: float | None
    n: int
    groups: int
    stderr: float | None = None
    low: float | None = None
    high: float | None = None


class Spread(msgspec.Struct, frozen=True, omit_defaults=True):
    """Quantiles over all tokens, by their names ("5%", "50%", "99.9%"), the greatest value, and how many values were
    infinite and are left out of everything else."""

    quantiles: dict[str, float]
    largest: float
    infinite: int = 0


class WriterStatistics(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model over those of the texts that `writer` wrote: a model's label, "reference", or "" where it is not
    known."""

    writer: str
    documents: int
    surprisal: Estimate
    perplexity: Estimate


class ModelStatistics(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model: `surprisal` is -ln p of the text's tokens, `perplexity` its exponential with the interval's; nats per
    byte count the bytes of the scored text only. `uncertainty` is the entropy of the ten likeliest tokens,
    renormalised, by ln 10; `margin` the difference of the two greatest probabilities. `by_writer` is there where one of
    the compared models wrote some of the texts: each finds its own likelier than another does.
    """

    label: str
    documents: int
    positions: int
    surprisal: Estimate
    perplexity: Estimate
    nats_per_byte: Estimate
    entropy: Estimate
    uncertainty: Estimate
    margin: Estimate
    entropies: Spread
    removed: float = 0.0
    by_writer: tuple[WriterStatistics, ...] = ()


class PairStatistics(msgspec.Struct, frozen=True, omit_defaults=True):
    """Two models over the same tokens, the reference first: the divergences as means and quantiles; `same_top` the
    share of tokens where both find the same one likeliest; `delta_p` the change of the text's own token's probability
    (`delta_p_rms` its root mean square); `delta_logprob` that of its logarithm; `perplexity_ratio` second by first.
    `shifted` are URIAL's shares: rank 1, 2 to 3, above. `by_position` has the mean JS of the answers' tokens 1, 2, 3 to
    4, 5 to 8 …, each with the first position it covers."""

    first: int
    second: int
    bound: Bound
    kl: Estimate
    kl_reverse: Estimate
    js: Estimate
    tv: Estimate
    same_top: Estimate
    delta_p: Estimate
    delta_p_rms: Estimate
    delta_logprob: Estimate
    perplexity_ratio: Estimate
    spreads: dict[str, Spread]
    unshifted: float
    marginal: float
    shifted: float
    by_position: tuple[tuple[int, Estimate], ...] = ()


class Place(msgspec.Struct, frozen=True):
    """A scored token: the number of its document, and its place among the document's scored tokens, from 0."""

    document: int
    position: int


class Replacement(msgspec.Struct, frozen=True, omit_defaults=True):
    """How often the first model's likeliest token was one and the second's another, in how many groups, with the total
    JS there and some places. `clear` counts the times when the JS was at least half of its greatest value, ln 2 / 2:
    elsewhere both tokens may be nearly as likely in either model."""

    first_id: int
    second_id: int
    first: str
    second: str
    count: int
    groups: int
    js: float
    places: tuple[Place, ...] = ()
    clear: int = 0


class ClassStatistics(msgspec.Struct, frozen=True, omit_defaults=True):
    """Two models over the tokens of one class."""

    name: str
    tokens: int
    same_top: Estimate
    js: Estimate
    delta_logprob: Estimate
    entropy_first: Estimate
    entropy_second: Estimate


class TokenChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """One token of the texts, all its occurrences together: the sum of ln p(second) - ln p(first); above 0 it was
    learnt, below forgotten."""

    token_id: int
    token: str
    count: int
    total: float
    places: tuple[Place, ...] = ()


class Parting(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where two models part: by class of token, the most frequent replacements, what was learnt and forgotten, the
    tokens of greatest JS, and silent errors: the first model is sure (entropy in its lowest fifth) and the second
    differs (KL in its highest twentieth)."""

    first: int
    second: int
    classes: tuple[ClassStatistics, ...]
    replacements: tuple[Replacement, ...]
    learnt: tuple[TokenChange, ...]
    forgotten: tuple[TokenChange, ...]
    furthest: tuple[Place, ...]
    silent: tuple[Place, ...] = ()
    silent_share: float = 0.0


class FlippedDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A document that changed side, by the first of its texts: where the likeliest tokens of the models differ first
    among the scored ones (None: nowhere), and the mean JS before the part that was scored, over all its texts (None
    where nothing stands before it; of the whole answers to a task where that is so in all of them)."""

    document: int
    change: Change
    parts_at: int | None
    js_before: float | None


class Flips(msgspec.Struct, frozen=True, omit_defaults=True):
    """The documents that changed side, one a group, against those that did not: `p` of the Mann-Whitney test on the
    mean JS before the part that was scored, one value a group, compared within each task; None where one side has none.
    `larger` is the share of pairs (flipped, not flipped) of a task in which the flipped one has the greater JS.
    `replacements` are those of all texts of the flipped documents."""

    first: int
    second: int
    flipped: tuple[FlippedDocument, ...]
    unflipped: int
    p: float | None
    larger: float | None
    replacements: tuple[Replacement, ...] = ()


class SpanStatistics(msgspec.Struct, frozen=True, omit_defaults=True):
    """Two models whose tokenizers differ: surprisal between the boundaries that both have, in nats per byte; `why`
    names the first id that differs."""

    first: int
    second: int
    why: str
    spans: int
    bytes: int
    first_nats: Estimate
    second_nats: Estimate
    difference: Estimate


class TokensSummary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything found. `notes` are sentences to be read beside the numbers."""

    mode: Mode
    texts: str
    documents: int
    models: tuple[ModelStatistics, ...]
    pairs: tuple[PairStatistics, ...] = ()
    partings: tuple[Parting, ...] = ()
    flips: Flips | None = None
    spans: tuple[SpanStatistics, ...] = ()
    notes: tuple[str, ...] = ()
    schema: int = 1


def write_summary(folder: Path, summary: TokensSummary) -> None:
    """Write summary.json into the folder of a store. Raises OSError where that fails."""
    write_run_file(folder / SUMMARY, msgspec.json.format(msgspec.json.encode(summary), indent=2))


def read_summary(folder: Path) -> TokensSummary:
    """Read summary.json from the folder of a store. Raises BenchtuiError where there is none, or it is damaged."""
    from benchtui.tokens.arrays import read_record

    found: TokensSummary = read_record(folder / SUMMARY, TokensSummary, "compared")
    return found
