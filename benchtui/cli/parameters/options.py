"""Options that several commands share and that are no setting of a run."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from benchtui.settings.rows import SETTING

F = TypeVar("F", bound=Callable[..., Any])


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
