"""The demo's small and large model, together and alone, and requests of the demo's two tasks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from lm_eval.api.instance import Instance

from benchtui import api
from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths
from benchtui.routing.answers import RoutedFacts
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.protocol import Answering, Unobserved

MODELS = demo_paths().shipped / "models"
SMALL, LARGE = MODELS / SMALL_NAME, MODELS / BASE_NAME
FLOAT32 = {"device": "cpu", "dtype": "float32", "offline": True}


class Told(Unobserved):
    """Keeps what was told of each answer, and counts positions."""

    def __init__(self) -> None:
        self.facts: list[AnswerFacts] = []
        self.positions = 0
        self.decisions: list[str] = []

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        del texts
        self.facts.append(facts)

    def tokens(self, n: int) -> None:
        self.positions += n

    def decision(self, what: str, choice: str, why: str) -> None:
        self.decisions.append(f"{what}: {choice} ({why})")

    @property
    def routed(self) -> list[RoutedFacts]:
        """What both models did for each answer, in the order of the answers."""
        return [facts.routed for facts in self.facts if facts.routed is not None]


def opened(strategy: str, threshold: float | str = "auto", **settings: str) -> LoadedModel:
    """Both models as one."""
    own = {"large": str(LARGE), "strategy": strategy, "threshold": str(threshold), **settings}
    return api.load(SMALL, backend="hybrid", **FLOAT32, **own)


def answering(model: LoadedModel) -> Answering:
    return model._answering


def asked(model: LoadedModel, metric: str = "", told: Told | None = None) -> LmEvalModel:
    """A model as lm-eval asks it."""
    found = LmEvalModel(answering(model), model._prompts, told)
    found.metric = metric
    return found


def documents(task: str, count: int) -> list[dict[str, Any]]:
    lines = (demo_paths().tasks / f"{task}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:count]]


def choices(found: Sequence[dict[str, Any]]) -> list[Instance]:
    """What demo_knowledge asks about these documents."""
    return [
        Instance("loglikelihood", doc, (doc["question"], f" {choice}"), idx, ("demo_knowledge", number, 1))
        for number, doc in enumerate(found)
        for idx, choice in enumerate(doc["choices"])
    ]


def texts(found: Sequence[dict[str, Any]], **settings: Any) -> list[Instance]:
    """What demo_instructions asks about these documents."""
    kwargs = {"until": ["\n"], "do_sample": False, "temperature": 0.0, "max_gen_toks": 32, **settings}
    return [
        Instance("generate_until", doc, (doc["prompt"], kwargs), 0, ("demo_instructions", number, 1))
        for number, doc in enumerate(found)
    ]
