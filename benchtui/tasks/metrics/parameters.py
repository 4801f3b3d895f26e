"""The parameters of metrics: their types, and how they are written, as in `number:tolerance=0.01,which=first`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from benchtui.errors import UsageError
from benchtui.text import one_line

_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
LONGEST = 20_000
"""Characters of a metric with its parameters; more is no name that somebody typed."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a metric. `choices` are the words that it takes, empty where it is not one of a few.

    `in_name` says that it changes what is measured, and so belongs to the metric's name in results.
    """

    name: str
    about: str
    default: Any
    type: Literal["text", "number", "whole", "switch", "choice"] = "text"
    choices: tuple[str, ...] = ()
    in_name: bool = True

    @property
    def takes(self) -> str:
        """Say what may be written for it."""
        words = {"text": "TEXT", "number": "NUMBER", "whole": "N", "switch": "yes|no"}
        return "|".join(self.choices) if self.type == "choice" else words[self.type]

    def read(self, text: str) -> Any:
        """Return the value that `text` writes. Raises ValueError, whose text says what is taken."""
        if self.type == "text":
            return text
        if self.type == "switch" and text.lower() in _YES:
            return _YES[text.lower()]
        if self.type == "choice" and text in self.choices:
            return text
        if self.type == "number" and math.isfinite(number := float(text)) and number >= 0:
            return number
        if self.type == "whole" and re.fullmatch(r"[0-9]{1,6}", text):
            return int(text)
        raise ValueError(self.takes)

    def written(self, value: Any) -> str:
        """Return how `value` is written; `read` gives it back."""
        if self.type == "switch":
            return "yes" if value else "no"
        return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def read_parameters(metric: str, text: str, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return the values that `text`, such as `tolerance=0.01,which=first`, gives to the parameters of `metric`.

    A comma ends a value only where the name of a parameter and = follow, so that `pattern=\\d{1,3}` needs no quoting;
    `\\,` keeps even such a comma. Raises UsageError for an unknown parameter, a wrong value, or one given twice.
    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for part in _parts(text, known) if text else ():
        name, equals, written = part.partition("=")
        if not equals or name not in known:
            takes = ", ".join(f"{each.name}={each.takes}" for each in parameters) or "nothing"
            raise UsageError(f"The metric {metric} has no parameter {one_line(name, 60)!r}.", f"It takes {takes}.")
        if name in values:
            raise UsageError(f"{metric}: {name} is given twice.", "Give it once.")
        try:
            values[name] = known[name].read(written)
        except ValueError:
            shown = one_line(written, 60)
            raise UsageError(
                f"{metric}: {name} cannot be {shown!r}.", f"It takes {known[name].takes}: {known[name].about}"
            ) from None
    return values


def write_parameters(values: Mapping[str, Any], parameters: Sequence[Parameter]) -> str:
    """Return the text that `read_parameters` reads back as the `values` that differ from the defaults."""
    known = {parameter.name: parameter for parameter in parameters}
    parts = [
        f"{each.name}={_kept(each.written(values[each.name]), known)}"
        for each in parameters
        if values[each.name] != each.default
    ]
    # Backslashes before a comma that ends a value are doubled: they are the value's own.
    return ",".join([*(re.sub(r"(\\+)$", r"\1\1", part) for part in parts[:-1]), *parts[-1:]])


def _separators(known: Mapping[str, Parameter]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, known)) or r"(?!)"
    return re.compile(rf"(\\*),(?=(?:{names})=)")


def _parts(text: str, known: Mapping[str, Parameter]) -> list[str]:
    """Cut `text` where the next parameter begins, and take the backslashes away that kept a comma."""
    parts, start, current = [], 0, ""
    for found in _separators(known).finditer(text):
        slashes = len(found[1])
        current += text[start : found.start()] + "\\" * (slashes // 2)
        start = found.end()
        if slashes % 2:
            current += ","
        else:
            parts.append(current)
            current = ""
    return [*parts, current + text[start:]]


def _kept(value: str, known: Mapping[str, Parameter]) -> str:
    return _separators(known).sub(lambda found: found[1] * 2 + "\\,", value)
