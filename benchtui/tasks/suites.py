"""Suites: named lists of tasks, four built-in ones and those of benchtui.toml."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from benchtui.errors import UsageError
from benchtui.text import one_line

BUILT_IN = "built in"
DEFAULT_SUITE = "quick"


class TaskPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """One task, group or tag as the user asked for it.

    `num_fewshot` None keeps the task's own number. `limit` is a count of documents (>= 1) or a fraction (< 1); None
    means all.
    """

    name: str
    num_fewshot: int | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Suite:
    """`source` is "built in" or the path of the file that defines it."""

    name: str
    title: str
    description: str
    tasks: tuple[TaskPlan, ...]
    best_for: str
    source: str = BUILT_IN


_IFEVAL = TaskPlan("ifeval")
_CORE = (_IFEVAL, TaskPlan("gsm8k", num_fewshot=5), TaskPlan("hellaswag", num_fewshot=0))

SUITES: tuple[Suite, ...] = (
    Suite(
        name="test",
        title="Test",
        description="Five prompts, to see the whole way from model to report. Proves nothing about the model.",
        tasks=(TaskPlan("ifeval", limit=5.0),),
        best_for="trying out the workflow",
    ),
    Suite(
        name="quick",
        title="Quick",
        description="Does the model do what it is told?",
        tasks=(_IFEVAL,),
        best_for="a first answer after training",
    ),
    Suite(
        name="core",
        title="Core",
        description="Instructions, maths and common sense: what was gained, and what was lost elsewhere.",
        tasks=_CORE,
        best_for="a balanced comparison",
    ),
    Suite(
        name="full",
        title="Full",
        description="Core, and knowledge of 57 subjects.",
        tasks=(*_CORE, TaskPlan("mmlu", num_fewshot=5)),
        best_for="complete validation before deployment",
    ),
)


def suites(own: Sequence[Suite]) -> dict[str, Suite]:
    """Return all suites by name: the built-in ones, then `own` ones of benchtui.toml (which may replace a built-in)."""
    return {suite.name: suite for suite in (*SUITES, *own)}


def find_suite(name: str, own: Sequence[Suite]) -> Suite:
    """Return the suite called `name`. Raises UsageError naming the nearest ones."""
    known = suites(own)
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
    raise UsageError(f"There is no suite {one_line(name, 40)!r}.", f"{hint} `benchtui suites` describes them.")
