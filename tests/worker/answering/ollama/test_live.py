"""A running Ollama server with a small model: what was recorded of others holds for this one. Nothing is a double.

Runs where one answers (at OLLAMA_HOST) that has a model of at most 2 GB (BENCHTUI_TEST_OLLAMA names another).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lm_eval.api.instance import Instance

from benchtui.backends.access import Access
from benchtui.backends.ollama import OLLAMA, is_local
from benchtui.backends.ollama_server import OllamaModel, look_at_ollama, ollama_url, show
from benchtui.errors import BenchtuiError, UsageError
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.ollama.answering import OllamaAnswering
from benchtui.worker.answering.ollama.open import open_model
from benchtui.worker.answering.protocol import GenerateRequest, Unobserved
from tests import conftest
from tests.worker.answering.gguf.files import Told
from tests.worker.answering.ollama.asked import Watching

pytestmark = pytest.mark.ollama

_SMALL = 2_000_000_000
_WINDOW = 512
MODEL = os.environ.get("BENCHTUI_TEST_OLLAMA", "")
URL = ollama_url(None, {"OLLAMA_HOST": conftest.OLLAMA})


@pytest.fixture(scope="module")
def model() -> OllamaModel:
    try:
        server = look_at_ollama(URL)
    except BenchtuiError as error:
        pytest.skip(error.what)
    if MODEL:
        return server.model(MODEL)
    small = [found for found in server.models if found.bytes <= _SMALL and found.digest and not found.remote]
    if not small:
        pytest.skip(f"{server.url} has no model of at most 2 GB")
    return min(small, key=lambda found: found.bytes)


@pytest.fixture(scope="module")
def plan(model: OllamaModel) -> BenchmarkPlan:
    access = Access(URL)
    described = OLLAMA.describe(model.name, access)
    return BenchmarkPlan(
        model_name="m", bench_id="", created="", role="model", source=OLLAMA.source(None, described, None, access),
        tasks=(), prompts=PromptSettings(max_length=_WINDOW, chat_template=described.template.text), backend="ollama",
        backend_settings={}, backend_options={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def answering(plan: BenchmarkPlan) -> Iterator[OllamaAnswering]:
    made = open_model(plan, Told(), 1.0)  # type: ignore[arg-type]
    yield made
    made.close()


def ask(
    answering: OllamaAnswering, plan: BenchmarkPlan, *prompts: str, **settings: object
) -> tuple[list[str], Watching]:
    asked = {"until": ["§"], "max_gen_toks": 16, "do_sample": False, **settings}
    watching = Watching()
    requests = [Instance("generate_until", {}, (prompt, asked), 0) for prompt in prompts]
    return LmEvalModel(answering, plan.prompts, watching).generate_until(requests, disable_tqdm=True), watching


def test_the_server_and_its_model_are_described(model: OllamaModel, tmp_path: Path) -> None:
    server = look_at_ollama(URL)
    assert len(model.digest) == 64
    assert server.find(model.name) == model
    assert show(server.url, model.name).template is not None
    assert model.name in [found.name for found in OLLAMA.list_models(tmp_path, Access(URL))]
    with pytest.raises(UsageError, match="has no model"):
        show(server.url, "no-such-model-of-this-name")


def test_greedy_answers_are_the_same_again_and_four_at_once(answering: OllamaAnswering, plan: BenchmarkPlan) -> None:
    prompts = ["The capital of France is", "Water boils at", "1, 2, 3, 4,", "Once upon a time"]
    first, watching = ask(answering, plan, *prompts)
    again, _ = ask(answering, plan, *reversed(prompts))
    assert first == again[::-1]
    assert all(first)
    assert all(facts.tokens and facts.tokens <= 16 for facts in watching.facts)


def test_stops_and_limits_hold(answering: OllamaAnswering, plan: BenchmarkPlan) -> None:
    (text,), _ = ask(answering, plan, "1, 2, 3, 4, 5,", until=["7"])
    assert "7" not in text
    (short,), watching = ask(answering, plan, "Once upon a time", max_gen_toks=1)
    assert watching.facts[0].tokens == 1
    assert len(short) < 30


def test_a_prompt_that_is_too_long_is_told(answering: OllamaAnswering) -> None:
    watching, request = Watching(), GenerateRequest((), "word " * 900, 4, (), {}, 0, ("long",))
    answering.generate([request], lambda place, generated: pytest.fail("it was answered"), watching)
    ((_, why),) = watching.lost
    assert why.startswith("the prompt ")


def test_a_full_context_ends_the_answer(answering: OllamaAnswering) -> None:
    found = []
    request = GenerateRequest((), "one two three four five six " * 60, 400, (), {}, 0, ("full",))
    watching = Watching()
    answering.generate([request], lambda place, generated: found.append(generated), watching)
    if found:  # the repetition guard may have ended it, and what it ends is no answer
        assert found[0].window_full or found[0].finish == "end"
        assert (found[0].read or 0) + (found[0].count or 0) <= _WINDOW + 1
    else:
        assert "guard" in watching.lost[0][1]


def test_log_likelihoods_by_its_own_file(answering: OllamaAnswering, plan: BenchmarkPlan, model: OllamaModel) -> None:
    access = Access(URL)
    gives = OLLAMA.gives_of(OLLAMA.describe(model.name, access), access)
    if not gives.loglikelihood:
        assert gives.no_loglikelihood
        pytest.skip(gives.no_loglikelihood)
    assert is_local(URL)
    answering.check_tasks(loglikelihood=True)
    endings = [" Paris", " Rome", " a banana"]
    requests = [Instance("loglikelihood", {}, ("The capital of France is", ending), 0) for ending in endings]
    found = LmEvalModel(answering, plan.prompts, Unobserved()).loglikelihood(requests, disable_tqdm=True)
    assert found[0][0] > found[2][0]
    answering.check_same()
