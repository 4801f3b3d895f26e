"""The flags of `benchtui run`, each with its environment variable and its benchtui.toml key, made into a BenchPlan."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from benchtui.config import environment_name
from benchtui.durations import parse_duration
from benchtui.errors import BenchtuiError, UsageError
from benchtui.runs.choice import DECIDE_DELTA, BenchPlan
from benchtui.runs.plan import Permissions
from benchtui.settings import batch_size, limit_typed, points, seeds

F = TypeVar("F", bound=Callable[..., Any])

RESERVED_MODEL_ARGS = {
    "pretrained": "--model",
    "peft": "--model",
    "trust_remote_code": "--trust-remote-code",
    "use_safetensors": "--allow-pickle",
    "dtype": "--dtype",
    "device": "--device",
    "batch_size": "--batch-size",
    "max_length": "--max-length",
    "enable_thinking": "--enable-thinking",
    "think_end_token": "--think-end-token",
}


class Read(click.ParamType[Any]):
    """A click type made of a reader that raises ValueError with words for what it expected."""

    def __init__(self, name: str, reader: Callable[[Any], Any]) -> None:
        self.name = name
        self._reader = reader

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._reader(value)
        except ValueError as error:
            self.fail(f"{value!r} is not {error}.", param, ctx)
        except BenchtuiError as error:
            self.fail(str(error), param, ctx)


def _limit(value: Any) -> float:
    return limit_typed(str(value))


def _delta(value: Any) -> float:
    try:
        return points(float(value))
    except ValueError:
        return points(None)  # says what it takes


def _batch(value: Any) -> int | str:
    text = str(value)
    read = batch_size(int(text) if text.isdigit() else text)
    return "auto" if read == "auto" else int(read)


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, tuple):
        return value
    numbers = tuple(int(part) for part in seeds(value if isinstance(value, str) else str(value)).split(","))
    return numbers * 4 if len(numbers) == 1 else numbers


def _timeout(value: Any) -> float:
    return parse_duration(str(value))


def _names(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, tuple) else tuple(part.strip() for part in str(value).split(","))
    if not all(parts):
        raise ValueError("a list of task names joined by commas")
    return parts


def _gen_kwargs(value: Any) -> dict[str, Any]:
    """`temperature=0.7,top_p=0.9` as lm-eval writes it, or JSON."""
    if isinstance(value, dict):
        return value
    text = str(value).strip()
    if text.startswith("{"):
        try:
            parsed: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError:
            raise ValueError('JSON such as {"temperature": 0.7}') from None
        return parsed
    return dict(_key_value(part) for part in text.split(",") if part)


def _key_value(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError("key=value")
    try:
        return key.strip(), json.loads(value)
    except json.JSONDecodeError:
        words = {"True": True, "False": False, "None": None}
        return key.strip(), words.get(value, value)


class SectionOption(click.Option):
    """An option that stands under a heading in `--help`."""

    def __init__(self, *args: Any, section: str = "Output", **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.section = section


def option(section: str, *names: str, **settings: Any) -> Callable[[F], F]:
    """A flag under a heading, also read from BENCHTUI_<FLAG>."""
    flag = next(name.split("/")[0] for name in names if name.startswith("--"))
    return click.option(*names, cls=SectionOption, section=section, envvar=environment_name(flag), **settings)


WHAT = "What is evaluated"
HOW = "How the model is asked"
MACHINE = "How it runs"
ALLOW = "Allowed for this run only"


TIMEOUT_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    option(MACHINE, "--timeout", type=Read("duration", _timeout), metavar="30min",
           help="End a worker that shows no sign of life for so long.  [default: never]"),
    option(MACHINE, "--skip-stalled", is_flag=True, help="With --timeout: give up on stalled documents, and go on."),
)  # fmt: skip

PERMISSION_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    option(ALLOW, "--trust-remote-code", is_flag=True, help="Let the model's repository run its own code."),
    option(ALLOW, "--allow-pickle", is_flag=True, help="Load pickled weights, which can run code."),
    option(ALLOW, "--confirm-unsafe-code", is_flag=True, help="Allow tasks that execute what the model wrote."),
)  # fmt: skip

OPTIONS: tuple[Callable[[Any], Any], ...] = (
    option(WHAT, "--outputs", type=click.Path(path_type=Path), default=Path("outputs"), show_default=True,
           metavar="DIR", help="Folder with the trained models."),
    option(WHAT, "--model", metavar="NAME", help="Name, path, hub id, or all.  [default: the newest in outputs]"),
    option(WHAT, "--base", metavar="ID", help="Base model: hub id or path.  [default: what the model's files name]"),
    option(WHAT, "--no-base", is_flag=True, help="Evaluate the model alone; nothing to compare with."),
    option(WHAT, "--rerun-base", is_flag=True, help="Evaluate the base again even if its results still fit."),
    option(WHAT, "--format", metavar="NAME", help="merged_16bit, merged_4bit, lora, checkpoint-…  [default: the best]"),
    option(WHAT, "--suite", default="quick", show_default=True, metavar="NAME",
           help="test, quick, core, full, or your own."),
    option(WHAT, "--tasks", type=Read("names", _names), metavar="A,B", help="lm-eval tasks, instead of a suite."),
    option(WHAT, "--include-path", "include_path", type=click.Path(path_type=Path), multiple=True, metavar="DIR",
           help="Folder with more task files; may be repeated."),
    option(WHAT, "--limit", type=Read("limit", _limit), metavar="N", help="Documents a task: a count, a share, all."),
    option(WHAT, "--decide-early/--no-decide-early", "decide_early", default=False,
           help="Ask both models side by side; stop a task once better, worse or no relevant difference is certain."),
    option(WHAT, "--decide-delta", type=Read("points", _delta), default=DECIDE_DELTA,
           show_default=True, metavar="POINTS", help="With --decide-early: a difference that would not matter."),
    option(HOW, "--num-fewshot", type=click.IntRange(min=0), metavar="N", help="Examples in every task's prompt."),
    option(HOW, "--chat-template", type=click.Choice(["auto", "on", "off"]), default="auto", show_default=True,
           help="auto: applied to both sides when both have one."),
    option(HOW, "--system-instruction", metavar="TEXT", help="System message put before every prompt."),
    option(HOW, "--gen-kwargs", type=Read("settings", _gen_kwargs), metavar="K=V,…", help="Generation settings."),
    option(HOW, "--enable-thinking/--disable-thinking", "enable_thinking", default=None,
           help="For chat templates that know it."),
    option(HOW, "--think-end-token", metavar="TEXT", help="Where thinking ends; what comes before is not scored."),
    option(HOW, "--max-length", type=click.IntRange(min=2), metavar="N",
           help="Longest sequence in tokens.  [default: the model's]"),
    option(HOW, "--seed", type=Read("seed", _seeds), metavar="N", help="One seed, or lm-eval's four joined by commas."),
    *TIMEOUT_OPTIONS,
    option(MACHINE, "--batch-size", type=Read("size", _batch), default="auto", show_default=True, metavar="N",
           help="Sequences at once; auto goes by free memory and model size."),
    option(MACHINE, "--dtype", type=click.Choice(["auto", "float32", "float16", "bfloat16"]), default="auto",
           show_default=True, help="Precision of the weights in memory."),
    option(MACHINE, "--device", default="auto", show_default=True, metavar="NAME", help="cuda, cuda:1, mps, cpu."),
    option(MACHINE, "--backend", default="hf", show_default=True, metavar="NAME", help="What makes the model answer."),
    option(MACHINE, "--engine", type=click.Choice(["fast", "lm-eval"]), default="fast", show_default=True,
           help="benchtui's own, or lm-eval's hf model."),
    option(MACHINE, "--model-args", multiple=True, metavar="K=V", help="More arguments of lm-eval's hf model."),
    option(MACHINE, "--offline", is_flag=True, help="Use only what is cached; connect to nothing."),
    *PERMISSION_OPTIONS,
)  # fmt: skip


class SectionedCommand(click.Command):
    """A command whose defaults come from benchtui.toml and whose flags are listed under headings."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        from benchtui.config import load_config

        extra.setdefault("default_map", dict(load_config().run_defaults))
        return super().make_context(info_name, args, parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                sections.setdefault(getattr(parameter, "section", "Output"), []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records, col_max=24)


def bench_options(command: F) -> F:
    """Adds every flag of a benchmark to a command."""
    for add in reversed(OPTIONS):
        command = add(command)
    return command


def bench_plan(values: dict[str, Any]) -> BenchPlan:
    """The BenchPlan for click's values. Raises UsageError for combinations that make no sense."""
    arguments = dict(_model_argument(text) for given in values["model_args"] for text in _split(given))
    filed = _from_files()
    # What a file or the environment says in general is no demand on this run.
    idle = values["no_base"] and not _typed("decide_early")
    if values["base"] and values["no_base"]:
        raise UsageError("--base and --no-base contradict each other.", "Give one of them.")
    if values["decide_early"] and values["no_base"] and not idle:
        raise UsageError("--decide-early needs a base to compare with.", "Leave out --no-base.")
    if _typed("decide_delta") and not values["decide_early"]:
        raise UsageError("--decide-delta says when --decide-early may stop, which is not asked for.", "Give both.")
    return BenchPlan(
        outputs=values["outputs"],
        model=values["model"],
        base=values["base"],
        compare=not values["no_base"],
        rerun_base=values["rerun_base"],
        backend=values["backend"],
        engine=values["engine"],
        format=values["format"],
        suite=values["suite"],
        tasks=values["tasks"] or (),
        include_paths=tuple(values["include_path"]),
        limit=None if "limit" in filed else values["limit"],
        num_fewshot=None if "num_fewshot" in filed else values["num_fewshot"],
        default_limit=values["limit"] if "limit" in filed else None,
        default_num_fewshot=values["num_fewshot"] if "num_fewshot" in filed else None,
        chat_template=values["chat_template"],
        system_instruction=values["system_instruction"],
        gen_kwargs=values["gen_kwargs"] or {},
        enable_thinking=values["enable_thinking"],
        think_end_token=values["think_end_token"],
        max_length=values["max_length"],
        batch_size=values["batch_size"],
        dtype=values["dtype"],
        device=values["device"],
        model_args=arguments,
        seeds=values["seed"] or (0, 1234, 1234, 1234),
        decide_early=values["decide_delta"] if values["decide_early"] and not idle else None,
        default_decide_early=values["decide_early"] and "decide_early" in filed,
        timeout=values["timeout"],
        skip_stalled=values["skip_stalled"],
        offline=values["offline"],
        permissions=Permissions(
            remote_code=values["trust_remote_code"],
            pickle=values["allow_pickle"],
            unsafe_code=values["confirm_unsafe_code"],
        ),
        command=("benchtui", *sys.argv[1:]),
    )


def _from_files() -> set[str]:
    """The settings that come from benchtui.toml: weaker than what a suite says of its own tasks."""
    context = click.get_current_context(silent=True)
    if context is None:
        return set()
    return {name for name in context.params if context.get_parameter_source(name) is ParameterSource.DEFAULT_MAP}


def _typed(name: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _split(given: str) -> list[str]:
    """`a=1,b=[1,2]` as two arguments: a comma parts them only where the next one begins."""
    return [part for part in re.split(r",(?=\s*[A-Za-z_]\w*=)", given) if part.strip()]


def _model_argument(text: str) -> tuple[str, Any]:
    try:
        key, value = _key_value(text)
    except ValueError:
        raise UsageError(f"--model-args {text!r} is not key=value.", "For example add_bos_token=True.") from None
    if key in RESERVED_MODEL_ARGS:
        raise UsageError(f"--model-args cannot set {key}.", f"Use {RESERVED_MODEL_ARGS[key]}.")
    return key, value
