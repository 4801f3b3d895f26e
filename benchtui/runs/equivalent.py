"""The `lm_eval run …` lines that evaluate the same model on the same tasks, for whoever wants to check."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from itertools import groupby

from benchtui.runs.plan import RunPlan, TaskPlan


def equivalent_command(plan: RunPlan, *, dtype: str | None = None, early: bool = False) -> str:
    """A shell script: a line for each number of shots and limit, since lm_eval takes one of each for all its tasks.

    `dtype` is the one in use, once the worker has chosen it; `early` when the run may stop before its last document.
    """
    lines = ["#!/bin/sh", "# The same evaluation with lm-evaluation-harness itself."]
    if early or plan.decide_early is not None:
        lines.append("# With --decide-early, benchtui stops each task once it is decided; this asks every document.")
    if plan.prompts.chat_template:
        lines.append("# lm_eval applies each model's own chat template; benchtui applied the one in plan.json.")
    ordered = sorted(plan.tasks, key=_settings)
    for _, tasks in groupby(ordered, key=_settings):
        lines.append(shlex.join(_line(plan, list(tasks), dtype)))
    return "\n".join(lines) + "\n"


def _settings(task: TaskPlan) -> tuple[str, str]:
    return str(task.num_fewshot), str(task.limit)


def _line(plan: RunPlan, tasks: list[TaskPlan], dtype: str | None) -> list[str]:
    prompts, first = plan.prompts, tasks[0]
    arguments = ["lm_eval", "run", "--model", "hf", "--model_args", ",".join(_model_args(plan, dtype))]
    arguments += ["--tasks", ",".join(task.name for task in tasks)]
    if first.num_fewshot is not None:
        arguments += ["--num_fewshot", str(first.num_fewshot)]
    if first.limit is not None:
        arguments += ["--limit", f"{first.limit:g}"]
    arguments += ["--batch_size", str(plan.batch_size), "--output_path", "lm_eval_output", "--log_samples"]
    if plan.device != "auto":
        arguments += ["--device", plan.device]
    if prompts.chat_template:
        arguments.append("--apply_chat_template")
    if prompts.system_instruction:
        arguments += ["--system_instruction", prompts.system_instruction]
    if prompts.gen_kwargs:
        arguments += ["--gen_kwargs", json.dumps(prompts.gen_kwargs)]
    for folder in plan.include_paths[:1]:  # lm_eval takes one
        arguments += ["--include_path", folder]
    arguments += ["--seed", ",".join(map(str, prompts.seeds))]
    if plan.permissions.remote_code:
        arguments.append("--trust_remote_code")
    if plan.permissions.unsafe_code:
        arguments.append("--confirm_run_unsafe_code")
    return arguments


def _model_args(plan: RunPlan, dtype: str | None) -> Iterator[str]:
    source, prompts = plan.source, plan.prompts
    yield f"pretrained={source.path}"
    if source.revision:
        yield f"revision={source.revision}"
    if source.adapter and source.adapter_on:
        yield f"peft={source.adapter}"
    if source.tokenizer:
        yield f"tokenizer={source.tokenizer}"
    if dtype or prompts.dtype != "auto":
        yield f"dtype={dtype or prompts.dtype}"
    if prompts.max_length:
        yield f"max_length={prompts.max_length}"
    if prompts.enable_thinking is not None:
        yield f"enable_thinking={prompts.enable_thinking}"
    if prompts.think_end_token:
        yield f"think_end_token={prompts.think_end_token}"
    for name, value in prompts.model_args.items():
        yield f"{name}={value}"
