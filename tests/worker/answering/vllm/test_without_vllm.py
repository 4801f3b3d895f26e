"""What is said where vLLM is not installed, and what is asked of it: without vLLM itself."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from benchtui.backends.access import Access
from benchtui.backends.vllm import VLLM
from benchtui.errors import BenchtuiError
from benchtui.worker.answering.protocol import GenerateRequest, Unobserved
from benchtui.worker.answering.vllm import lora
from benchtui.worker.answering.vllm.engine import Asked, Engine
from benchtui.worker.answering.vllm.generation import generate, sampling


def test_without_vllm_an_environment_of_its_own_is_proposed() -> None:
    with pytest.raises(BenchtuiError) as caught:
        VLLM.check(Access())
    assert "--python vllm-env/bin/python" in caught.value.next_step


def test_greedy_settings_keep_only_what_acts_on_greedy_texts() -> None:
    defaults = {"temperature": 0.6, "top_p": 0.9, "repetition_penalty": 1.1}
    assert sampling({"until": ["x"], "do_sample": False, "temperature": 0.7}, defaults) == {
        "temperature": 0.0,
        "repetition_penalty": 1.1,
    }
    assert sampling({"temperature": 0.7}, defaults) == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 50,
        "repetition_penalty": 1.1,
    }


def test_a_setting_that_vllm_does_not_have_is_refused() -> None:
    with pytest.raises(BenchtuiError, match="num_beams"):
        sampling({"num_beams": 4, "do_sample": False}, {})


@dataclass
class FakeEngine:
    """Answers in the order of the prompts' lengths, one token a step; remembers how many were inside at once."""

    inside: dict[str, int] = field(default_factory=dict)
    most: int = 0
    aborted: list[str] = field(default_factory=list)
    adapters: list[Any] = field(default_factory=list)
    reasons: dict[int, str | None] = field(default_factory=dict)

    def add_request(self, name: str, prompt: dict[str, list[int]], params: Any, lora_request: Any = None) -> None:
        self.adapters.append(lora_request)
        self.inside[name] = len(prompt["prompt_token_ids"])
        self.most = max(self.most, len(self.inside))

    def step(self) -> list[Any]:
        name = min(self.inside, key=lambda name: self.inside[name])
        length = self.inside.pop(name)
        written = SimpleNamespace(token_ids=[length], finish_reason=self.reasons.get(length, "stop"), stop_reason=None)
        return [
            SimpleNamespace(
                request_id=name, outputs=[written], prompt_token_ids=[0] * length, num_cached_tokens=0, finished=True
            )
        ]

    def abort_request(self, names: list[str]) -> None:
        self.aborted += names


class Told(Unobserved):
    def __init__(self) -> None:
        self.count = 0
        self.without: list[tuple[tuple[Any, ...], str]] = []

    def unanswered(self, request_args: tuple[Any, ...], why: str) -> None:
        self.without.append((request_args, why))

    def tokens(self, n: int) -> None:
        self.count += n


def engine_of(fake: FakeEngine) -> Engine:
    return Engine(SimpleNamespace(llm_engine=fake), rows=4)


def test_each_answer_goes_to_its_request_and_few_are_inside_at_once() -> None:
    fake, told, found = FakeEngine(), Told(), dict[int, int]()
    lengths = [9, 3, 7, 1, 5, 8, 2, 6, 4, 10]
    asked = [Asked([0] * length, None, ((),)) for length in lengths]
    engine_of(fake).ask(asked, lambda place, output: found.update({place: output.outputs[0].token_ids[0]}), told)
    assert [found[place] for place in range(len(lengths))] == lengths
    assert fake.most == 4
    assert told.count == sum(lengths) + len(lengths)


