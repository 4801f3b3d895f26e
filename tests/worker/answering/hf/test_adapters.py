"""Base and adapter in one worker give what lm-eval gives for each by itself, or one line names the adapter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchtui.errors import BenchtuiError
from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Decision, EventWriter
from benchtui.tasks.suites import TaskPlan
from benchtui.worker.answering.hf.answering import HFAnswering
from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.report import Reporter
from tests.worker.tiny_models import Tensors, edit, lm_eval_model, make_base, rewrite, scores, texts

LORA: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "up_proj"]}


@dataclass(frozen=True)
class Kind:
    """A kind of adapter: its configuration, what the base has to be like, whether the base may share its weights."""

    config: Any
    base: dict[str, Any]
    shares: bool = False


def _lora(**changes: Any) -> Any:
    return LoraConfig(**{**LORA, "task_type": "CAUSAL_LM", **changes})


KINDS: dict[str, Kind] = {
    "plain": Kind(_lora(), {}, shares=True),
    "gaussian": Kind(_lora(init_lora_weights="gaussian"), {}, shares=True),
    "rslora": Kind(_lora(use_rslora=True, r=8), {}, shares=True),
    "dora": Kind(_lora(use_dora=True), {}, shares=True),
    "all-linear": Kind(_lora(target_modules="all-linear"), {}, shares=True),
    "lm_head": Kind(_lora(target_modules=["q_proj", "lm_head"]), {}, shares=True),
    "embedding": Kind(_lora(target_modules=["embed_tokens", "q_proj"]), {}, shares=True),
    "bias all": Kind(_lora(bias="all"), {"attention_bias": True, "mlp_bias": True}),
    "bias lora_only": Kind(_lora(bias="lora_only"), {"attention_bias": True, "mlp_bias": True}),
    "pissa": Kind(_lora(init_lora_weights="pissa"), {}),
    "olora": Kind(_lora(init_lora_weights="olora"), {}),
    "modules_to_save": Kind(_lora(modules_to_save=["lm_head"]), {}),
    "modules_to_save, tied": Kind(_lora(modules_to_save=["embed_tokens", "lm_head"]), {"tie_word_embeddings": True}),
    "trained tokens": Kind(_lora(trainable_token_indices=[5, 6, 260]), {}),
    "layer replication": Kind(_lora(layer_replication=[[0, 2], [1, 2]]), {}),
    "alora": Kind(_lora(alora_invocation_tokens=[88]), {}),
    "ia3": Kind(
        peft.IA3Config(
            task_type="CAUSAL_LM", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]
        ),
        {},
    ),
    "loha": Kind(peft.LoHaConfig(task_type="CAUSAL_LM", r=4, alpha=8, target_modules=["q_proj", "up_proj"]), {}),
    "vera": Kind(peft.VeraConfig(task_type="CAUSAL_LM", r=8, target_modules=["q_proj"]), {}),
    "oft": Kind(peft.OFTConfig(task_type="CAUSAL_LM", oft_block_size=8, target_modules=["q_proj"]), {}),
    "layer norms": Kind(peft.LNTuningConfig(task_type="CAUSAL_LM"), {}),
    "eva": Kind(_lora(init_lora_weights="eva", eva_config=peft.EvaConfig()), {}),
    "lora bias": Kind(_lora(lora_bias=True), {}, shares=True),
    "excluded modules": Kind(_lora(exclude_modules=["up_proj"]), {}, shares=True),
    "some layers": Kind(_lora(layers_to_transform=[1]), {}, shares=True),
    "ranks of their own": Kind(_lora(rank_pattern={"q_proj": 2}, alpha_pattern={"v_proj": 32}), {}, shares=True),
    "lokr": Kind(peft.LoKrConfig(task_type="CAUSAL_LM", r=4, alpha=8, target_modules=["q_proj"]), {}),
    "boft": Kind(peft.BOFTConfig(task_type="CAUSAL_LM", boft_block_size=8, target_modules=["q_proj"]), {}),
    "hra": Kind(peft.HRAConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"]), {}),
    "fourier": Kind(peft.FourierFTConfig(task_type="CAUSAL_LM", n_frequency=20, target_modules=["q_proj"]), {}),
    "p-tuning": Kind(peft.PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=3, encoder_hidden_size=16), {}),
    "prompt tuning": Kind(peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3), {}),
    "prefix tuning": Kind(peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3), {}),
}


@pytest.fixture
def reporter(tmp_path: Path) -> Iterator[Reporter]:
    reporter = Reporter(EventWriter(tmp_path / "events.jsonl"))
    yield reporter
    reporter.close()


def save_adapter(base: Path, folder: Path, config: Any, *, tokenizer: bool = False) -> Path:
    """An adapter whose every trained number has moved."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(9)
    wrapped = get_peft_model(model, config)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    wrapped.save_pretrained(folder)
    edit(folder / "adapter_config.json", base_model_name_or_path=str(base))
    if tokenizer:
        AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def plan(base: Path, adapter: Path | None = None, **changes: Any) -> BenchmarkPlan:
    settings: dict[str, Any] = {"batch_size": 1, "device": "cpu", **changes}
    return BenchmarkPlan(
        model_name="m",
        role="fine-tuned" if adapter else "base",
        source=FolderSource(str(base), "", adapter=str(adapter) if adapter else None),
        tasks=(TaskPlan("t"),),
        prompts=PromptSettings(dtype="float32"),
        bench_id="",
        created="",
        **settings,
    )


