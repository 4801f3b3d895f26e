"""The chats that are kept below outputs/, for a list to choose from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import open_regular_file
from benchtui.plans.chat import ChatPlan
from benchtui.plans.plan import read_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.find import find
from benchtui.runs.kinds.chat.asked import Turn, asked_file
from benchtui.runs.kinds.chat.kind import CHAT
from benchtui.runs.kinds.registry import read_kind
from benchtui.runs.known import KnownRun, begun, known_runs, model_runs, shown_name
from benchtui.runs.outcome import as_argument
from benchtui.runs.records import RunState, run_state
from benchtui.text import one_line

HEAD = 64 * 1024
"""Bytes of a chat that are read for how it begins."""
_TURN = b'{"asked":"turn"'


@dataclass(frozen=True)
class KeptChat:
    """A chat: `name` is what to type to mean it, `models` are what they are called, `begins` the first words in it,
    `changed` when something was last said, in seconds since the epoch."""

    run: RunDirectory
    name: str
    models: tuple[str, ...]
    begins: str
    changed: float
    state: RunState
    blind: bool = False

    @property
    def open(self) -> bool:
        """Whether somebody has it open."""
        return self.state == "running"


def find_chats(outputs: Path) -> list[KeptChat]:
    """Return the chats below `outputs`, the one talked in last first. Left out are those in which nothing was said, and
    those whose plan cannot be read: `benchtui runs` says what is wrong with them. Raises UsageError where there is no
    such folder."""
    return _kept(known_runs(outputs))


def find_chat(outputs: Path, name: str) -> RunDirectory:
    """Return the chat that `name` means, of a model's chats the one talked in last. Raises BenchtuiError where there is
    none, UsageError for a run of another kind."""
    named = find(outputs, name)
    if named.run is not None:
        chat_plan(named.run)
        return named.run
    assert named.model is not None  # noqa: S101 - no run was named: a model was
    chats = _kept(model_runs(named.model))
    if not chats:
        shown = one_line(named.model.name, 100)
        raise BenchtuiError(f"There is no chat with {shown} yet.", f"Begin one: benchtui chat {as_argument(shown)}")
    return chats[0].run


def chat_plan(run: RunDirectory) -> ChatPlan:
    """Return the plan of a chat. Raises UsageError for a run of another kind, BenchtuiError for what cannot be read."""
    kind, plan = read_kind(run)
    if not isinstance(plan, ChatPlan):
        raise UsageError(
            f"{shown_name(run)} is a run of the kind {one_line(kind.name, 40)}, and no chat.",
            "`benchtui runs` lists all runs.",
        )
    return plan


def _kept(runs: Iterable[KnownRun]) -> list[KeptChat]:
    found = []
    for known in runs:
        run = known.run
        if known.problem or run.path.parent.name != CHAT.folder:
            continue
        try:
            plan = read_plan(run.plan_file, ChatPlan)
        except BenchtuiError:
            continue
        if begins := _begins(run):
            labels = tuple(one_line(model.label, 60) for model in plan.models)
            found.append(KeptChat(run, known.name, labels, begins, _changed(run), run_state(run), plan.blind))
    return sorted(found, key=lambda chat: (chat.changed, chat.name), reverse=True)


def _begins(run: RunDirectory) -> str:
    """The first message of a chat, "" for none."""
    try:
        with open_regular_file(asked_file(run)) as file:
            lines = file.read(HEAD).splitlines()
    except OSError:
        return ""
    for line in lines:
        try:
            return one_line(msgspec.json.decode(line, type=Turn).text)
        except msgspec.MsgspecError:
            if line.startswith(_TURN) and line is lines[-1]:
                return "(a long message)"
    return ""


def _changed(run: RunDirectory) -> float:
    try:
        return asked_file(run).stat().st_mtime
    except OSError:
        return begun(run)
