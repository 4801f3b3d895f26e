"""Writes the result of a blind vote: lines and a table for the terminal, and JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from benchtui.compare.votes import BlindVotes, PairVotes
from benchtui.compare.wording import p_number
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.reports.wording.verdicts import SHORT_WORDS, verdict_glyph
from benchtui.reports.wording.votes import sentence, verdict_of, vote_notes
from benchtui.text import one_line

if TYPE_CHECKING:
    from rich.table import Table

HEADER = ("Model", "Against", "Wins", "Ties", "Losses", "Won", "95 % CI", "p", "Verdict")
ALIGNED = "llrrrrrrl"


def votes_table(pairs: Sequence[PairVotes], glyphs: Glyphs = UNICODE) -> Table:
    """Return a row for each pair of models."""
    return table_of(HEADER, ALIGNED, (pair_cells(pair, glyphs) for pair in pairs))


def table_of(header: Sequence[str], aligned: str, rows: Iterable[Sequence[str]]) -> Table:
    """Return a table of such rows, which fits into 80 columns: no heading, number or date is broken within a word.
    `aligned` has l or r for each column."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for name, side in zip(header, aligned, strict=True):
        number = side == "r"
        made.add_column(
            name,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number,
            min_width=None if number else len(name),
        )
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def pair_cells(pair: PairVotes, glyphs: Glyphs = UNICODE) -> tuple[str, ...]:
    """Return what the columns of HEADER hold for a pair of models."""
    share = "" if pair.share is None else f"{100 * pair.share:.1f}%"
    interval = "" if pair.share is None else f"{100 * pair.interval.low:.1f} to {100 * pair.interval.high:.1f}"
    kind = verdict_of(pair)
    verdict = f"{verdict_glyph(kind, glyphs)} {SHORT_WORDS[kind]}"
    counts = (f"{pair.wins:,}", f"{pair.ties:,}", f"{pair.losses:,}")
    return (
        one_line(pair.first, 60), one_line(pair.second, 60), *counts, share, interval, p_number(pair.p_holm), verdict
    )  # fmt: skip


def single_votes(votes: BlindVotes, prompts: Mapping[int, str]) -> Table:
    """Return a row for each vote: who was left and who right, and which was better. `prompts` by their turns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), expand=True)
    made.add_column("Prompt", ratio=2, no_wrap=True)
    for name in ("Left", "Right", "Better"):
        made.add_column(name, ratio=1, no_wrap=True)
    for vote in votes.votes:
        left, right = (one_line(votes.models[side], 60) for side in (vote.first, vote.second))
        better = {"first": left, "second": right}.get(vote.choice, "tie")
        made.add_row(*(Text(cell) for cell in (one_line(prompts.get(vote.turn, ""), 200), left, right, better)))
    return made


def votes_lines(votes: BlindVotes) -> Iterator[str]:
    """Yield what the votes show, a sentence for each pair, and what a reader must know beside."""
    yield from map(sentence, votes.pairs)
    if votes.pairs:
        yield from vote_notes(votes)


def votes_record(votes: BlindVotes) -> dict[str, Any]:
    """Return the result for scripts: shares from 0 to 1."""
    return {
        "models": list(votes.models),
        "votes": len(votes.votes),
        "skipped": votes.skipped,
        "shown_before": list(votes.shown_before),
        "pairs": [
            {**msgspec.to_builtins(pair), "share": pair.share, "verdict": sentence(pair)} for pair in votes.pairs
        ],
    }
