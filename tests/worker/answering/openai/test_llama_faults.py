"""A real llama-server that is gone, or comes back as another one: one line, and nothing is lost."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from benchtui.backends.access import Access
from benchtui.backends.openai import OPENAI
from benchtui.backends.servers import look
from benchtui.errors import BenchtuiError
from benchtui.models.source import ServedSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.worker.answering.openai.open import open_chat, open_model
from tests.conftest import absent
from tests.llama_server import free_port, llama_server
from tests.worker.answering.openai.llama_asking import S260, Told, edited, opened, texts
from tests.worker.answering.openai.test_llama_server import PROMPTS, requests

pytestmark = [pytest.mark.llama_server, pytest.mark.hub]


@pytest.fixture(scope="module", autouse=True)
def _here() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        absent("llama_server", "no llama-server: install xllamacpp")
    if not S260.is_file():
        absent("hub", "no hub beside the checkout")


def planned(url: str, **more: Any) -> BenchmarkPlan:
    model = look(url).models[0]
    return BenchmarkPlan(
        model_name="m",
        bench_id="",
        created="",
        role="model",
        source=ServedSource(model.name, model.identity, server=url, product="llama-server"),
        tasks=(),
        prompts=PromptSettings(**more),
        backend="openai",
    )


def test_a_killed_server_ends_the_run_with_one_line_and_the_rest_is_asked_for_later(tmp_path: Path) -> None:
    port, found = free_port(), dict[int, Any]()
    with llama_server(S260, port=port) as first:
        plan = planned(first.url)
        answering = opened(first.url)
        wanted = [one.ids for one in texts(answering, PROMPTS)]
        asked = requests(answering)

        def answered(index: int, generated: Any) -> None:
            found[index] = generated.ids
            if len(found) == 2:
                first.process.kill()
                first.process.wait()

        with pytest.raises(BenchtuiError, match=r"gave no answer for 3s: ") as gone:
            answering.generate(asked, answered, Told())  # type: ignore[arg-type]
        answering.close()
    assert "`benchtui resume`" in gone.value.next_step
    assert "\n" not in gone.value.what
    assert sorted(found) == [0, 1]

    other = edited(S260, tmp_path / "other.gguf", lambda tensors: tensors["output_norm.weight"].__imul__(1.1))
    with llama_server(other, port=port), pytest.raises(BenchtuiError, match=r"no model 'stories260K-F32\.gguf'"):
        open_model(plan, Told(), 1.0)  # type: ignore[arg-type]
    with (
        llama_server(S260, port=port, context=512),
        pytest.raises(BenchtuiError, match=r"another model than the plan names \(.*n_ctx=512; planned .*n_ctx=2048\)"),
    ):
        open_model(plan, Told(), 1.0)  # type: ignore[arg-type]

    with llama_server(S260, port=port):
        again: Any = open_model(plan, Told(), 1.0)  # type: ignore[arg-type]
        rest = [asked[index] for index in range(len(asked)) if index not in found]
        left = [index for index in range(len(asked)) if index not in found]
        again.generate(rest, lambda place, generated: found.__setitem__(left[place], generated.ids), Told())
        again.close()
    assert [found[index] for index in range(len(asked))] == wanted


def test_a_missing_template_is_not_guessed_and_a_present_one_is_rendered_here(tmp_path: Path) -> None:
    """A GGUF without a template: the server shows ChatML for it (outlines#1790, llama.cpp#19585)."""
    bare = edited(S260, tmp_path / "bare.gguf", lambda _tensors: None, tokenizer__chat_template=None)
    with llama_server(bare) as server:
        assert "<|im_start|>" in server.get("/props")["chat_template"]
        found = OPENAI.describe(look(server.url).models[0].name, Access(server=server.url))
        assert found.chat_template is None
        assert "give --chat-template FILE" in found.template.problem
    with llama_server(S260) as server:
        found = OPENAI.describe(look(server.url).models[0].name, Access(server=server.url))
        assert found.chat_template == server.get("/props")["chat_template"]
        plan = planned(server.url, chat_template="{{ bos_token }}{% for m in messages %}{{ m.content }}!{% endfor %}")
        rendered = open_chat(plan).render([{"role": "user", "content": "Go"}], add_generation_prompt=True)
        assert rendered == "<s>Go!"
