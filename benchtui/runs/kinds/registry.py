"""Finding a kind of run by its name.

To add a kind: describe it in a folder beside `benchmark/` and add it to `BUILT_IN`; or, in a package of its own, name
the description in the entry-point group `benchtui.kinds` (`words = "package.module:WORDS"`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchtui.errors import BenchtuiError
from benchtui.plans.plan import Plan, read_plan, read_plan_as
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.benchmark.kind import BENCHMARK
from benchtui.runs.kinds.chat.kind import CHAT
from benchtui.runs.kinds.kind import Kind, unknown_kind
from benchtui.runs.kinds.sweep.kind import SWEEP
from benchtui.runs.kinds.switching.kind import SWITCHING
from benchtui.runs.kinds.tokens.kind import TOKENS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN: Mapping[str, Kind] = MappingProxyType(
    {kind.name: kind for kind in (BENCHMARK, TOKENS, SWITCHING, SWEEP, CHAT)}
)
GROUP = "benchtui.kinds"


@cache
def find_kind(name: str) -> Kind:
    """The kind called `name`; one of which nothing is known where this version does not have it. Installed packages are
    searched only when it is none of our own.

    Raises BenchtuiError when an installed one cannot be imported.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    from importlib.metadata import entry_points  # takes longer to import than all of this file's own kinds

    for entry in entry_points(group=GROUP, name=name):
        return _loaded(entry)
    return unknown_kind(name)


def kind_of(run: RunDirectory) -> Kind:
    """The kind of a run. Raises BenchtuiError when its plan cannot be read."""
    return find_kind(run.header().kind)


def read_kind(run: RunDirectory) -> tuple[Kind, Plan]:
    """The kind of a run, and its plan, of that kind's type. Raises BenchtuiError when it cannot be read."""
    plan = read_plan_as(run.plan_file, lambda kind: find_kind(kind).plan)
    return find_kind(plan.kind), plan


def kind_of_events(events: Path) -> Kind | None:
    """The kind of the run that an events file belongs to, by the plan in run/; None where that cannot be read, or not
    yet."""
    for folder in (events.parent, events.parent.parent.parent):  # of a run with several workers: run/shards/0/
        if (folder / "plan.json").is_file():
            try:
                return find_kind(read_plan(folder / "plan.json", Plan).kind)
            except BenchtuiError:
                return None
    return None


def _loaded(entry: EntryPoint) -> Kind:
    try:
        found = entry.load()
    except Exception as error:  # whatever the package does when it is imported
        raise BenchtuiError(
            f"The kind of run {entry.name} ({entry.value}) cannot be imported: {type(error).__name__}: {error}",
            "Install its package again.",
        ) from error
    if not isinstance(found, Kind):
        raise BenchtuiError(
            f"The kind of run {entry.name} ({entry.value}) is no description of a kind.", "Update its package."
        )
    return found
