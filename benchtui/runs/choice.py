"""What the user chose, from flags, environment and files: the plan before anything was looked up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchtui.runs.plan import Permissions

DECIDE_DELTA = 2.0
"""Points that would not matter, where nobody says otherwise."""

ChatTemplate = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class BenchPlan:
    """One `benchtui run`: which model against which base, on what, how.

    `model` None is the newest one; `tasks` replace `suite` when given. `limit` and `num_fewshot` override every task's
    own (a `limit` of infinity: every document); `default_limit` and `default_num_fewshot` stand in where a suite's task
    has none. `timeout` in seconds without a sign of life, None for none; `decide_early` is the difference in points
    that would not matter, None to evaluate every document, and `default_decide_early` says that a file would have it
    decided early; `seeds` are lm-eval's python, numpy, torch and few-shot seeds.
    """

    outputs: Path
    model: str | None = None
    base: str | None = None
    compare: bool = True
    rerun_base: bool = False
    backend: str = "hf"
    engine: str = "fast"
    format: str | None = None
    suite: str = "quick"
    tasks: tuple[str, ...] = ()
    include_paths: tuple[Path, ...] = ()
    limit: float | None = None
    num_fewshot: int | None = None
    default_limit: float | None = None
    default_num_fewshot: int | None = None
    chat_template: ChatTemplate = "auto"
    system_instruction: str | None = None
    gen_kwargs: dict[str, Any] = field(default_factory=dict)
    enable_thinking: bool | None = None
    think_end_token: str | None = None
    max_length: int | None = None
    batch_size: int | Literal["auto"] = "auto"
    dtype: str = "auto"
    device: str = "auto"
    model_args: dict[str, Any] = field(default_factory=dict)
    seeds: tuple[int, int, int, int] = (0, 1234, 1234, 1234)
    decide_early: float | None = None
    default_decide_early: bool = False
    timeout: float | None = None
    skip_stalled: bool = False
    offline: bool = False
    permissions: Permissions = field(default_factory=Permissions)
    command: tuple[str, ...] = ()