def test_an_adapter_goes_with_every_request_and_prompts_are_scored_one_at_a_time() -> None:
    fake = FakeEngine()
    engine = Engine(SimpleNamespace(llm_engine=fake), 4, "the adapter")
    asked = [Asked([0] * length, None, ((),)) for length in range(1, 7)]
    engine.ask(asked, lambda *_: None, Unobserved(), rows=engine.scored_rows)
    assert (fake.most, set(fake.adapters)) == (1, {"the adapter"})
    engine.ask(asked, lambda *_: None, Unobserved())
    assert fake.most == 4
    assert engine_of(FakeEngine()).scored_rows == 4


@pytest.mark.parametrize(("used", "words"), [(2, ""), (1, "uses 1 of the 2 matrix pairs"), (None, "does not take")])
def test_every_matrix_of_an_adapter_is_accounted_for(
    monkeypatch: pytest.MonkeyPatch, used: int | None, words: str
) -> None:
    request = SimpleNamespace(LoRARequest=lambda *told: told)
    monkeypatch.setitem(sys.modules, "vllm.lora.request", request)

    def add(_: Any) -> None:
        if used is None:
            raise ValueError("expected target modules in {'q_proj'} but received ['conv']")

    together = SimpleNamespace(lora_b=["v", None, "q" if used == 2 else None])
    manager = SimpleNamespace(
        modules={"layers.0.qkv_proj": None},
        list_adapters=lambda: {
            1: SimpleNamespace(loras={"layers.0.qkv_proj": together, "lm_head": SimpleNamespace(lora_b="h")})
        },
    )
    worker = SimpleNamespace(model_runner=SimpleNamespace(lora_manager=SimpleNamespace(_adapter_manager=manager)))
    llm = SimpleNamespace(llm_engine=SimpleNamespace(add_lora=add), collective_rpc=lambda call: [call(worker)])
    if not words:
        assert lora.put_on(llm, adapter_with(2)) == ("adapter", 1, "/m/lora")
        return
    with pytest.raises(BenchtuiError, match=words) as error:
        lora.put_on(llm, adapter_with(2))
    assert "Merge it into its base first" in error.value.next_step


def adapter_with(pairs: int) -> Any:
    names = [f"layers.{place}.q_proj.lora_{side}.weight" for place in range(pairs) for side in "AB"]
    return SimpleNamespace(
        name="/m/lora", config={"r": 16}, tensors={name: SimpleNamespace(shape=(16, 16)) for name in names}
    )


def test_the_room_for_an_adapter_is_what_it_needs_unless_the_user_says_more() -> None:
    assert lora.arguments(None, {}) == {}
    assert lora.arguments(adapter_with(1), {})["max_lora_rank"] == 16
    assert lora.arguments(adapter_with(1), {"max_lora_rank": 64})["max_lora_rank"] == 64
    with pytest.raises(BenchtuiError, match="max_lora_rank=8 in --model-args, and the adapter needs 16"):
        lora.arguments(adapter_with(1), {"max_lora_rank": 8})


def test_what_was_asked_is_taken_back_when_the_work_is_stopped() -> None:
    fake = FakeEngine()

    def stop(place: int, output: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine_of(fake).ask([Asked([0] * 3, None, ((),))] * 6, stop, Unobserved())
    assert len(fake.aborted) == 3
    assert set(fake.aborted) == set(fake.inside)


def test_half_a_text_that_vllm_gave_up_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(SamplingParams=lambda **settings: settings))
    fake, told, found = FakeEngine(reasons={2: "abort", 3: "length", 4: "error", 5: None}), Told(), dict[int, str]()
    asked = [GenerateRequest([0] * n, "", 8, (), {"do_sample": False}, 0, (f"prompt {n}",)) for n in range(1, 6)]
    tokens: Any = SimpleNamespace(decode=lambda ids: "text")
    generate(
        engine_of(fake),
        asked,
        lambda place, generated: found.update({place: generated.finish}),
        told,
        tokens=tokens,
        defaults={},
    )
    assert found == {0: "end", 2: "length"}
    assert told.without == [
        ((f"prompt {n}",), f"vLLM gave it up (finish reason {why})")
        for n, why in ((2, "abort"), (4, "error"), (5, None))
    ]
