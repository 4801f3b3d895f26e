"""Numbers that are typed: every range that click knows holds nan."""

from __future__ import annotations

import math

import click


def finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """Raises BadParameter for nan and infinity: a limit that any result would meet, or none, is a slip of the pen."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number.")
    return value
