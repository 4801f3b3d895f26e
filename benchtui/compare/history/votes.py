"""The blind votes that were ended, of one model or of all: kept in the chats below outputs/."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchtui.compare.history.notes import read_note
from benchtui.compare.votes import BlindVotes, read_votes, votes_file
from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.kind import CHAT
from benchtui.runs.known import KnownRun, known_runs, model_runs


@dataclass(frozen=True)
class EndedVote:
    """A blind vote whose result was shown: `name` is what to type to mean its chat. `problem` says why its result
    cannot be read; `votes` is then None."""

    run: RunDirectory
    model: str
    name: str
    note: str
    votes: BlindVotes | None
    problem: str = ""


def model_votes(model: Path, name: str | None = None) -> list[EndedVote]:
    """Return the votes in one model folder, the oldest first. `name` is what the model is called."""
    return _ended(list(model_runs(model, name)))


def all_votes(outputs: Path) -> list[EndedVote]:
    """Return the votes of every model in `outputs`, the oldest first. Raises UsageError when there is no such
    folder."""
    return _ended(known_runs(outputs))


def _ended(runs: list[KnownRun]) -> list[EndedVote]:
    chats = [known for known in runs if known.run.path.parent.name == CHAT.folder and votes_file(known.run).is_file()]
    return [_read(known) for known in sorted(chats, key=lambda known: (known.run.path.name, known.name))]


def _read(known: KnownRun) -> EndedVote:
    run, note = known.run, read_note(known.run)
    try:
        return EndedVote(run, known.model, known.name, note, read_votes(run))
    except BenchtuiError as error:
        return EndedVote(run, known.model, known.name, note, None, error.what)
