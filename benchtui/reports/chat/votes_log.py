"""Writes the blind votes that were ended: beside the experiment log, and into READMEs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from benchtui.compare.history.votes import EndedVote
from benchtui.reports.chat.votes import ALIGNED, HEADER, pair_cells, table_of, votes_lines, votes_record
from benchtui.reports.exports import cell
from benchtui.reports.markdown import escape, table
from benchtui.reports.readme.published import published
from benchtui.reports.wording.glyphs import UNICODE, Glyphs
from benchtui.text import one_line

if TYPE_CHECKING:
    from rich.table import Table


def history_table(ended: Sequence[EndedVote], glyphs: Glyphs = UNICODE) -> Table:
    """Return the blind votes as the experiment log has them: a row for each pair of models of each vote."""
    return table_of(("Blind vote", *HEADER), f"l{ALIGNED}", _history_rows(ended, glyphs))


def history_markdown(ended: Sequence[EndedVote]) -> str:
    """Return the same as a Markdown table."""
    rows = [[escape(cell) for cell in row] for row in _history_rows(ended, UNICODE)]
    return table(["Blind vote", *HEADER], rows, f"l{ALIGNED}") + "\n"


def _history_rows(ended: Sequence[EndedVote], glyphs: Glyphs) -> Iterator[tuple[str, ...]]:
    for one in ended:
        when = one_line(one.run.path.name.replace("T", " "), 30)
        for pair in one.votes.pairs if one.votes else ():
            yield (when, *pair_cells(pair, glyphs))


def history_records(ended: Sequence[EndedVote]) -> list[dict[str, Any]]:
    """Return the votes for scripts."""
    return [
        {
            "run": str(one.run.path),
            "model": one.model,
            "note": one.note,
            "problem": one.problem,
            **(votes_record(one.votes) if one.votes is not None else {}),
        }
        for one in ended
    ]


def history_csv(ended: Sequence[EndedVote]) -> str:
    """Return one line a vote and pair of models; shares from 0 to 1."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    facts = ("first", "second", "wins", "ties", "losses", "share", "p", "p_holm")
    writer.writerow(["run", *facts, "low", "high", "shown_before", "note"])
    for one in ended:
        for pair in one.votes.pairs if one.votes else ():
            found = {**msgspec.to_builtins(pair), "share": pair.share}
            ends = (pair.interval.low, pair.interval.high)
            before = len(one.votes.shown_before) if one.votes else 0
            writer.writerow(
                [cell(str(one.run.path)), *(cell(found[name]) for name in facts), *ends, before, cell(one.note)]
            )
    return buffer.getvalue()


def votes_part(ended: Sequence[EndedVote]) -> str:
    """Return the votes as a part of a README's section; "" without any."""
    counted = [one for one in ended if one.votes and one.votes.pairs]
    if not counted:
        return ""
    said = [line for one in counted for line in _said(one)]
    rows = [[escape(published(text)) for text in row] for row in _history_rows(counted, UNICODE)]
    return f"### Blind votes\n\n{table(['Date', *HEADER], rows, f'l{ALIGNED}')}\n\n" + "\n".join(said)


def _said(one: EndedVote) -> Iterator[str]:
    day = one_line(one.run.path.name)[:10]
    for line in votes_lines(one.votes) if one.votes else ():
        yield f"- {escape(f'{day}: {published(line)}', 1000)}"
