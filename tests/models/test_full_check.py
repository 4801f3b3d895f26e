"""What the headers of whole models show: nothing about what transformers saves, the reason about what cannot load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui.errors import BenchtuiError
from benchtui.models.describe import describe
from benchtui.models.discovery import inspect_model
from benchtui.models.reading import read_json
from benchtui.models.weights.safetensors import read_header
from tests.models.model_folders import LLAMA, full_model, llama_tensors, save, sharded_model, write_json

ARCHITECTURES = (
    "llama", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe", "gemma", "gemma2", "gemma3_text", "phi", "phi3",
    "stablelm", "olmo", "olmo2", "starcoder2", "granite", "cohere", "smollm3", "gpt_neox", "gpt2", "gpt_neo", "gptj",
    "gpt_bigcode", "falcon", "bloom", "opt", "mpt", "mamba", "deepseek_v3", "jamba", "lfm2", "xglm", "rwkv",
)  # fmt: skip
SIZES = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 96,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "head_dim": 8, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "num_local_experts": 4, "num_experts": 4, "n_routed_experts": 4, "moe_intermediate_size": 16,
    "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1, "q_lora_rank": 8,
    "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8, "mamba_d_state": 4,
    "mamba_dt_rank": 4,
}  # fmt: skip
OWN_SIZES: dict[str, dict[str, Any]] = {
    **{
        name: {"vocab_size": 96, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64, "rotary_dim": 4}
        for name in ("gpt2", "gpt_bigcode", "gptj")
    },
    "mpt": {"vocab_size": 96, "d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 64},
    "gpt_neo": {
        "vocab_size": 96, "hidden_size": 32, "num_layers": 2, "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
    },
    "opt": {
        "vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 64,
        "word_embed_proj_dim": 32,
    },
    "bloom": {"vocab_size": 96, "hidden_size": 32, "n_layer": 3, "n_head": 4},
    "falcon": {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4},
    "mamba": {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 3, "state_size": 4},
    "rwkv": {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 3},
    "xglm": {"vocab_size": 96, "d_model": 32, "num_layers": 3, "attention_heads": 4, "ffn_dim": 64},
}  # fmt: skip


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_transformers_saves_is_never_flagged(tmp_path: Path, architecture: str, tied: bool) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = OWN_SIZES.get(architecture, SIZES)
    config = AutoConfig.for_model(architecture, **sizes, tie_word_embeddings=tied)
    folder = tmp_path / "m"
    AutoModelForCausalLM.from_config(config).save_pretrained(folder, max_shard_size="30KB" if tied else "5GB")
    write_json(folder / "tokenizer.json", {})
    (form,) = inspect_model(folder).formats
    assert (form.problem, form.warnings) == ("", ())
    assert describe(folder).warnings == ()


def spoiled(folder: Path, rename: dict[str, str] | None = None, **config: Any) -> Path:
    """A Llama whose tensors' names are changed by replacing texts in them; `config` changes config.json."""
    tensors = llama_tensors()
    for old, new in (rename or {}).items():
        tensors = {name.replace(old, new) if old else new + name: value for name, value in tensors.items()}
    full_model(folder, **config)
    save(folder / "model.safetensors", tensors)
    return folder


def without(folder: Path, part: str) -> Path:
    full_model(folder)
    save(folder / "model.safetensors", {name: t for name, t in llama_tensors().items() if part not in name})
    return folder


def problem_of(folder: Path) -> str:
    """What `models` says, which describing the model for a run must say too."""
    (form,) = inspect_model(folder).formats
    if form.problem:
        with pytest.raises(BenchtuiError) as error:
            describe(folder)
        assert form.problem in error.value.what
    return form.problem


@pytest.mark.parametrize(
    "prefix", ["base_model.model.", "module.", "_orig_mod.", "_fsdp_wrapped_module.", "model.model.", "policy."]
)
def test_a_wrappers_prefix_is_named(tmp_path: Path, prefix: str) -> None:
    said = problem_of(spoiled(tmp_path / "m", {"": prefix}))
    assert said == f"6 of 6 tensors are not in the file (all have the prefix {prefix})"


@pytest.mark.parametrize(("old", "new"), [("model.", ""), ("model.", "model.model.")])
def test_names_that_transformers_corrects_are_no_problem(tmp_path: Path, old: str, new: str) -> None:
    assert problem_of(spoiled(tmp_path / "m", {old: new})) == ""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (".self_attn.", "._fsdp_wrapped_module.self_attn.", "2 of 6 tensors are named as no model expects (“_fsdp"),
        (".self_attn.", "._orig_mod.self_attn.", "_orig_mod"),
        ("q_proj.", "q_proj.base_layer.", "merge_and_unload()"),
        ("q_proj.weight", "q_proj.lora_A.weight", "merge_and_unload()"),
        ("model.layers", "transformer.h", "is that of a layer of a llama model"),
    ],
)
def test_names_inside_that_no_model_expects(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert words in problem_of(spoiled(tmp_path / "m", {old: new}))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            "layers.1.",
            (
                "2 of 6 tensors are not in the file "
                "(layer 1 of 2 is missing: model.layers.1.input_layernorm.weight and 1 more)"
            ),
        ),
        ("layers.1.self", "1 of 6 tensors is not in the file (model.layers.1.self_attn.q_proj.weight)"),
        ("embed_tokens", "1 of 6 tensors is not in the file (model.embed_tokens.weight)"),
        ("model.norm", "1 of 6 tensors is not in the file (model.norm.weight)"),
    ],
)
def test_lost_tensors_are_counted_and_named(tmp_path: Path, part: str, said: str) -> None:
    assert problem_of(without(tmp_path / "m", part)) == said


