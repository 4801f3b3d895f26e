"""What an adapter's header shows, by itself and beside its base; what PEFT saves is never flagged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.models.describe import describe
from benchtui.models.discovery import inspect_model
from benchtui.models.fit import Fit, check_fit
from benchtui.models.reading import read_json
from tests.models.model_folders import adapter, full_model, lora_tensors, save, write_json

Names = Callable[[str], str]
TARGETS = {"target_modules": ["q_proj", "v_proj"]}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("LoraConfig", {"r": 4, **TARGETS}),
    "bias": ("LoraConfig", {"r": 4, "bias": "all", **TARGETS}),
    "dora": ("LoraConfig", {"r": 4, "use_dora": True, **TARGETS}),
    "modules-to-save": ("LoraConfig", {"r": 4, "modules_to_save": ["embed_tokens", "lm_head"], **TARGETS}),
    "embeddings": ("LoraConfig", {"r": 4, "target_modules": ["embed_tokens", "q_proj", "lm_head"]}),
    "trained-tokens": ("LoraConfig", {"r": 4, "trainable_token_indices": [3], **TARGETS}),
    "rank-pattern": ("LoraConfig", {"r": 4, "rank_pattern": {"q_proj": 2}, **TARGETS}),
    "layer-replication": ("LoraConfig", {"r": 4, "layer_replication": [[0, 2], [1, 3]], **TARGETS}),
    "all-linear": ("LoraConfig", {"r": 4, "target_modules": "all-linear"}),
    "adalora": ("AdaLoraConfig", {"total_step": 10, "init_r": 4, **TARGETS}),
    "loha": ("LoHaConfig", {"r": 4, **TARGETS}),
    "lokr": ("LoKrConfig", {"r": 4, **TARGETS}),
    "ia3": ("IA3Config", {"target_modules": ["k_proj", "down_proj"], "feedforward_modules": ["down_proj"]}),
    "vera": ("VeraConfig", {"r": 4, "target_modules": ["q_proj", "o_proj"]}),
    "oft": ("OFTConfig", {"oft_block_size": 4, **TARGETS}),
    "hra": ("HRAConfig", {"r": 4, **TARGETS}),
    "layer-norms": ("LNTuningConfig", {"target_modules": ["input_layernorm"]}),
    "prompt-tuning": ("PromptTuningConfig", {"num_virtual_tokens": 4}),
    "prefix-tuning": ("PrefixTuningConfig", {"num_virtual_tokens": 4}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_peft_saves_is_never_flagged(tmp_path: Path, kind: str) -> None:
    import peft
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.save_pretrained(tmp_path / "base")
    name, settings = KINDS[kind]
    wrapped = peft.get_peft_model(model, getattr(peft, name)(task_type="CAUSAL_LM", **settings))
    wrapped.save_pretrained(tmp_path / "m")
    (form,) = inspect_model(tmp_path / "m").formats
    assert (form.problem, form.warnings) == ("", ())
    assert fit(tmp_path / "m", tmp_path / "base").warnings == ()


def fit(own: Path, base: Path) -> Fit:
    return check_fit(describe(own), describe(base), None)


def spoiled(folder: Path, rename: Names = lambda name: name, **changes: np.ndarray[Any, Any]) -> Path:
    adapter(folder)
    tensors = {rename(name): value for name, value in lora_tensors().items()}
    save(folder / "adapter_model.safetensors", tensors | changes)
    return folder


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        (lambda name: "model." + name, "none of the adapter's 4 tensors fits the model (all have the prefix model.)"),
        (lambda name: "module." + name, "(all have the prefix module.)"),
        (lambda name: name.removeprefix("base_model.model."), "(they lack the prefix base_model.model.)"),
        (lambda name: "base_model.model." + name, "none of the adapter's 4 tensors fits the model"),
        (lambda name: name.replace("self_attn", "_orig_mod.self_attn"), "“_orig_mod.” in the name"),
        (lambda name: name.replace(".weight", ".default.weight"), "save_pretrained"),
    ],
)
def test_names_that_peft_would_pass_over(tmp_path: Path, rename: Names, said: str) -> None:
    (form,) = inspect_model(spoiled(tmp_path / "m", rename)).formats
    assert said in form.problem
    with pytest.raises(BenchtuiError) as error:
        describe(tmp_path / "m")
    assert said in error.value.what


def test_no_tensors_and_empty_ones(tmp_path: Path) -> None:
    save(adapter(tmp_path / "none") / "adapter_model.safetensors", {})
    assert "holds no tensors (ZeRO-3" in inspect_model(tmp_path / "none").formats[0].problem
    tensors = {name: value[:0] for name, value in lora_tensors().items()}
    save(adapter(tmp_path / "empty") / "adapter_model.safetensors", tensors)
    assert inspect_model(tmp_path / "empty").formats[0].problem.startswith("4 of 4 tensors are empty")


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (lora_tensors(width=32), "trained for a hidden size of 32 (q_proj)"),
        (lora_tensors(layers=4), "at least 4 layers"),
        (
            {name.replace("model.layers", "transformer.h"): t for name, t in lora_tensors().items()},
            "none of the adapter's 4 tensors fits the model",
        ),
        (
            {name.replace("model.model.layers", "model.layers"): t for name, t in lora_tensors().items()},
            "trained on the model without its head",
        ),
        (
            {name: t[:32] if "lora_B" in name else t for name, t in lora_tensors().items()},
            "is for a layer of 64 to 32",
        ),
    ],
    ids=["width", "layers", "architecture", "without head", "shape"],
)
def test_an_adapter_of_another_base_is_named(tmp_path: Path, tensors: dict[str, Any], said: str) -> None:
    base, own = full_model(tmp_path / "base"), adapter(tmp_path / "m")
    assert fit(own, base) == Fit()
    save(own / "adapter_model.safetensors", tensors)
    with pytest.raises(BenchtuiError) as error:
        fit(own, base)
    assert said in error.value.what
    assert error.value.what.startswith(str(own))  # the adapter is at fault, whatever base it is put on
    assert "--base" in error.value.next_step


def test_an_adapter_with_a_vocabulary_of_its_own(tmp_path: Path) -> None:
    base = full_model(tmp_path / "base")
    rows = {"base_model.model.model.embed_tokens.weight": np.ones((514, 64), "float16")}
    own = spoiled(tmp_path / "m", **rows)
    assert fit(own, base).notes == ("The adapter brings its own embed_tokens (514 tokens; the base has 512).",)


def test_a_tokenizer_with_tokens_that_neither_has(tmp_path: Path) -> None:
    base, own = full_model(tmp_path / "base"), adapter(tmp_path / "m")
    write_json(own / "tokenizer.json", {"added_tokens": [{"id": 512, "content": "<|x|>"}], "normalizer": None})
    (own / "chat_template.jinja").write_text("<|x|>")
    with pytest.raises(BenchtuiError, match=r"513 tokens, the embedding 512 rows"):
        check_fit(describe(own), describe(base), own)
    rows = {"base_model.model.model.embed_tokens.weight": np.ones((513, 64), "float16")}
    save(own / "adapter_model.safetensors", lora_tensors() | rows)
    assert check_fit(describe(own), describe(base), own).warnings == ()


def test_an_adapter_that_names_another_revision_of_its_base(tmp_path: Path) -> None:
    import dataclasses

    base, own = describe(full_model(tmp_path / "base")), adapter(tmp_path / "m")
    write_json(own / "adapter_config.json", read_json(own / "adapter_config.json") | {"revision": "0123abcd"})
    hub = dataclasses.replace(base, name="org/base", revision="f" * 40)
    assert "revision 0123abcd of org/base; ffffffff is used" in check_fit(describe(own), hub, None).warnings[0]
    same = dataclasses.replace(hub, revision="0123abcd" + "0" * 32)
    assert check_fit(describe(own), same, None).warnings == ()
