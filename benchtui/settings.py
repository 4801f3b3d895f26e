"""The settings of a run that may stand in benchtui.toml: for each flag, which values it takes there.

Each reader gives the value in the form the flag itself would take on the command line, and raises ValueError with words
for what was expected.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchtui.durations import parse_duration
from benchtui.errors import UsageError

PER_RUN = frozenset({"trust-remote-code", "allow-pickle", "confirm-unsafe-code"})
"""Decisions about running other people's code: a flag or the environment for one run, never a file that stays."""


def text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("text in quotes")
    return value


def path(value: object) -> str:
    return str(Path(text(value)).expanduser())


def paths(value: object) -> tuple[str, ...]:
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item for item in found):
        raise ValueError("a folder, or a list of folders, in quotes")
    return tuple(path(item) for item in found)


def yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - one kind of refusal for every reader
    return value


def one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(" or ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return read


def whole_number(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"a whole number, {least} or more")
        return value

    return read


def limit_value(value: object) -> float:
    """A count of documents (whole, 1 or more) or a fraction of them (between 0 and 1)."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
    if not (0 < number < 1 or (1 <= number < 2**31 and number == int(number))):
        raise ValueError("a number of documents (1, 2, …) or a fraction of them (like 0.1)")
    return float(number)


def limit_or_all(value: object) -> float:
    """The same, or "all": infinity, which undoes the limit of a file or a suite."""
    return math.inf if value == "all" else limit_value(value)


def limit_typed(text: str) -> float:
    """What somebody typed. Raises ValueError with what could be typed instead."""
    word = text.strip().lower()
    try:
        return limit_or_all(word if word == "all" else float(word))
    except ValueError:
        raise ValueError("a number of documents (1, 2, …), a fraction of them (like 0.1), or all") from None


def limit_words(limit: float) -> str:
    """As one types it."""
    return "all" if limit == math.inf else f"{limit:g}"


def points(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100:
        raise ValueError("a number of points, above 0 and at most 100")
    return float(value)


def batch_size(value: object) -> str:
    if value == "auto":
        return "auto"
    try:
        return str(whole_number(1)(value))
    except ValueError:
        raise ValueError('"auto" or a whole number, 1 or more') from None


def duration(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('a duration like "30min", or a number of seconds')  # noqa: TRY004 - as above
    parse_duration(str(value))
    return str(value)


def seeds(value: object) -> str:
    numbers: list[Any] = value if isinstance(value, list) else [value]
    if isinstance(value, str) and re.fullmatch(r"[0-9]+(,[0-9]+)*", value):
        numbers = [int(part) for part in value.split(",")]
    if len(numbers) not in (1, 4) or not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
        raise ValueError("one whole number, or four: python, numpy, torch, few-shot")
    return ",".join(str(number) for number in numbers)


def task_name(value: object) -> str:
    """One task, group or tag."""
    if not isinstance(value, str) or not value.strip() or "," in value:
        raise ValueError("one task's name in quotes")
    return value.strip()


def task_names(value: object) -> str:
    """Names joined by commas, as --tasks takes them."""
    names: list[Any] = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("a task's name, or a list of names, in quotes")
    return ",".join(name.strip() for name in names)


def generation_settings(value: object) -> str:
    """As --gen-kwargs takes them: `key=value,…` as written, or a table as JSON."""
    if isinstance(value, dict):
        return json.dumps(value, default=str)
    if isinstance(value, str):
        return value
    raise ValueError('a table like {temperature = 0.7}, or text like "temperature=0.7,top_p=0.9"')


def model_arguments(value: object) -> tuple[str, ...]:
    """As --model-args takes them: `key=value`, each by itself."""
    if isinstance(value, dict):
        found = [f"{key}={_argument(item)}" for key, item in value.items()]
    else:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and "=" in item for item in items):
            raise ValueError('a table like {revision = "main"}, or "key=value" in a list')
        found = [item.strip() for item in items]
    for argument in found:
        if "trust_remote_code" in argument.replace("-", "_"):  # wherever it stands: lists may be split again at commas
            raise UsageError(
                "trust_remote_code cannot be set in a file: it is decided for each run.",
                "Remove it and type --trust-remote-code where you mean it.",
            )
    return tuple(found)


def _argument(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


RUN_SETTINGS: Mapping[str, Callable[[object], Any]] = MappingProxyType(
    {
        "outputs": path,
        "model": text,
        "base": text,
        "no-base": yes_or_no,
        "rerun-base": yes_or_no,
        "backend": text,
        "format": text,
        "suite": text,
        "tasks": task_names,
        "include-path": paths,
        "limit": limit_or_all,
        "num-fewshot": whole_number(0),
        "chat-template": one_of("auto", "on", "off"),
        "system-instruction": text,
        "gen-kwargs": generation_settings,
        "enable-thinking": yes_or_no,
        "think-end-token": text,
        "max-length": whole_number(1),
        "batch-size": batch_size,
        "dtype": text,
        "device": text,
        "model-args": model_arguments,
        "seed": seeds,
        "decide-early": yes_or_no,
        "decide-delta": points,
        "timeout": duration,
        "skip-stalled": yes_or_no,
        "detach": yes_or_no,
        "resume": yes_or_no,
        "no-readme": yes_or_no,
        "offline": yes_or_no,
        "json": yes_or_no,
        "engine": text,
    }
)
