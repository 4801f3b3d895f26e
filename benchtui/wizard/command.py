"""A BenchPlan as the `benchtui run` command that means the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from benchtui.runs.choice import DECIDE_DELTA, BenchPlan
from benchtui.settings import limit_words

_DEFAULTS = BenchPlan(outputs=Path("outputs"))


def run_arguments(choice: BenchPlan) -> list[str]:
    """The flags after `benchtui run`: those that differ from the defaults."""
    return [*_what(choice), *_how(choice), *_where(choice)]


def command_line(choice: BenchPlan) -> str:
    """The whole command, quoted for a shell."""
    return shlex.join(["benchtui", "run", *run_arguments(choice)])


def _what(choice: BenchPlan) -> Iterator[str]:
    yield from _value("--outputs", choice.outputs, _DEFAULTS.outputs)
    yield from _value("--model", choice.model, None)
    if choice.compare:
        yield from _value("--base", choice.base, None)
    yield from _switch("--no-base", not choice.compare)
    yield from _switch("--rerun-base", choice.rerun_base)
    yield from _value("--format", choice.format, None)
    if choice.tasks:
        yield from ("--tasks", ",".join(choice.tasks))
    else:
        yield from ("--suite", choice.suite)
    for folder in choice.include_paths:
        yield from ("--include-path", str(folder))
    if choice.limit is not None:
        yield from ("--limit", limit_words(choice.limit))
    if choice.decide_early is not None and choice.compare:
        yield "--decide-early"
        yield from _value("--decide-delta", choice.decide_early, DECIDE_DELTA)
    yield from _switch("--no-decide-early", choice.default_decide_early and choice.decide_early is None)


def _how(choice: BenchPlan) -> Iterator[str]:
    yield from _value("--num-fewshot", choice.num_fewshot, None)
    yield from _value("--chat-template", choice.chat_template, _DEFAULTS.chat_template)
    yield from _value("--system-instruction", choice.system_instruction, None)
    if choice.gen_kwargs:
        yield from ("--gen-kwargs", json.dumps(choice.gen_kwargs))
    if choice.enable_thinking is not None:
        yield "--enable-thinking" if choice.enable_thinking else "--disable-thinking"
    yield from _value("--think-end-token", choice.think_end_token, None)
    yield from _value("--max-length", choice.max_length, None)
    if choice.seeds != _DEFAULTS.seeds:
        yield from ("--seed", ",".join(map(str, choice.seeds)))


def _where(choice: BenchPlan) -> Iterator[str]:
    if choice.timeout is not None:
        yield from ("--timeout", f"{choice.timeout:g}s")
    yield from _switch("--skip-stalled", choice.skip_stalled)
    yield from _value("--batch-size", choice.batch_size, _DEFAULTS.batch_size)
    yield from _value("--dtype", choice.dtype, _DEFAULTS.dtype)
    yield from _value("--device", choice.device, _DEFAULTS.device)
    yield from _value("--backend", choice.backend, _DEFAULTS.backend)
    yield from _value("--engine", choice.engine, _DEFAULTS.engine)
    for name, value in choice.model_args.items():
        yield from ("--model-args", f"{name}={value if isinstance(value, str) else json.dumps(value)}")
    yield from _switch("--offline", choice.offline)
    yield from _switch("--trust-remote-code", choice.permissions.remote_code)
    yield from _switch("--allow-pickle", choice.permissions.pickle)
    yield from _switch("--confirm-unsafe-code", choice.permissions.unsafe_code)


def _value(flag: str, value: object, default: object) -> Iterator[str]:
    if value is not None and value != default:
        yield from (flag, str(value))


def _switch(flag: str, on: bool) -> Iterator[str]:
    if on:
        yield flag
