"""What a blind vote found: what the votes show of each pair of models, and every vote by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from benchtui.compare.votes import read_votes
from benchtui.errors import BenchtuiError
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import read_plan
from benchtui.reports.chat.votes import single_votes, votes_lines, votes_table
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.conversation import read_conversation
from benchtui.runs.known import shown_name
from benchtui.text import one_line
from screens.page import Page
from screens.widgets.plain import Plain

if TYPE_CHECKING:
    from benchtui.compare.votes import BlindVotes


class VoteResult(VerticalScroll, can_focus=True):
    """`show` gives it a result."""

    HELP = "Arrows and page keys scroll."

    def compose(self) -> ComposeResult:
        yield Plain()

    def show(self, found: BlindVotes, prompts: Mapping[int, str]) -> None:
        """Show a result; `prompts` by the numbers of their turns."""
        lines = [Text(line) for line in votes_lines(found)] or [Text("Nobody has voted.")]
        parts: list[RenderableType] = [votes_table(found.pairs), Text(), *lines, Text(), single_votes(found, prompts)]
        self.query_one(Plain).update(Group(*parts))


class EndedVotePage(Page):
    """The result of a blind vote that was ended, as its chat in `run` keeps it."""

    HELP = (
        "What a blind vote found: wins, ties and losses of each pair of models, the share of votes won with its 95 % "
        "interval, the p-value of the exact sign test, and every vote by itself."
    )

    def __init__(self, run: Path) -> None:
        super().__init__()
        self._run = RunDirectory(run)

    def body(self) -> ComposeResult:
        yield VoteResult(id="vote-result")
        yield Plain(id="vote-status")

    def on_mount(self) -> None:
        self.crumbs("Blind vote", self._run.path.name)
        self.query_one(VoteResult).focus()
        run = self._run
        self.load(lambda: _read(run), self._take, group="vote")

    def _take(self, read: tuple[BlindVotes, dict[int, str]]) -> None:
        found, prompts = read
        self.crumbs("Blind vote", " | ".join(one_line(name, 40) for name in found.models), right=self._run.path.name)
        self.query_one(VoteResult).show(found, prompts)
        name = one_line(shown_name(self._run), 200)
        self.query_one("#vote-status", Plain).show(f"benchtui chat --resume {name} opens it.")


def _read(run: RunDirectory) -> tuple[BlindVotes, dict[int, str]]:
    """Return the result of a vote, and the prompts by the numbers of their turns."""
    found = read_votes(run)
    if found is None:
        raise BenchtuiError(f"{shown_name(run)} has no result: its vote was not ended.", "Continue and end it.")
    plan = read_plan(run.plan_file, ChatPlan)
    turns = read_conversation(run, len(plan.models), plan.sampling, plan.system).turns
    return found, {number: turn.text for number, turn in turns.items()}
