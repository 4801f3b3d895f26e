"""Words for what a blind vote shows."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.compare.records import Kind
from benchtui.compare.votes import BlindVotes, PairVotes
from benchtui.compare.wording import p_words
from benchtui.evidence.records import ALPHA
from benchtui.text import one_line

SIGN_TEST_FEWEST = 6
"""Votes from which some outcome has a two-sided p-value below 5 %: all for one model (`matched_pairs.fewest`)."""
ABOUT = "One person voted on these prompts: with other people or other prompts, another model may be preferred."


def verdict_of(pair: PairVotes) -> Kind:
    """Return what is shown of the first model of a pair: better, worse, or neither."""
    if pair.p_holm >= ALPHA or not pair.decided:
        return Kind.NO_DIFFERENCE
    return Kind.BETTER if pair.wins > pair.losses else Kind.WORSE


def sentence(pair: PairVotes) -> str:
    """Return what the votes between two models show, with a full stop."""
    first, second = one_line(pair.first, 60), one_line(pair.second, 60)
    kind = verdict_of(pair)
    if kind is Kind.NO_DIFFERENCE:
        return _nothing_shown(pair, first, second)
    better, worse = (first, second) if kind is Kind.BETTER else (second, first)
    return f"{better} is preferred to {worse}: {_evidence(pair, better, kind is Kind.WORSE)}."


def _nothing_shown(pair: PairVotes, first: str, second: str) -> str:
    names = f"{first} and {second}"
    if not pair.decided:
        return f"No evidence: no vote prefers one of {names}."
    if pair.decided < SIGN_TEST_FEWEST:
        votes = f"{pair.decided} vote{'s' if pair.decided > 1 else ''} that prefer{'' if pair.decided > 1 else 's'} one"
        least = f"{2 * 0.5**pair.decided:.2g}"
        return (
            f"No evidence: {votes} of {names} cannot show a preference; even if all were for the same model, p would "
            f"be {least}."
        )
    by_chance = ", which several pairs show too often by chance" if pair.p < ALPHA else ""
    behind = pair.wins < pair.losses
    return f"Inconclusive: {_evidence(pair, second if behind else first, behind)}{by_chance}."


def _evidence(pair: PairVotes, name: str, of_second: bool) -> str:
    """ "tuned won 21 of 27 (77.8 %, 95 % CI 57.7 to 91.4 %), p = 0.006", with the corrected p where it differs."""
    wins, low, high = pair.wins, pair.interval.low, pair.interval.high
    if of_second:
        wins, low, high = pair.losses, 1 - high, 1 - low
    share = f"{100 * wins / pair.decided:.1f} %, 95 % CI {100 * low:.1f} to {100 * high:.1f} %"
    corrected = ""
    if p_words(pair.p_holm) != p_words(pair.p):
        corrected = ", corrected " + p_words(pair.p_holm).removeprefix("p ").removeprefix("= ")
    ties = "" if not pair.ties else f"; {pair.ties:,} tie{'s' if pair.ties > 1 else ''} left out"
    return f"{name} won {wins:,} of {pair.decided:,} ({share}), {p_words(pair.p)}{corrected}{ties}"


def vote_notes(votes: BlindVotes) -> Iterator[str]:
    """Yield what a reader must know beside the numbers, each with a full stop."""
    yield "Sides were drawn for each prompt, unnamed until the end. p: of the exact two-sided sign test, without ties."
    if len(votes.pairs) > 1:
        yield f"p is corrected for {len(votes.pairs)} pairs (Holm)."
    if votes.skipped:
        yield f"{votes.skipped:,} prompt{'s were' if votes.skipped > 1 else ' was'} skipped."
    if before := votes.shown_before:
        at = ", ".join(f"{number:,}" for number in before[-5:])
        yield (
            f"The result was shown before, at {at} of {len(votes.votes):,} votes: who votes on until it suits finds "
            "small p-values too often."
        )
    yield ABOUT
