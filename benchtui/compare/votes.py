"""What a blind vote found: wins, losses and ties of each pair of models, the exact sign test, and the share of wins.

Ties are left out of test and interval: they prefer neither. For more than two models the p-values are corrected over
the pairs (Holm).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.evidence.corrections import holm
from benchtui.evidence.records import Interval
from benchtui.files import read_regular, write_run_file
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import Choice
from benchtui.runs.kinds.chat.conversation import Conversation

JUDGED: frozenset[Choice] = frozenset({"first", "second", "tie"})
"""Choices that say something of the two answers."""


class CountedVote(msgspec.Struct, frozen=True):
    """A vote on the answers to a turn: numbers of the models, `first` the one that was shown first (left)."""

    turn: int
    first: int
    second: int
    choice: Choice


class PairVotes(msgspec.Struct, frozen=True):
    """Votes between two models: `wins` prefer the first, `losses` the second. `p` of the two-sided sign test, `p_holm`
    corrected over all pairs (equal for one); `interval` of the share of wins among wins and losses, with 95 %."""

    first: str
    second: str
    wins: int
    losses: int
    ties: int
    p: float
    p_holm: float
    interval: Interval

    @property
    def decided(self) -> int:
        """Votes that prefer one of the two."""
        return self.wins + self.losses

    @property
    def share(self) -> float | None:
        """The share of wins among them, None without any."""
        return self.wins / self.decided if self.decided else None


class BlindVotes(msgspec.Struct, frozen=True):
    """The result of a blind vote, as it is kept in the chat's folder.

    `votes` are single votes in the order of their turns, `skipped` turns that were voted on by none. `shown_at` are the
    numbers of votes at which somebody was shown the result: who votes on after that may stop where the result suits.
    """

    models: tuple[str, ...]
    seed: int
    votes: tuple[CountedVote, ...]
    skipped: int
    pairs: tuple[PairVotes, ...]
    shown_at: tuple[int, ...] = ()

    @property
    def shown_before(self) -> tuple[int, ...]:
        """Numbers of votes at which the result was shown before the last of them was cast."""
        return tuple(at for at in self.shown_at if at < len(self.votes))


def votes_file(run: RunDirectory) -> Path:
    """Return where a chat keeps the result of its blind vote."""
    return run.path / "chat" / "votes.json"


def count_votes(
    conversation: Conversation, models: Sequence[str], seed: int, shown_at: Iterable[int] = ()
) -> BlindVotes:
    """Count what was voted in a chat of models with these labels."""
    found = []
    for turn, vote in sorted(conversation.votes.items()):
        first, second = (conversation.answers[number].asked.model for number in (vote.first, vote.second))
        if first != second:  # two tries of one model say nothing of two models
            found.append(CountedVote(turn, first, second, vote.choice))
    judged = tuple(vote for vote in found if vote.choice in JUDGED)
    pairs = pair_votes(judged, models)
    return BlindVotes(tuple(models), seed, judged, len(found) - len(judged), pairs, tuple(shown_at))


def pair_votes(votes: Sequence[CountedVote], models: Sequence[str]) -> tuple[PairVotes, ...]:
    """Return the votes between each two models, in the order of the models; pairs that were never shown are left
    out."""
    counts: dict[tuple[int, int], Counter[int | None]] = {}
    for vote in votes:
        pair = min(vote.first, vote.second), max(vote.first, vote.second)
        preferred = {"first": vote.first, "second": vote.second}.get(vote.choice)
        counts.setdefault(pair, Counter())[preferred] += 1
    tested = [_tested(counts[pair][pair[0]], counts[pair][pair[1]]) for pair in sorted(counts)]
    corrected = holm([p for p, _ in tested])
    return tuple(
        PairVotes(
            models[first],
            models[second],
            counts[first, second][first],
            counts[first, second][second],
            counts[first, second][None],
            p,
            p_holm,
            interval,
        )
        for (first, second), (p, interval), p_holm in zip(sorted(counts), tested, corrected, strict=True)
    )


def _tested(wins: int, losses: int) -> tuple[float, Interval]:
    """Return the p-value and the interval of the share of wins."""
    from benchtui.evidence.matched_pairs import mcnemar  # numpy, which the person's process does without before
    from benchtui.evidence.shares import clopper_pearson

    return mcnemar(wins, losses), clopper_pearson(wins, wins + losses)


def write_votes(run: RunDirectory, votes: BlindVotes) -> None:
    """Keep the result in the chat's folder. Raises OSError."""
    write_run_file(votes_file(run), msgspec.json.format(msgspec.json.encode(votes), indent=2) + b"\n")


def read_votes(run: RunDirectory) -> BlindVotes | None:
    """Return the result that a chat has kept, None where nobody has voted. Raises BenchtuiError for a damaged file."""
    file = votes_file(run)
    try:
        found = msgspec.json.decode(read_regular(file), type=BlindVotes)
        _check(found)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BenchtuiError(
            f"{file} cannot be read: {error}.", "Delete it, and end the vote again: that writes it anew."
        ) from None
    return found


def _check(found: BlindVotes) -> None:
    """Raise ValueError for votes on models that there are not."""
    for vote in found.votes:
        if not (0 <= vote.first < len(found.models) and 0 <= vote.second < len(found.models)):
            raise ValueError(f"it has a vote on models {vote.first} and {vote.second} of {len(found.models)}")
