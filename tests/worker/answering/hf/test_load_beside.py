"""A second model beside the first: on the same weights, loaded as well, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.plans.prepare import PreparedBench
from benchtui.runs.events import EventWriter
from benchtui.worker.answering.hf import answering, load
from benchtui.worker.answering.hf.answering import HFAnswering
from benchtui.worker.answering.next_token import Distributions, TextGrower
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.report import Reporter
from tests.runs.laid_out import Laid

PLENTY = 2**40


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    reporter = Reporter(EventWriter(tmp_path / "events.jsonl"))
    yield reporter
    reporter.close()


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path)


def base_and_tuned(prepared: PreparedBench, reporter: Reporter) -> tuple[HFAnswering, HFAnswering | None]:
    assert prepared.base is not None
    base = HFAnswering.open(prepared.base, reporter, 1.0)
    return base, base.beside(prepared.fine_tuned, reporter, 1.0)


def logit(loaded: HFAnswering) -> float:
    import torch

    with torch.no_grad(), loaded.as_planned():
        return float(loaded.lm.model(torch.tensor([[5, 6, 7]])).logits[0, -1, 9])


def test_two_models_where_there_is_room_and_one_where_there_is_none(
    laid: Laid, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "free_memory", lambda _: PLENTY)
    base, tuned = base_and_tuned(laid.prepared(), reporter)
    assert tuned is not None
    assert tuned.lm.model is not base.lm.model
    assert logit(base) != logit(tuned)
    monkeypatch.setattr(answering, "free_memory", lambda _: 0)
    assert base.beside(laid.prepared().fine_tuned, reporter, 1.0) is None


def test_memory_that_was_taken_meanwhile_is_no_failure(
    laid: Laid, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object, **__: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    prepared = laid.prepared()
    assert prepared.base is not None
    base = HFAnswering.open(prepared.base, reporter, 1.0)
    monkeypatch.setattr(answering, "free_memory", lambda _: PLENTY)
    monkeypatch.setattr(load, "_engine", lambda _: no_memory)
    assert base.beside(prepared.fine_tuned, reporter, 1.0) is None
    assert logit(base) == logit(base), "the one that is there can be asked as before"


def test_an_adapter_and_its_base_are_one_set_of_weights(laid: Laid, reporter: Reporter) -> None:
    save_adapter(laid.outputs / "tuned" / "lora", laid.folder / "base")
    base, tuned = base_and_tuned(laid.prepared(format="lora"), reporter)
    assert tuned is not None
    assert tuned.lm.model is base.lm.model
    alone = logit(base)
    with_adapter = logit(tuned)
    assert alone != with_adapter
    assert (logit(base), logit(tuned)) == (alone, with_adapter), "taking turns changes neither"


def test_an_adapter_and_its_base_give_distributions_and_grow_texts_in_turn(laid: Laid, reporter: Reporter) -> None:
    import torch

    save_adapter(laid.outputs / "tuned" / "lora", laid.folder / "base")
    ids = [5, 6, 7, 8]
    both = base_and_tuned(laid.prepared(format="lora"), reporter)
    texts = []
    for loaded in both:
        assert isinstance(loaded, Distributions)
        assert isinstance(loaded, TextGrower)
        texts.append(loaded.grow(Unobserved()))
    for length in (2, 3, 4):
        for loaded, growing in zip(both, texts, strict=True):
            with torch.no_grad(), loaded.as_planned():
                logits = loaded.lm.model(torch.tensor([ids[:length]])).logits[0]
            wanted = torch.log_softmax(logits.float(), dim=-1).numpy()
            (given,) = loaded.distributions(ids[:length], 1, Unobserved())
            assert given.logprobs == pytest.approx(wanted, abs=1e-4)
            new = ids[len(growing.ids) : length]
            assert growing.step(new) == pytest.approx(wanted[-len(new) :], abs=1e-4)


def save_adapter(folder: Path, base: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(folder)
    written = folder / "adapter_config.json"
    written.write_text(json.dumps({**json.loads(written.read_text()), "base_model_name_or_path": str(base)}))
