"""What a server is known by: nothing of it may be lost, neither to a limit of length nor to a server that is slow."""

from __future__ import annotations

from typing import Any

import pytest

from benchtui.backends.servers import look
from benchtui.errors import BenchtuiError
from benchtui.worker.answering.http.client import Address
from benchtui.worker.answering.openai.server import Server
from benchtui.worker.answering.protocol import ModelChangedError
from tests.worker.answering.openai.fake import Asked, Fake, Reply


class Llama(Fake):
    """Lists its model as llama-server does, with `adapters` by path and scale. `faults` are answered first, by path."""

    owned_by = "llamacpp"
    model_path = "/models/m.gguf"

    def __init__(self) -> None:
        super().__init__()
        self.adapters: list[dict[str, Any]] = [{"id": 0, "path": "a.gguf", "scale": 1.0}]
        self.faults: dict[str, list[Reply]] = {}

    def fault(self, asked: Asked) -> Reply | None:
        if waiting := self.faults.get(asked.path):
            return waiting.pop(0)
        if asked.path == "/props":
            return Reply(body={"model_path": self.model_path, "default_generation_settings": {"n_ctx": 2048}})
        return Reply(body=self.adapters) if asked.path == "/lora-adapters" else None


class Sglang(Llama):
    owned_by = "sglang"

    def fault(self, asked: Asked) -> Reply | None:
        if waiting := self.faults.get(asked.path):
            return waiting.pop(0)
        return Reply(body={"model_path": "m", "weight_version": "7"}) if asked.path == "/model_info" else None


def identity(fake: Fake) -> str:
    return look(fake.url).models[0].identity


def test_what_does_not_fit_into_an_identity_still_tells_models_apart() -> None:
    with Llama() as fake:
        assert identity(fake) == "fake-1 model_path=/models/m.gguf n_ctx=2048 adapter=a.gguf@1.0"
        fake.adapters = [{"id": place, "path": f"/adapters/{place:060}", "scale": 1.0} for place in range(20)]
        whole = identity(fake)
        assert len(whole) <= 600
        assert identity(fake) == whole
        fake.adapters[-1]["scale"] = 0.5
        assert identity(fake) != whole
        fake.adapters = [{"id": 0, "path": "one\ntwo", "scale": 1.0}]
        two = identity(fake)
        fake.adapters[0]["path"] = "one\nthree"
        assert identity(fake) != two
        assert "\n" not in two
        fake.adapters, fake.model = [], "m" * 700
        named = identity(fake)
        fake.model_path = "/models/other.gguf"
        assert identity(fake) != named


@pytest.mark.parametrize(
    ("kind", "path", "fault"),
    [
        (Llama, "/props", Reply(body={}, broken=True)),
        (Llama, "/lora-adapters", Reply(503, {})),
        (Sglang, "/model_info", Reply(429, {})),
        (Sglang, "/server_info", Reply(500, {})),
    ],
)
def test_a_slow_route_makes_no_other_model(kind: type[Llama], path: str, fault: Reply) -> None:
    """A server that is busy fails at a route now and then; where it stays so, what it has is not known."""
    with kind() as fake:
        right = look(fake.url)
        fake.faults[path] = [fault]
        assert look(fake.url) == right
        fake.faults[path] = [Reply(500, {}) for _ in range(3)]
        with pytest.raises(BenchtuiError, match=rf"does not answer at {path}: HTTP 500"):
            look(fake.url)
        fake.faults[path] = [Reply(401, {})]
        with pytest.raises(BenchtuiError, match=r"wants a key"):
            look(fake.url)


def test_a_model_that_cannot_be_compared_is_not_called_another_one() -> None:
    with Llama() as fake:
        server = Server(Address(fake.url), fake.model)
        fake.faults["/props"] = [Reply(504, {}) for _ in range(3)]
        with pytest.raises(ModelChangedError, match=r"still has the same model is not known: .* at /props: HTTP 504"):
            server.check_same()
        server.check_same()
        server.close()


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_route_that_is_not_there_is_asked_for_once(status: int) -> None:
    with Llama() as fake:
        fake.faults["/lora-adapters"] = [Reply(status, {})]
        assert identity(fake) == "fake-1 model_path=/models/m.gguf n_ctx=2048"
        assert [asked.path for asked in fake.asked].count("/lora-adapters") == 1


class WithAdapter(Fake):
    """Lists an adapter as vLLM does: without a window, after its base."""

    owned_by = "vllm"

    def fault(self, asked: Asked) -> Reply | None:
        if asked.path != "/v1/models":
            return None
        adapter = {"id": "tuned", "owned_by": "vllm", "root": "/adapters/tuned", "parent": self.model}
        return Reply(body={"data": [{**self.model_card(), "parent": None}, {**adapter, "max_model_len": None}]})


def test_an_adapter_has_the_window_of_its_base() -> None:
    with WithAdapter() as fake:
        base, adapter = look(fake.url).models
    assert (adapter.parent, adapter.window) == (base.name, base.window) == ("fake-1", 4096)
