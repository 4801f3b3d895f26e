"""A model that cannot be opened leaves no connection to its server behind."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import pytest

from benchtui.backends.servers import look
from benchtui.errors import BenchtuiError
from benchtui.models.source import ServedSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.worker.answering.openai.open import open_model
from tests.worker.answering.openai.fake import Asked, Fake, Reply
from tests.worker.answering.openai.llama_asking import Told


class AnswersNothing(Fake):
    def fault(self, asked: Asked) -> Reply | None:
        return Reply(404, {}) if asked.body else None


class Llama(Fake):
    """A llama-server as far as it goes: which request fails is `failing`."""

    owned_by = "llamacpp"
    failing = ""
    props: ClassVar = {
        "default_generation_settings": {"n_ctx": 64, "params": {}},
        "total_slots": 1,
        "bos_token": "",
        "eos_token": "",
        "chat_template": "",
        "model_path": "/m.gguf",
    }

    def model_card(self) -> dict[str, Any]:
        return {**super().model_card(), "meta": {"n_ctx_train": 64, "n_vocab": 256}}

    def fault(self, asked: Asked) -> Reply | None:
        if asked.path == self.failing:
            return Reply(400, {"error": {"message": "no"}})
        if asked.path == "/props":
            return Reply(body=self.props)
        if asked.path in ("/slots", "/lora-adapters"):
            return Reply(501, {})
        if asked.path == "/tokenize":
            return Reply(body={"tokens": [1]})
        if asked.path == "/detokenize":
            return Reply(body={"content": "a"})
        return None


class NoSlots(Llama):
    def fault(self, asked: Asked) -> Reply | None:
        if asked.path == "/props":
            return Reply(body={**self.props, "total_slots": None})
        return super().fault(asked)


class CannotTokenise(Llama):
    failing = "/tokenize"


@pytest.mark.parametrize(
    ("fake", "changed", "words"),
    [
        (Fake, {"identity": "another"}, "has another model than the plan names"),
        (AnswersNothing, {}, "answers no prompt"),
        (Fake, {"tokenizer": "/no/such/tokenizer"}, "cannot be loaded"),
        (NoSlots, {}, "does not say what it has loaded"),
        (CannotTokenise, {}, "refuses what it is asked"),
    ],
)
def test_what_cannot_be_opened_is_closed(fake: type[Fake], changed: dict[str, str], words: str) -> None:
    with fake() as server:
        facts = look(server.url)
        model = facts.models[0]
        plan = BenchmarkPlan(
            model_name="m", bench_id="", created="", role="model", tasks=(), prompts=PromptSettings(), backend="openai",
            source=ServedSource(
                model.name, changed.get("identity", model.identity), server=server.url, product=facts.product
            ),
            backend_settings={"tokenizer": changed.get("tokenizer", "none")},
        )  # fmt: skip
        with pytest.raises(BenchtuiError, match=words) as held:
            open_model(plan, Told(), 1.0)  # type: ignore[arg-type]
        end = time.monotonic() + 5
        while server.connections and time.monotonic() < end:
            time.sleep(0.01)
        assert not server.connections, "the connections stay open while the error is looked at"
        assert held.value.what
