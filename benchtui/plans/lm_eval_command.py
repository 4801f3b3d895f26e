"""The `lm_eval run …` lines that evaluate the same model on the same tasks, to check benchtui's results with."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from benchtui.backends.registry import find_backend
from benchtui.models.source import hugging_face
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.settings.values import limit_words
from benchtui.tasks.metrics.own_file import ALLOWED
from benchtui.tasks.suites import TaskPlan

_CONFIG = "$config"
_AS_IT_IS = re.compile(r"[A-Za-z/<][\w./:@+<>|-]{0,300}", re.ASCII)
"""Text that lm_eval reads as that text. Longer text, numbers and what looks like Python are read as something else."""
_OTHER_THAN_TEXT = frozenset({"true", "false", "none", "nan", "inf", "infinity"})


def equivalent_command(
    plan: BenchmarkPlan, *, dtype: str | None = None, device: str | None = None, early: bool = False, devices: int = 1
) -> str:
    """A shell script: a command for each number of shots and limit, since lm_eval takes one of each for all its tasks.

    `dtype` and `device` are those in use, once the worker has chosen them; `early` when the run may stop before its
    last document, `devices` how many hold the model together. A comment where lm-eval has no model that answers as the
    plan's backend does.
    """
    if not find_backend(plan.backend).lm_eval_model:
        return f"#!/bin/sh\n# lm-evaluation-harness has no model that answers as the backend {plan.backend} does.\n"
    lines = ["#!/bin/sh", "# The same evaluation with lm-evaluation-harness itself."]
    if early or plan.decide_early is not None:
        lines.append(
            "# With --decide-early, benchtui stops each task as soon as the result is clear; this asks every sample."
        )
    if plan.prompts.chat_template:
        lines.append("# lm_eval applies each model's own chat template; benchtui applied the one in plan.json.")
    if plan.repeats > 1:
        lines.append(
            f"# benchtui draws {plan.repeats} answers to each sample; lm_eval has no setting for that and asks once."
        )
    if plan.permissions.metric_code:
        lines.append(f"export {ALLOWED}=1")
    several = len(plan.include_paths) > 1
    if several:
        lines += ["# lm_eval takes one --include_path; its configuration file takes several."]
        folders = json.dumps({"include_path": list(plan.include_paths)}, ensure_ascii=False)
        lines += ["config=$(mktemp)", f'printf %s {shlex.quote(folders)} > "{_CONFIG}"']
    for _, tasks in groupby(sorted(plan.tasks, key=_shots_and_limit), key=_shots_and_limit):
        command = shlex.join(_arguments(plan, list(tasks), dtype, device, devices))
        lines.append(f'lm_eval run --config "{_CONFIG}" {command}' if several else f"lm_eval run {command}")
    return "\n".join([*lines, *([f'rm "{_CONFIG}"'] if several else [])]) + "\n"


def _shots_and_limit(task: TaskPlan) -> tuple[str, str]:
    return str(task.num_fewshot), str(task.limit)


def _arguments(
    plan: BenchmarkPlan, tasks: list[TaskPlan], dtype: str | None, device: str | None, devices: int
) -> list[str]:
    prompts, first = plan.prompts, tasks[0]
    arguments = [
        "--model",
        find_backend(plan.backend).lm_eval_model,
        "--model_args",
        _settings(_model_args(plan, dtype) | ({"parallelize": True} if devices > 1 else {})),
    ]
    arguments += ["--tasks", ",".join(task.name for task in tasks)]
    if first.num_fewshot is not None:
        arguments += ["--num_fewshot", str(first.num_fewshot)]
    if first.limit is not None:
        arguments += ["--limit", limit_words(first.limit)]
    arguments += ["--batch_size", str(plan.batch_size), "--output_path", "lm_eval_output", "--log_samples"]
    if device or plan.device != "auto":
        arguments += ["--device", device or plan.device]
    if prompts.chat_template:
        arguments.append("--apply_chat_template")
    if prompts.system_instruction:
        arguments.append(f"--system_instruction={prompts.system_instruction}")  # which may begin with a dash
    if prompts.gen_kwargs:
        arguments += ["--gen_kwargs", _settings(prompts.gen_kwargs)]
    if len(plan.include_paths) == 1:
        arguments += ["--include_path", plan.include_paths[0]]
    arguments += ["--seed", ",".join(map(str, prompts.seeds))]
    if plan.permissions.remote_code:
        arguments.append("--trust_remote_code")
    if plan.permissions.unsafe_code:
        arguments.append("--confirm_run_unsafe_code")
    return arguments


def _model_args(plan: BenchmarkPlan, dtype: str | None) -> dict[str, Any]:
    """What the worker gives lm-eval's model, without what is its default."""
    source, prompts = hugging_face(plan.source), plan.prompts
    tokenizer = source.tokenizer_place
    settings: dict[str, Any] = {
        "pretrained": source.path,
        "revision": source.revision,
        "peft": source.adapter if source.adapter_on else None,
        "tokenizer": tokenizer if tokenizer != source.path else None,
        "dtype": None if source.load_in_4bit else dtype or (prompts.dtype if prompts.dtype != "auto" else None),
        "max_length": prompts.max_length,
        "enable_thinking": prompts.enable_thinking,
        "think_end_token": prompts.think_end_token,
    }
    if not source.adapter and source.local and (Path(source.path) / "adapter_config.json").is_file():
        settings["adapter_kwargs"] = {"subfolder": "not-applied"}  # else transformers puts what lies beside it on top
    return {name: value for name, value in settings.items() if value is not None} | prompts.model_args


def _settings(settings: Mapping[str, Any]) -> str:
    """`key=value` pairs where lm_eval reads them as they are, else JSON, which it reads as it is."""
    if all(_plain(name, value) for name, value in settings.items()):
        return ",".join(f"{name}={value}" for name, value in settings.items())
    return json.dumps(dict(settings), ensure_ascii=False)


def _plain(name: str, value: object) -> bool:
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        return False
    if isinstance(value, str):
        return _AS_IT_IS.fullmatch(value) is not None and value.lower() not in _OTHER_THAN_TEXT
    return value is None or isinstance(value, bool | float) or (isinstance(value, int) and value >= 0)
