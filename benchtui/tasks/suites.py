"""Suites: named lists of tasks, built-in ones, the leaderboards' by the names people use, those of benchtui.toml."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

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


_SECOND = Suite(
    name="open-llm-leaderboard-v2",
    title="Open LLM Leaderboard, version 2",
    description="MMLU-Pro, BIG-Bench Hard, GPQA, MATH (level 5), IFEval and MuSR as the Open LLM Leaderboard ran them "
    "from June 2024 to March 2025: lm-eval's group `leaderboard`, 21,606 samples.",
    tasks=(TaskPlan("leaderboard"),),
    best_for="numbers beside those of the leaderboard",
)
_FIRST = Suite(
    name="open-llm-leaderboard-v1",
    title="Open LLM Leaderboard, version 1",
    description="ARC, HellaSwag, TruthfulQA, MMLU, WinoGrande and GSM8K with the shots of the Open LLM Leaderboard "
    "until June 2024: lm-eval's group `openllm`, 30,293 samples.",
    tasks=(TaskPlan("openllm"),),
    best_for="numbers beside those of older papers",
)
LEADERBOARDS: tuple[Suite, ...] = (_FIRST, _SECOND)
"""Suites that are known by name and not offered in the wizard: each takes hours on a large GPU. The samples are those
of the test splits that the tasks name."""

_OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "open-llm-leaderboard": _SECOND.name,
        "open_llm_leaderboard": _SECOND.name,
        "openllm-leaderboard": _SECOND.name,
        "leaderboard-v1": _FIRST.name,
        "openllm-v1": _FIRST.name,
        "leaderboard-v2": _SECOND.name,
        "openllm-v2": _SECOND.name,
    }
)
"""Other spellings of suites. Without a version the last one is meant."""


def suites(own: Sequence[Suite]) -> dict[str, Suite]:
    """Return all suites by name: the built-in ones, then `own` ones of benchtui.toml (which may replace a built-in)."""
    return {suite.name: suite for suite in (*SUITES, *own)}


def known_suites(own: Sequence[Suite]) -> dict[str, Suite]:
    """Return all suites by name, as `suites` does, and those that are only known by name."""
    offered = suites(own)
    return offered | {suite.name: suite for suite in LEADERBOARDS if suite.name not in offered}


def is_suite(name: str, own: Sequence[Suite]) -> bool:
    """Return whether `find_suite` knows this name."""
    return name in known_suites(own) or name in _OTHER_NAMES


def offered_suites(own: Sequence[Suite], wanted: str) -> tuple[Suite, ...]:
    """Return the suites that a wizard offers: those of `suites`, and `wanted` where it is only known by name."""
    offered = suites(own)
    if wanted in offered or not is_suite(wanted, own):
        return tuple(offered.values())
    return (*offered.values(), replace(find_suite(wanted, own), name=wanted))


def notes_on(meant: Mapping[str, Suite]) -> tuple[str, ...]:
    """Return what is told of suites before they run, by the names they were called by: the leaderboards' are large, and
    a name without a version leaves open which one is meant."""
    notes = []
    for name, suite in meant.items():
        if suite in LEADERBOARDS:
            first = "" if name in (suite.name, "leaderboard-v1", "leaderboard-v2") else f"{name} is {suite.name}. "
            other = " The version before it: open-llm-leaderboard-v1." if first and suite is _SECOND else ""
            notes.append(f"{first}{suite.title}: {suite.description}{other}")
    return tuple(notes)


def find_suite(name: str, own: Sequence[Suite]) -> Suite:
    """Return the suite called `name`. Raises UsageError naming the nearest ones."""
    known = known_suites(own)
    if suite := known.get(name) or known.get(_OTHER_NAMES.get(name, "")):
        return suite
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."
    raise UsageError(f"There is no suite {one_line(name, 40)!r}.", f"{hint} `benchtui suites` describes them.")
