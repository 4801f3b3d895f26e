"""The metrics that there are, by name, and how a user names one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchtui.errors import UsageError
from benchtui.tasks.data.spec import DataKind
from benchtui.tasks.metrics.likely_metrics import LIKELY
from benchtui.tasks.metrics.metric import ChosenMetric, Metric
from benchtui.tasks.metrics.own_file import choose_own, is_own
from benchtui.tasks.metrics.parameters import LONGEST, read_parameters
from benchtui.tasks.metrics.written_metrics import WRITTEN
from benchtui.text import one_line

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in (*WRITTEN, *LIKELY)})
"""By name, in the order in which they are listed."""

DEFAULTS: Mapping[DataKind, tuple[str, ...]] = MappingProxyType(
    {
        "generate": ("exact_match",),
        "choices": ("acc", "acc_norm"),
        "loglikelihood": ("nats_per_byte", "acc"),
        "perplexity": ("nats_per_byte", "byte_perplexity", "word_perplexity"),
        "preference": ("acc", "acc_norm"),
    }
)
"""The metrics of each kind where nobody names one."""


def choose(text: str) -> ChosenMetric:
    """Return the metric that `text` names: `NAME`, `NAME:PARAMETER=VALUE,…`, or the path of a Python file.

    Raises UsageError for an unknown name or parameter.
    """
    name, _, said = text.partition(":")
    if len(text) > LONGEST:
        raise UsageError(f"A metric of {len(text):,} characters is too long.", f"{LONGEST:,} are allowed.")
    if is_own(text):
        return choose_own(text)
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"There is no metric {one_line(name, 60)!r}.", f"{hint}`benchtui metrics list` shows what there is."
        )
    metric = METRICS[name]
    return ChosenMetric(metric, {**metric.defaults, **read_parameters(name, said, metric.parameters)})


def placed(text: str, folder: Path) -> str:
    """Return what names the metric of `text` from anywhere: the files that it names lie in `folder` where their paths
    are relative. Raises UsageError for a wrong parameter of one that is a file or names one."""
    if not is_own(text) and text.partition(":")[0] != "json_schema":
        return text
    chosen = choose(text)
    options = dict(chosen.options)
    if options.get("schema"):
        options["schema"] = str(folder / Path(options["schema"]).expanduser())
    metric = chosen.metric
    if is_own(text):
        metric = choose_own(str(folder / Path(metric.name).expanduser())).metric
    return text if (metric, options) == (chosen.metric, chosen.options) else ChosenMetric(metric, options).written


def choose_all(names: Sequence[str], kind: DataKind) -> tuple[ChosenMetric, ...]:
    """Return the metrics of a task of this kind: those named, or the kind's own where none is.

    Raises UsageError for a metric that documents of the kind do not have, and for one that is named twice.
    """
    found = tuple(choose(name) for name in names or DEFAULTS[kind])
    for chosen in found:
        if kind not in chosen.metric.kinds:
            raise UsageError(
                f"The metric {chosen.metric.name} is not for data of the kind {kind}.",
                f"There are {', '.join(each.name for each in metrics_of(kind))}.",
            )
    if twice := _repeated(chosen.reported for chosen in found):
        raise UsageError(f"The metric {twice} is named twice.", "Name it once.")
    return found


def metrics_of(kind: DataKind) -> list[Metric]:
    """Return the metrics that documents of this kind have."""
    return [metric for metric in METRICS.values() if kind in metric.kinds]


def _repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
