"""Two models of a finished comparison by token that were not compared with each other: done from what is stored."""

from __future__ import annotations

import msgspec

from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.tokens import supervise
from benchtui.errors import ExitCode, UsageError
from benchtui.plans.plan import Permissions, read_plan, write_plan
from benchtui.plans.tokens import TokensPlan
from benchtui.results.tokens import TokensResults
from benchtui.runs.directory import RunDirectory
from benchtui.runs.lock import FolderLock
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings
from benchtui.text import one_line


def named_pair(found: TokensResults, first: str, second: str) -> tuple[int, int]:
    """Return the numbers of two models by their names. Raises UsageError where the run has no such two, or each of its
    models wrote its own text."""
    labels = found.store.header.labels
    known = ", ".join(one_line(label, 40) for label in labels)
    for name in (first, second):
        if name not in labels:
            raise UsageError(f"{one_line(name, 80)!r} is no model of this run.", f"They are: {known}.")
    if first == second:
        raise UsageError("A model does not differ from itself.", f"Name two of: {known}.")
    if found.store.header.mode == "own":
        raise UsageError(
            "Each model of this run wrote its own text: there is nothing to compare position by position.",
            "`benchtui tokens compare A B` compares models on the same texts.",
        )
    return labels.index(first), labels.index(second)


def compare_pair(found: TokensResults, pair: tuple[int, int], frontend: Frontend, control: Control) -> ExitCode:
    """Compare two models of a run, unless they were, and show it until it ends.

    No model is loaded but output heads, by benchtui's own Python and without any permission: a plan may come from
    anybody. Raises BenchtuiError where the run is in use.
    """
    if pair in found.store.pairs:
        return ExitCode.DONE
    run = RunDirectory(found.run)
    plan = read_plan(run.plan_file, TokensPlan)
    with FolderLock(run.model_lock, plan.model_name):
        more = msgspec.structs.replace(plan, pairs=(*plan.pairs, pair), permissions=Permissions(), python=None)
        write_plan(run.plan_file, more)
        return supervise(run, SuperviseSettings(), frontend, control)
