"""The description of a metric, and a metric with its parameters as a user chose it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchtui.tasks.data.spec import DataKind
from benchtui.tasks.metrics.answer import Answer, Likelihood, Options, Value
from benchtui.tasks.metrics.parameters import Parameter, write_parameters

Need = Literal["reference", "JSON reference", "choices", "pattern", "schema", "nothing"]
"""What a metric needs of every document besides the answer."""

_SAFE = re.compile(r"[\w.+-]{1,24}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: what it measures, of which kinds of documents, and how the documents' values become one score.

    `score` gives a written answer's value, `likelihood` that of a text whose log-probability was asked; both are None
    where lm-eval computes the metric by itself. `aggregation` is a name of lm-eval's or, with dots, a function of ours.
    A score lies between `low` and `high`, None where it has no end. `chance` is what guessing gets, None where that is
    nothing or unknown. A parameter called `better` says what is better in place of `higher_is_better`. `stem` is the
    name in results of a metric that is named by a file.
    """

    name: str
    title: str
    about: str
    kinds: frozenset[DataKind]
    needs: Need
    score: Callable[[Answer, Options], Value | Mapping[str, float]] | None = None
    likelihood: Callable[[Likelihood], Value] | None = None
    parameters: tuple[Parameter, ...] = ()
    aggregation: str = "mean"
    higher_is_better: bool = True
    low: float | None = 0.0
    high: float | None = 1.0
    chance: Literal["1/choices"] | None = None
    example: str = ""
    stem: str = ""

    @property
    def is_mean(self) -> bool:
        """Return whether the score is the mean of one number a document."""
        return self.aggregation == "mean"

    @property
    def defaults(self) -> dict[str, Any]:
        """Return the parameters where nothing is said."""
        return {parameter.name: parameter.default for parameter in self.parameters}


@dataclass(frozen=True)
class ChosenMetric:
    """A metric with all of its parameters."""

    metric: Metric
    options: Options = field(default_factory=dict)

    @property
    def written(self) -> str:
        """Write it as one would type it: the name, and the parameters that are not the defaults."""
        said = write_parameters(self.options, self.metric.parameters)
        return f"{self.metric.name}:{said}" if said else self.metric.name

    @property
    def reported(self) -> str:
        """Return its name in results: as written, where that has no comma and no odd character in its values.

        lm-eval joins the names of metric and filter by a comma; a value that is no short word is therefore named by the
        beginning of its SHA-256.
        """
        changed = [
            f"{each.name}={_short(each.written(self.options[each.name]))}"
            for each in self.metric.parameters
            if each.in_name and self.options[each.name] != each.default
        ]
        name = self.metric.stem or self.metric.name
        return f"{name}:{';'.join(changed)}" if changed else name

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of its values in results: one, or those that a metric of one's own gives."""
        keys = [key for key in self.options.get("keys", "").split(",") if key]
        return tuple(f"{self.reported}.{key}" for key in keys) or (self.reported,)

    @property
    def higher_is_better(self) -> bool:
        """Return whether a higher score is the better one: as the metric says, or its parameter `better`."""
        better: Mapping[Any, bool] = {"higher": True, "lower": False}
        return better.get(self.options.get("better"), self.metric.higher_is_better)

    def values(self, answer: Answer) -> dict[str, Value]:
        """Return what it gives a written answer, by its names in results; nothing where it scores no answers.

        Raises BenchtuiError where it cannot be computed.
        """
        if self.metric.score is None:
            return {}
        value = self.metric.score(answer, self.options)
        if isinstance(value, Mapping):
            return {f"{self.reported}.{key}" if key else self.reported: each for key, each in value.items()}
        return {self.reported: value}


def _short(value: str) -> str:
    return value if _SAFE.fullmatch(value) else hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