def answers(loaded: HFAnswering) -> tuple[list[float], list[str]]:
    lm = LmEvalModel(loaded, PromptSettings())
    return scores(lm), texts(lm)


def assert_same(given: tuple[list[float], list[str]], expected: tuple[list[float], list[str]]) -> None:
    assert given[0] == pytest.approx(expected[0], abs=1e-4)
    assert given[1] == expected[1]


def by_lm_eval(base: Path, adapter: Path | None = None, **settings: Any) -> tuple[list[float], list[str]]:
    lm = lm_eval_model(base, **({"peft": str(adapter)} if adapter else {}), **settings)
    return scores(lm), texts(lm)


@pytest.mark.parametrize("engine", ["fast", "lm-eval"])
@pytest.mark.parametrize("name", KINDS)
def test_base_then_adapter_in_one_worker(name: str, engine: str, tmp_path: Path, reporter: Reporter) -> None:
    kind = KINDS[name]
    base = make_base(tmp_path / "base", **kind.base)
    adapter = save_adapter(base, tmp_path / "lora", kind.config)
    loaded = HFAnswering.open(plan(base, backend_settings={"engine": engine}), reporter, 1.0)
    assert_same(answers(loaded), by_lm_eval(base))
    tuned = plan(base, adapter, backend_settings={"engine": engine})
    assert loaded.adapt(tuned, reporter, 1.0)
    if name == "modules_to_save, tied":  # lm-eval itself fails (`tie_weights`); peft alone is the reference
        reference = lm_eval_model(base)
        reference._model = peft.PeftModel.from_pretrained(reference._model, adapter).eval()
        expected = scores(reference), texts(reference)
    else:
        expected = by_lm_eval(base, adapter)
    assert_same(answers(loaded), expected)
    assert expected[0] != pytest.approx(by_lm_eval(base)[0], abs=1e-4) or name == "alora", "the adapter does something"
    assert not loaded.adapt(plan(base), reporter, 1.0), "what carries an adapter is the base no longer"
    assert loaded.lm.caveats == []


