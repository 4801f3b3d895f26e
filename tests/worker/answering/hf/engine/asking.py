"""Asking a model, and writing down what it said to its cache hook and its observer."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.instance import Instance

from benchtui.models.source import HubSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.hf.answering import HFAnswering
from benchtui.worker.answering.hf.engine.lm import FastLM
from benchtui.worker.answering.hf.lm_eval_engine import LmEvalEngine
from benchtui.worker.answering.hf.model import HFModel
from benchtui.worker.answering.lm_eval_model import LmEvalModel


class Files:
    """A cache hook that keeps what is filed, in order."""

    def __init__(self) -> None:
        self.filed: list[tuple[str, tuple[Any, ...], Any]] = []

    def add_partial(self, attr: str, req: tuple[Any, ...], res: Any) -> None:
        self.filed.append((attr, tuple(req), res))


class Watcher:
    """An observer that keeps everything it is told."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[Any, ...]]] = []
        self.counts: list[int] = []
        self.decisions: list[tuple[str, str, str]] = []
        self.prefills: list[tuple[int, float]] = []
        self.decodes: list[tuple[int, float]] = []
        self.facts: list[tuple[tuple[str, ...], AnswerFacts]] = []

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        self.batches.append(list(request_args))

    def tokens(self, n: int) -> None:
        self.counts.append(n)

    def prefilled(self, tokens: int, seconds: float) -> None:
        self.prefills.append((tokens, seconds))

    def decoded(self, tokens: int, seconds: float) -> None:
        self.decodes.append((tokens, seconds))

    def first_token(self, seconds: float) -> None:
        raise AssertionError("no answer is streamed")

    def check(self) -> None:
        pass

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        raise AssertionError("every request is answered")

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        self.facts.append((texts, facts))

    def decision(self, what: str, choice: str, why: str) -> None:
        self.decisions.append((what, choice, why))

    def batch_size(self, rows: int, why: str) -> None:
        self.decisions.append(("batch size", str(rows), why))


def fast_model(**options: Any) -> LmEvalModel:
    """A model that benchtui's engine answers for, asked as lm-eval's `hf` model is; `options` are HFLM's."""
    return model_for_lm_eval(FastLM(**options), options.get("think_end_token"))


def lm_eval_engine(**options: Any) -> LmEvalModel:
    """A model that lm-eval's own code answers for, asked through benchtui's protocol; `options` are HFLM's."""
    return model_for_lm_eval(LmEvalEngine(**options), options.get("think_end_token"))


def model_for_lm_eval(lm: HFModel, think_end: Any = None) -> LmEvalModel:
    prompts = PromptSettings(think_end_token=None if think_end is None else str(think_end))
    plan = BenchmarkPlan(
        model_name="m", bench_id="", created="", role="model", source=HubSource("m", ""), tasks=(), prompts=prompts
    )
    return LmEvalModel(HFAnswering(lm, plan, "cpu", "float32"), prompts)


def ask(lm: Any, requests: list[Instance]) -> list[Any]:
    """The answers to requests of one type."""
    answers: list[Any] = getattr(lm, requests[0].request_type)(requests, disable_tqdm=True)
    return answers


def shuffled(requests: Sequence[Instance], seed: int) -> tuple[list[Instance], Callable[[list[Any]], list[Any]]]:
    """The requests in random order, and what puts their answers back into the old one."""
    order = random.Random(seed).sample(range(len(requests)), len(requests))  # noqa: S311

    def back(given: list[Any]) -> list[Any]:
        return [given[order.index(place)] for place in range(len(order))]

    return [requests[place] for place in order], back


def assert_same_scores(given: list[tuple[float, bool]], expected: list[tuple[float, bool]], within: float) -> None:
    assert len(given) == len(expected)
    assert max(abs(a[0] - b[0]) for a, b in zip(given, expected, strict=True)) <= within
    assert [a[1] for a in given] == [b[1] for b in expected]
