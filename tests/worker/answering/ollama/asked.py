"""A model of a loopback Ollama server, opened as a worker opens it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lm_eval.api.instance import Instance

from benchtui.backends.ollama import OLLAMA
from benchtui.backends.ollama_server import look_at_ollama
from benchtui.models.source import ServedSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.ollama.answering import OllamaAnswering
from benchtui.worker.answering.ollama.open import open_model
from benchtui.worker.answering.protocol import Unobserved
from tests.worker.answering.gguf.files import Told
from tests.worker.answering.ollama.fake import FakeOllama


class Watching(Unobserved):
    """Keeps what an observer is told."""

    def __init__(self) -> None:
        self.lost: list[tuple[str, str]] = []
        self.facts: list[AnswerFacts] = []
        self.told: list[tuple[str, str]] = []
        self.seen = 0

    def tokens(self, n: int) -> None:
        self.seen += n

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        self.lost.append((request_args[0], why))

    def answer_facts(self, texts: tuple[str, ...], facts: AnswerFacts) -> None:
        self.facts.append(facts)

    def decision(self, what: str, choice: str, why: str) -> None:
        self.told.append((what, choice))


def plan_of(
    url: str,
    prompts: PromptSettings | None = None,
    *,
    name: str = "fake:latest",
    gguf: str | None = None,
    options: Mapping[str, str] | None = None,
    **settings: str,
) -> BenchmarkPlan:
    source = ServedSource(name, look_at_ollama(url).model(name).digest, server=url, product="ollama", gguf=gguf)
    return BenchmarkPlan(
        model_name="m",
        bench_id="",
        created="",
        role="model",
        source=source,
        tasks=(),
        prompts=prompts or PromptSettings(max_length=64),
        backend=OLLAMA.name,
        backend_settings={name.replace("_", "-"): value for name, value in settings.items()},
        backend_options=dict(options or {"request-timeout": "30"}),
    )


@contextmanager
def opened(plan: BenchmarkPlan) -> Iterator[OllamaAnswering]:
    answering = open_model(plan, Told(), 1.0)  # type: ignore[arg-type]
    try:
        yield answering
    finally:
        answering.close()


def texts(
    fake: FakeOllama, prompts: Sequence[str], plan: BenchmarkPlan | None = None, **settings: Any
) -> tuple[list[str], Watching]:
    """What the model writes behind each prompt by lm-eval's settings, and what the observer was told."""
    watching, plan = Watching(), plan or plan_of(fake.url)
    asked = {"until": ["\n"], "max_gen_toks": 8, "do_sample": False, **settings}
    requests = [Instance("generate_until", {}, (prompt, asked), 0) for prompt in prompts]
    with opened(plan) as answering:
        return LmEvalModel(answering, plan.prompts, watching).generate_until(requests, disable_tqdm=True), watching
