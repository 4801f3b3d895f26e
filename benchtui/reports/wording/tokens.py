"""Words and numbers for comparisons by token: units, estimates with intervals, tokens, what has to be known."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from benchtui.compare.wording import p_words
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.text import one_line, printable

if TYPE_CHECKING:
    from benchtui.tokens.records import StoredModel
    from benchtui.tokens.summary import Estimate, Flips, PairStatistics, SpanStatistics, TokensSummary

REMOVED = 1e-6
"""The probability of ids that no token has, from which it is told."""
_LOWER = (
    "Only the likeliest tokens of a model are known: its divergences are lower bounds, the true ones may be greater."
)
_OWN = (
    "Each model wrote its own text: nothing is compared token by token, and no number is subtracted from another "
    "model's."
)
_MINUS = re.compile(r"(?<!e)-")
_ASCII_TOKEN = str.maketrans({"⏎": "\\n", "␍": "\\r", "⇥": "\\t", "⟨": "<", "⟩": ">"})


@dataclass(frozen=True)
class Unit:
    """The unit of information: `factor` times nats. `logarithm` is how its logarithm is written."""

    name: str
    factor: float
    logarithm: str


NATS = Unit("nats", 1.0, "ln")
BITS = Unit("bits", 1 / math.log(2), "log2")


def number(value: float | None, glyphs: Glyphs = UNICODE, *, signed: bool = False) -> str:
    """Return a number with three figures: "0.0313", "−2.31"; "–" where there is none."""
    if value is None or math.isnan(value):
        return "–" if glyphs is UNICODE else "-"
    if math.isinf(value):
        return ("∞" if value > 0 else "−∞") if glyphs is UNICODE else f"{value}"
    size = abs(value)
    if size >= 1000:
        said = f"{value:,.0f}"
    elif size >= 1e-4:
        said = f"{value:.{max(2 - math.floor(math.log10(size)), 0)}f}"
    else:
        said = f"{value:.1e}" if size else "0"
    return _minus(f"+{said}" if signed and value > 0 else said, glyphs)


def estimate_words(
    found: Estimate,
    glyphs: Glyphs = UNICODE,
    *,
    factor: float = 1.0,
    share: bool = False,
    signed: bool = False,
    decimals: int | None = None,
) -> str:
    """Return a mean with its 95 % interval: "0.0313 (0.025 to 0.0376)"; of a `share` in percent, "97.1% (96.5 to
    97.7)"; with `decimals` so many of them instead of three figures."""
    if found.value is None:
        return number(None, glyphs)

    def said(value: float, *, plus: bool = False) -> str:
        if not share and decimals is None:
            return number(factor * value, glyphs, signed=plus)
        places = 1 if decimals is None else decimals
        rounded = round((100 if share else factor) * value, places) + 0.0  # no negative zero
        return _minus(f"{rounded:{'+' if plus else ''}.{places}f}", glyphs)

    value = said(found.value, plus=signed) + ("%" if share else "")
    if found.low is None or found.high is None:
        return value
    return f"{value} ({said(found.low)} to {said(found.high)})"


def _minus(said: str, glyphs: Glyphs) -> str:
    return _MINUS.sub("−", said) if glyphs is UNICODE else said


def quoted(token: str, glyphs: Glyphs = UNICODE) -> str:
    """Return a token between quotation marks, so that its spaces are seen: " 9" with them, line ends as ⏎."""
    from benchtui.tokens.vocabulary import shown_token

    said = shown_token(token)
    return f'"{said if glyphs is UNICODE else said.translate(_ASCII_TOKEN)}"'


def pair_words(first: str, second: str, glyphs: Glyphs = UNICODE) -> str:
    """Return how a pair is called: the model that is judged, against the reference."""
    return f"{one_line(second, 40)} {'‖' if glyphs is UNICODE else '||'} {one_line(first, 40)}"


def place_words(pair: PairStatistics, unit: Unit = NATS, glyphs: Glyphs = UNICODE) -> str:
    """Return the mean JS of the answers' tokens 1, 2, 3 to 4, 5 to 8 …, in one sentence; "" where there are none."""
    least = glyphs.least if pair.bound == "lower" else ""
    told = []
    for begin, found in pair.by_position:
        last = max(2 * begin, 1)
        named = f"{begin + 1}" if last == begin + 1 else f"{begin + 1} to {last}"
        told.append(f"{named}: {least}{number(None if found.value is None else unit.factor * found.value, glyphs)}")
    return f"JS by the place of a token in its answer: {glyphs.dot.join(told)}." if told else ""


