"""What lm-eval calls to score a document of people's own data, named in the YAML of its task.

`process_results: !function benchtui.tasks.metrics.scoring.NAME`, where NAME is `PROCESS_RESULTS[kind]`: `written` for
answers that the model writes, `reference` for how likely a reference is, `rolling` for whole texts. Documents with
choices are scored by lm-eval itself. Each document holds a column `scoring`, the JSON that `scoring_text` makes: which
metrics, and what belongs to this document alone.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from benchtui.tasks.data.spec import DataKind
from benchtui.tasks.metrics.answer import Answer, Likelihood, Value
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.registry import choose

PROCESS_RESULTS: Mapping[DataKind, str | None] = MappingProxyType(
    {
        "generate": "benchtui.tasks.metrics.scoring.written",
        "loglikelihood": "benchtui.tasks.metrics.scoring.reference",
        "perplexity": "benchtui.tasks.metrics.scoring.rolling",
        "choices": None,
        "preference": None,
    }
)
"""The function of each kind; None where lm-eval's own is used."""


@dataclass(frozen=True)
class Listed:
    """One entry of a task's `metric_list`. With `is_function`, `aggregation` is written after `!function`."""

    metric: str
    aggregation: str
    higher_is_better: bool

    @property
    def is_function(self) -> bool:
        """Return whether the aggregation is a function of ours, not a name of lm-eval's."""
        return "." in self.aggregation


def metric_list(chosen: Iterable[ChosenMetric]) -> list[Listed]:
    """Return the entries of `metric_list` for these metrics, in their order."""
    return [Listed(name, each.metric.aggregation, each.higher_is_better) for each in chosen for name in each.names]


def scoring_text(chosen: Iterable[ChosenMetric], **extras: Any) -> str:
    """Return the JSON of a document's column `scoring`.

    `extras` is what belongs to this document alone, as far as a metric needs it: `pattern`, `schema`, and `row`, the
    cells of the row in the data file.
    """
    return json.dumps({"metrics": [each.written for each in chosen], **extras}, ensure_ascii=False)


def written(doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Value]:
    """Return the value of each metric for the answer `results[0]` that the model wrote to this document."""
    said = json.loads(doc["scoring"])
    said.setdefault("place", doc.get("place"))
    return score_answer(_chosen(tuple(said["metrics"])), answer_to(doc, results[0], said))


def reference(doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Value]:
    """Return the value of each metric for the reference, whose log-probability and greediness are `results[0]`.

    A space that joins the reference to the prompt is scored with it and is no byte of it, as in lm-eval's acc_norm.
    """
    said = json.loads(doc["scoring"])
    nats, greedy = results[0]
    return _of_likelihood(_chosen(tuple(said["metrics"])), Likelihood(float(nats), doc["target"], bool(greedy)))


def rolling(doc: Mapping[str, Any], results: Sequence[Any]) -> dict[str, Value]:
    """Return the value of each metric for the document's target, a text whose log-probability is `results[0]`."""
    said = json.loads(doc["scoring"])
    return _of_likelihood(_chosen(tuple(said["metrics"])), Likelihood(float(results[0]), doc["target"]))


def score_answer(chosen: Iterable[ChosenMetric], answer: Answer) -> dict[str, Value]:
    """Return the value of each metric for an answer, by the metric's name in results. Raises BenchtuiError."""
    return {name: value for each in chosen for name, value in each.values(answer).items()}


def answer_to(doc: Mapping[str, Any], text: str, extras: Mapping[str, Any]) -> Answer:
    """Return the answer `text` together with what the document says is right."""
    targets = tuple(doc.get("targets") or ()) or ((doc["target"],) if doc.get("target") is not None else ())
    gold = doc.get("gold")
    return Answer(
        text,
        targets,
        tuple(doc.get("choices") or ()),
        tuple(doc.get("letters") or ()),
        None if gold is None else int(gold),
        extras,
    )


def _of_likelihood(chosen: Iterable[ChosenMetric], scored: Likelihood) -> dict[str, Value]:
    return {each.reported: each.metric.likelihood(scored) for each in chosen if each.metric.likelihood is not None}


@functools.lru_cache(maxsize=64)
def _chosen(names: tuple[str, ...]) -> tuple[ChosenMetric, ...]:
    return tuple(choose(name) for name in names)
