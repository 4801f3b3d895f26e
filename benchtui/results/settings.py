"""The settings of a run that can change its scores, by the names used in messages, whoever made the run."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from benchtui.backends.hybrid import HYBRID
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.results.records import EarlyStop, Setting
from benchtui.results.repeats import Spread
from benchtui.results.routing import RoutedRun
from benchtui.runs.answer_health import TaskHealth
from benchtui.runs.kinds.benchmark.task_data import TaskData
from benchtui.runs.speed import Speed

SCHEMA_VERSION = 1

# What two runs that are compared are meant to differ in.
_IDENTITY = {"model", "model content", "adapter", "tokenizer"}
_PARTS = ("small ", "large ")
"""What the settings of each of two models begin with."""


class Documents(msgspec.Struct):
    done: int
    total: int
    unanswered: list[int] = []


class Block(msgspec.Struct):
    """What benchtui adds to a result file, under the key "benchtui"."""

    schema_version: int = SCHEMA_VERSION
    version: str = ""
    partial: bool = False
    documents: dict[str, Documents] = {}
    health: dict[str, TaskHealth] = {}
    speed: Speed | None = None
    data: dict[str, TaskData] = {}
    resolved: dict[str, Any] = {}
    fingerprint: str = ""
    plan: dict[str, Any] = {}
    decide_early: dict[str, EarlyStop] = {}
    asked: dict[str, list[str]] = {}
    looked_at: tuple[str, ...] | None = None
    repeats: dict[str, dict[str, Spread]] = {}
    routing: RoutedRun | None = None


def run_settings(
    config: dict[str, Any], facts: dict[str, Any], block: Block, plan: BenchmarkPlan | None
) -> tuple[Setting, ...]:
    """Return all settings besides model and tasks that can change a score.

    `config` and `facts` are the result file's "config" and its top level. What lm-eval recorded about the loaded model
    (precision, template, length) replaces what was planned ("auto").
    """
    planned = block.plan or (plan.score_settings() if plan else {})
    told = _from_lm_eval(config, facts)
    if planned.get("backend") == HYBRID.name:
        planned = _of_the_large_one(planned)
        told["backend"] = None
    found = {name: value for name, value in planned.items() if name not in _IDENTITY}
    for name, value in told.items():
        if value is not None or name not in found:
            found[name] = value
    return tuple(Setting(name, _words(name, value)) for name, value in found.items())


def _of_the_large_one(planned: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of two models as those of the large one: runs of them are compared with it, or with each
    other, and are meant to differ in the small one and in who answers what."""
    own = {setting.name for setting in HYBRID.settings}
    shared = {name: value for name, value in planned.items() if name not in own and not name.startswith(_PARTS)}
    large = {name.removeprefix(_PARTS[1]): value for name, value in planned.items() if name.startswith(_PARTS[1])}
    return shared | large


def _from_lm_eval(config: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    arguments = config.get("model_args")
    arguments = arguments if isinstance(arguments, dict) else {}
    dtype = config.get("model_dtype") or arguments.get("dtype")
    return {
        "dtype": str(dtype).removeprefix("torch.") if dtype else None,
        "4-bit": True if arguments.get("load_in_4bit") else None,
        "backend": config.get("model"),
        "chat template": _digest(facts.get("chat_template")),
        "system instruction": facts.get("system_instruction"),
        "generation settings": config.get("gen_kwargs") or None,
        "max length": facts.get("max_length"),
        "multi-turn shots": facts.get("fewshot_as_multiturn"),
        "seeds": _seeds(config),
        "lm-eval": facts.get("lm_eval_version"),
    }


def _seeds(config: dict[str, Any]) -> list[Any] | None:
    names = ("random_seed", "numpy_seed", "torch_seed", "fewshot_seed")
    return [config.get(name) for name in names] if any(name in config for name in names) else None


def _digest(text: object) -> str | None:
    return hashlib.sha256(text.encode()).hexdigest()[:16] if isinstance(text, str) and text else None


def _words(name: str, value: object) -> str:
    if value is None or value is False or value in ({}, [], ""):  # 0 is a value: no size that would not matter
        return "none" if name == "chat template" else "not set"
    if value is True:
        return "on"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