def shift_words(pair: PairStatistics) -> str:
    """Return how far the second model's likeliest token is from the first's, in three shares."""
    shares = (pair.unshifted, pair.marginal, pair.shifted)
    one, few, far = (score_words(share, is_share=True, digits=1) for share in shares)
    return (
        f"The second model's likeliest token is the first one's too at {one} of the tokens (unshifted), its 2nd or 3rd "
        f"at {few} (marginal), further down at {far} (shifted)."
    )


def shift_word(rank: int) -> str:
    """Return what it is called that the second model's likeliest token has this rank in the first."""
    return "unshifted" if rank == 1 else "marginal" if rank <= 3 else "shifted"


Scope = Literal["before", "mixed", "whole"]
"""Which tokens the JS of documents that changed side is of: those before the part that was scored; of some tasks those
of the whole answers; of all tasks those of the whole answers."""
_SCOPES: dict[Scope, str] = {
    "before": "Before the part that was scored",
    "mixed": "Before the part that was scored (of some tasks over the whole answers)",
    "whole": "Over the whole answers",
}


def flip_sentences(flips: Flips, scope: Scope = "before") -> Iterator[str]:
    """Yield how many documents changed side, and whether the models differ more there, in tokens of `scope`."""
    fixed = sum(each.change == "fixed" for each in flips.flipped)
    changed = len(flips.flipped)
    sides = f"{fixed:,} fixed, {changed - fixed:,} broken"
    yield f"{changed:,} documents changed side ({sides}), {flips.unflipped:,} did not."
    if flips.p is None or flips.larger is None:
        none = not (changed and flips.unflipped)
        why = "there are none on one side" if none else "nothing that was compared stands before what was scored"
        yield f"Whether the models differ more in them cannot be told: {why}."
        return
    share = score_words(flips.larger, is_share=True, digits=0)
    said = (
        f"{_SCOPES[scope]}, the JS of one that changed is the greater in {share} of all pairs with one of its task "
        f"that did not (Mann-Whitney, {p_words(flips.p)}, one value a document's group)"
    )
    if flips.p >= 0.05:
        yield f"{said}: so many documents do not show that it differs."
    elif scope != "before":
        yield f"{said}: the models differ {'more' if flips.larger > 0.5 else 'less'} in those that changed side."
    elif flips.larger > 0.5:
        yield f"{said}: the models part before they answer."
    else:
        yield f"{said}: before the answer the models part less there; what changed is the answer itself."


def span_sentence(found: SpanStatistics, labels: tuple[str, ...]) -> str:
    """Return what can be said of two models that do not share their tokens."""
    first, second = (one_line(labels[n], 40) for n in (found.first, found.second))
    return (
        f"{first} and {second} do not share their tokens ({one_line(found.why, 200)}), so their distributions are not "
        f"compared. Between the {found.spans:,} boundaries that both have ({found.bytes:,} bytes): "
        f"{estimate_words(found.first_nats)} nats per byte of {first}, "
        f"{estimate_words(found.second_nats)} of {second}, difference {estimate_words(found.difference, signed=True)}."
    )


def notes(summary: TokensSummary, models: tuple[StoredModel, ...] = ()) -> list[str]:
    """Return what has to be known beside the numbers, each a sentence, once."""
    told: dict[str, None] = {}
    if any(pair.bound == "lower" for pair in summary.pairs):
        told[_LOWER] = None
    for model in summary.models:
        if model.removed > REMOVED:
            told[
                f"{one_line(model.label, 60)} gave up to {number(model.removed)} of its probability to ids that no "
                "token has; they are left out."
            ] = None
    infinite = sum(spread.infinite for pair in summary.pairs for spread in pair.spreads.values())
    if infinite:
        told[f"{infinite:,} divergences are infinite and in no mean."] = None
    if summary.mode == "own":
        told[_OWN] = None
    for stored in models:
        for caveat in stored.caveats:
            told[printable(f"{one_line(stored.label, 60)}: {caveat}", 400)] = None
    for note in summary.notes:
        told[printable(note, 400)] = None
    return list(told)


def legend(unit: Unit = NATS, *, pairs: bool = True) -> str:
    """Return what the numbers are; those of pairs where there are `pairs`."""
    said = (
        f"In {unit.name}, at temperature 1. The tokens of one text are not independent: each 95 % interval, in "
        "brackets, takes a document's group as one unit."
    )
    if not pairs:
        return said
    return (
        f"{said} JS 0: the same distribution; {number(unit.factor * math.log(2))}: nothing in common. "
        f"Δ {unit.logarithm} p: of the text's own token, above 0 the second model finds it likelier."
    )
