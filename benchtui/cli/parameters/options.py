"""Options that several commands share and that are no setting of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from benchtui.settings.rows import SETTING
from benchtui.text import one_line

F = TypeVar("F", bound=Callable[..., Any])

_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*([kmgt]?i?b?)", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class _Size(click.ParamType[int]):
    """A number of bytes: 500MB, 10GB, 2GiB, or the number itself."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value.isascii() and value.isdigit():
            return int(value)
        found = _SIZE.fullmatch(value.strip())
        if not found:
            self.fail(f"{one_line(value, 40)!r} is no size like 500MB, 10GB or 2GiB.", param, ctx)
        unit = found[2].lower().removesuffix("b")
        factor = _BINARY[unit[0]] if unit.endswith("i") and unit[:1] in _BINARY else _UNITS.get(unit)
        if factor is None:
            self.fail(f"{one_line(value, 40)!r} is no size like 500MB, 10GB or 2GiB.", param, ctx)
        return round(float(found[1]) * factor)


SIZE = _Size()


def json_option(help: str, *, variable: bool = False) -> Callable[[F], F]:
    """--json, as `as_json`; with `variable` also BENCHTUI_JSON."""
    name = SETTING["json"].variable if variable else None
    return click.option("--json", "as_json", is_flag=True, envvar=name, help=help)


def run_option(help: str) -> Callable[[F], F]:
    """--run: which fine-tuned run of a model is meant."""
    return click.option("--run", "run", help=f"{help} [default: the newest that asked every sample]")


def points_option(*names: str, type: click.ParamType[float], help: str, **more: Any) -> Callable[[F], F]:
    """An option that takes a finite number of percentage points."""
    return click.option(*names, type=type, metavar="POINTS", callback=finite, help=help, **more)


def finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """Raise BadParameter for nan and infinity, which click accepts in every range: a limit that any result would
    meet, or none, is a typing error."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number.")
    return value