def test_a_head_of_its_own_must_be_there(tmp_path: Path) -> None:
    assert "lm_head.weight" in problem_of(spoiled(tmp_path / "m", tie_word_embeddings=False))
    assert problem_of(spoiled(tmp_path / "tied", tie_word_embeddings=True)) == ""


def test_empty_tensors_name_zero_to_fp32(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    save(folder / "model.safetensors", {name: t[:0] for name, t in llama_tensors().items()})
    assert problem_of(folder).startswith("6 of 6 tensors are empty (ZeRO-3")
    assert "zero_to_fp32.py" in problem_of(folder)
    save(folder / "model.safetensors", {})
    assert "holds no tensors" in problem_of(folder)


def test_an_embedding_of_another_size_than_the_configuration(tmp_path: Path) -> None:
    assert problem_of(full_model(tmp_path / "rows", vocab_size=500)) == (
        "the embedding has 512 rows, config.json's vocab_size says 500"
    )
    assert "64 wide" in problem_of(full_model(tmp_path / "wide", hidden_size=32))


def test_a_stale_quantization_config_says_what_to_remove(tmp_path: Path) -> None:
    stale = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    folder = full_model(tmp_path / "m", quantization_config=stale)
    assert inspect_model(folder).formats[0].problem == (
        "config.json says 4-bit (bitsandbytes), the weights are float16: remove quantization_config from config.json"
    )
    with pytest.raises(BenchtuiError, match="quantization_config") as error:
        describe(folder)
    assert error.value.next_step == f"Remove quantization_config from {folder / 'config.json'}."


def test_quantised_weights_that_the_configuration_does_not_mention(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    packed = {"model.layers.0.self_attn.q_proj.weight.absmax": np.ones(4, "float32")}
    save(folder / "model.safetensors", llama_tensors() | packed)
    assert "config.json has no quantization_config" in problem_of(folder)


def test_a_mix_of_precisions_and_layers_too_many_are_warnings(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    tensors = llama_tensors()
    name = "model.layers.1.self_attn.q_proj.weight"
    save(folder / "model.safetensors", tensors | {name: tensors[name].astype("float32")})
    assert "float32 in 1 and float16 in 1 layers" in describe(folder).warnings[0]
    save(folder / "model.safetensors", llama_tensors(layers=3))
    assert "holds 3 layers, config.json says 2" in describe(folder).warnings[0]
    assert inspect_model(folder).all_warnings == tuple(f"full: {words}" for words in describe(folder).warnings)


def test_index_and_shards_that_contradict_each_other(tmp_path: Path) -> None:
    folder = sharded_model(tmp_path / "m")
    index = read_json(folder / "model.safetensors.index.json")
    index["weight_map"] |= {"model.layers.1.mlp.up_proj.weight": "model-00001-of-00003.safetensors"}
    write_json(folder / "model.safetensors.index.json", index)
    assert "1 of 7 tensors that model.safetensors.index.json names are in no shard" in problem_of(folder)

    folder = sharded_model(tmp_path / "twice")
    first, second = (folder / f"model-0000{number}-of-00003.safetensors" for number in (1, 2))
    names = {*read_header(first).tensors, *read_header(second).tensors}
    save(second, {name: t for name, t in llama_tensors().items() if name in names})
    assert "in more than one shard" in inspect_model(folder).formats[0].warnings[0]


def test_what_is_not_known_is_not_judged(tmp_path: Path) -> None:
    odd = {"anything.at.all": np.ones(4, "float16")}
    for name, config in (("unknown", {"model_type": "brand_new"}), ("own code", {"auto_map": {"AutoModel": "m.M"}})):
        folder = full_model(tmp_path / name, **config)
        save(folder / "model.safetensors", odd)
        assert problem_of(folder) == ""
    folder = full_model(tmp_path / "wrapped", model_type="brand_new")
    save(folder / "model.safetensors", {f"module.{name}": t for name, t in odd.items()})
    assert "all have the prefix module." in problem_of(folder)


TOKENIZER = {"added_tokens": [{"id": 513, "content": "<|think|>"}], "normalizer": None, "model": {"vocab": {"a": 0}}}


def test_a_tokenizer_larger_than_the_embedding(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    write_json(folder / "tokenizer.json", TOKENIZER)
    assert problem_of(folder) == ""  # no text need have it: Gemma 3's 1B is like this
    (warning,) = describe(folder).warnings
    assert warning.startswith("the tokenizer has 514 tokens, the embedding 512 rows")
    (folder / "chat_template.jinja").write_text("<|think|>{{ messages }}")
    assert "514 tokens, the embedding 512 rows: <|think|>, which the chat template writes" in problem_of(folder)
    (folder / "chat_template.jinja").unlink()
    write_json(folder / "tokenizer_config.json", {"bos_token": "<|think|>"})
    assert "which every text begins with" in problem_of(folder)


def test_a_large_tokenizer_is_read_at_its_start_only_in_a_list(tmp_path: Path) -> None:
    folder = full_model(tmp_path / "m")
    vocabulary = {f"token-{number:08}": number for number in range(120_000)}
    write_json(folder / "tokenizer.json", TOKENIZER | {"model": {"vocab": vocabulary}})
    (form,) = inspect_model(folder).formats
    assert "514 tokens" in form.warnings[0]
    assert "120,000 tokens" in describe(folder).warnings[0]


def test_the_configuration_of_the_tests_is_that_of_the_weights() -> None:
    assert llama_tensors()["model.embed_tokens.weight"].shape == (LLAMA["vocab_size"], LLAMA["hidden_size"])