@pytest.mark.parametrize("name", KINDS)
def test_side_by_side_the_base_is_the_base(
    name: str, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchtui.worker.answering.hf import answering

    monkeypatch.setattr(answering, "free_memory", lambda _: 2**40)
    kind = KINDS[name]
    base = make_base(tmp_path / "base", **kind.base)
    adapter = save_adapter(base, tmp_path / "lora", kind.config)
    loaded = HFAnswering.open(plan(base), reporter, 1.0)
    expected = answers(loaded)
    beside = loaded.beside(plan(base, adapter), reporter, 1.0)
    assert beside is not None
    assert loaded.shares_weights == kind.shares
    told = [event for event in read_events(tmp_path / "events.jsonl") if isinstance(event, Decision)]
    assert any(event.what == "base" and "switched off" in event.why for event in told) != kind.shares
    tuned = answers(beside)
    for _ in range(2):
        assert_same(answers(loaded), expected)
        assert_same(answers(beside), tuned)
    if name != "alora":
        assert tuned[0] != pytest.approx(expected[0], abs=1e-4)


def test_several_adapters_on_the_weights_of_one_base(tmp_path: Path, reporter: Reporter) -> None:
    base = make_base(tmp_path / "base")
    adapters = [
        save_adapter(base, tmp_path / "one", _lora()),
        save_adapter(base, tmp_path / "two", _lora(r=8, target_modules=["k_proj", "down_proj"])),
        save_adapter(base, tmp_path / "three", _lora(use_dora=True)),
    ]
    loaded = HFAnswering.open(plan(base), reporter, 1.0)
    expected = answers(loaded)
    beside = [loaded.beside(plan(base, adapter), reporter, 1.0) for adapter in adapters]
    assert len({id(one.lm.model) for one in (loaded, *beside) if one is not None}) == 1
    for _ in range(2):
        for one, adapter in zip(beside, adapters, strict=True):
            assert one is not None
            assert_same(answers(one), by_lm_eval(base, adapter))
            assert_same(answers(loaded), expected)


def test_a_base_that_is_changed_in_secret_is_noticed(tmp_path: Path, reporter: Reporter) -> None:
    """An adapter whose configuration says nothing, but whose file carries an embedding of its own."""
    base = make_base(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "lora", _lora())
    rewrite(
        adapter,
        lambda tensors: tensors | {"base_model.model.model.norm.weight": torch.full((32,), 0.5)},
        "adapter_model",
    )
    loaded = HFAnswering.open(plan(base), reporter, 1.0)
    assert loaded.beside(plan(base, adapter), reporter, 1.0) is None
    assert not loaded.adapt(plan(base), reporter, 1.0), "so the base is loaded again, by itself"


def test_an_adapter_with_tokens_of_its_own(tmp_path: Path, reporter: Reporter) -> None:
    base = make_base(tmp_path / "base")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|think|>", "<|end|>"]})
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model.resize_token_embeddings(len(tokenizer))
    wrapped = get_peft_model(model, _lora(modules_to_save=["embed_tokens", "lm_head"]))
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    adapter = tmp_path / "lora"
    wrapped.save_pretrained(adapter)
    tokenizer.save_pretrained(adapter)
    loaded = HFAnswering.open(plan(base), reporter, 1.0)
    assert_same(answers(loaded), by_lm_eval(base))
    assert loaded.adapt(plan(base, adapter), reporter, 1.0)
    assert_same(answers(loaded), by_lm_eval(base, adapter, tokenizer=str(adapter)))
    alone = HFAnswering.open(plan(base, adapter), reporter, 1.0)
    assert_same(answers(alone), by_lm_eval(base, adapter, tokenizer=str(adapter)))


def test_a_vocabulary_that_lm_eval_shrinks_for_the_adapter_alone(tmp_path: Path, reporter: Reporter) -> None:
    """Padded embeddings (Qwen's): HFLM cuts them to the tokenizer where there is an adapter, and nowhere else."""
    base = make_base(tmp_path / "base", vocab_size=384)
    adapter = save_adapter(base, tmp_path / "lora", _lora())
    loaded = HFAnswering.open(plan(base), reporter, 1.0)
    expected = by_lm_eval(base)
    assert_same(answers(loaded), expected)
    assert loaded.beside(plan(base, adapter), reporter, 1.0) is None
    again = HFAnswering.open(plan(base), reporter, 1.0)
    assert again.adapt(plan(base, adapter), reporter, 1.0)
    assert_same(answers(again), by_lm_eval(base, adapter))


def refused(base: Path, adapter: Path, reporter: Reporter) -> str:
    loaded = HFAnswering.open(plan(base), reporter, 1.0)
    with pytest.raises(BenchtuiError) as caught:
        assert loaded.adapt(plan(base, adapter), reporter, 1.0)
    assert str(adapter) in caught.value.what
    assert caught.value.next_step
    assert "\n" not in str(caught.value)
    return caught.value.what


def changed(tmp_path: Path, change: Any, config: Any = None) -> tuple[Path, Path]:
    base = make_base(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "lora", config or _lora())
    return base, rewrite(adapter, change, "adapter_model")


@pytest.mark.parametrize("prefix", ["model.", "module.", "_orig_mod.", "base_model.model."])
def test_an_adapter_whose_names_fit_nothing(prefix: str, tmp_path: Path, reporter: Reporter) -> None:
    base, adapter = changed(tmp_path, lambda tensors: {prefix + name: t for name, t in tensors.items()})
    assert "none of the adapter's 12 tensors fits the model" in refused(base, adapter, reporter)


def test_an_adapter_for_layers_that_the_model_does_not_have(tmp_path: Path, reporter: Reporter) -> None:
    base, adapter = changed(tmp_path, lambda tensors: {n.replace("layers.", "layers.7"): t for n, t in tensors.items()})
    assert "none of the adapter's 12 tensors fits the model" in refused(base, adapter, reporter)


def test_an_adapter_without_tensors(tmp_path: Path, reporter: Reporter) -> None:
    base, adapter = changed(tmp_path, lambda _: {})
    assert "has no tensors" in refused(base, adapter, reporter)


def test_an_adapter_with_empty_tensors(tmp_path: Path, reporter: Reporter) -> None:
    base, adapter = changed(tmp_path, lambda tensors: {name: torch.zeros(0) for name in tensors})
    assert "12 of 12 tensors" in refused(base, adapter, reporter)


def test_an_adapter_that_lacks_some(tmp_path: Path, reporter: Reporter) -> None:
    base, adapter = changed(tmp_path, lambda tensors: {n: t for n, t in tensors.items() if "layers.1." not in n})
    assert "6 tensors that the configuration" in refused(base, adapter, reporter)


def test_an_adapter_that_lacks_what_it_says_it_saves(tmp_path: Path, reporter: Reporter) -> None:
    def change(tensors: Tensors) -> Tensors:
        return {name: tensor for name, tensor in tensors.items() if "lm_head" not in name}

    base, adapter = changed(tmp_path, change, _lora(modules_to_save=["lm_head"]))
    assert "lm_head" in refused(base, adapter, reporter)


def test_an_adapter_of_another_size(tmp_path: Path, reporter: Reporter) -> None:
    adapter = save_adapter(make_base(tmp_path / "other", hidden_size=64), tmp_path / "lora", _lora())
    said = refused(make_base(tmp_path / "base"), adapter, reporter)
    assert "4 x 64" in said
    assert "4 x 32" in said


def test_an_adapter_for_modules_that_the_model_does_not_have(tmp_path: Path, reporter: Reporter) -> None:
    base = make_base(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "lora", _lora())
    edit(adapter / "adapter_config.json", target_modules=["query_key_value"])
    refused(base, adapter, reporter)


def test_tensors_that_the_configuration_does_not_ask_for_are_a_caveat(tmp_path: Path, reporter: Reporter) -> None:
    base = make_base(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "lora", _lora())
    written = json.loads((adapter / "adapter_config.json").read_text())
    edit(
        adapter / "adapter_config.json", target_modules=[name for name in written["target_modules"] if name != "v_proj"]
    )
    loaded = HFAnswering.open(plan(base, adapter), reporter, 1.0)
    assert_same(answers(loaded), by_lm_eval(base, adapter))
    (caveat,) = loaded.facts.caveats
    assert caveat.startswith("4 of the adapter's 12 tensors are not used")


def test_an_adapter_that_changes_nothing_is_a_caveat(tmp_path: Path, reporter: Reporter) -> None:
    base, adapter = changed(tmp_path, lambda tensors: {n: t * ("lora_A" in n) for n, t in tensors.items()})
    loaded = HFAnswering.open(plan(base, adapter), reporter, 1.0)
    (caveat,) = loaded.facts.caveats
    assert "changes nothing" in caveat


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"loftq_bits": 4, "loftq_iter": 1}, "bitsandbytes is not available"), ({"loftq_bits": 4}, "loftq_iter")],
    ids=["its library is not here", "a setting is not there"],
)
def test_a_quantizing_adapter_is_never_called_short_of_tensors(
    settings: dict[str, int], said: str, tmp_path: Path, reporter: Reporter
) -> None:
    base = make_base(tmp_path / "base")
    adapter = save_adapter(base, tmp_path / "lora", _lora())
    edit(adapter / "adapter_config.json", init_lora_weights="loftq", loftq_config=settings)
    with pytest.raises(BenchtuiError) as stopped:
        HFAnswering.open(plan(base, adapter), reporter, 1.0)
    assert f"The adapter {adapter} cannot be loaded" in stopped.value.what
    assert said in stopped.value.what
    assert ("Install that library" in stopped.value.next_step) == said.startswith("bitsandbytes")
