"""Weights that did not load stop the run and are named; what cannot be a number is no score."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hf.engine.lm import FastLM
from benchtui.worker.answering.hf.lm_eval_engine import LmEvalEngine
from tests.worker.answering.hf.engine.asking import model_for_lm_eval
from tests.worker.tiny_models import edit, lm_eval_model, make_base, rewrite, scores, texts

ENGINES = pytest.mark.parametrize("engine", [FastLM, LmEvalEngine])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def model(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "model"))


def load(engine: Any, folder: Path, **settings: Any) -> Any:
    lm = engine(pretrained=str(folder), device="cpu", dtype="float32", batch_size=1, **settings)
    return model_for_lm_eval(lm)


def refused(folder: Path, engine: Any = FastLM) -> str:
    with pytest.raises(BenchtuiError) as caught:
        load(engine, folder)
    assert str(folder) in caught.value.what
    assert caught.value.next_step
    assert "\n" not in str(caught.value)
    return caught.value.what


@pytest.mark.parametrize(
    "prefix", ["base_model.model.", "module.", "_orig_mod.", "_fsdp_wrapped_module.", "net.inner."]
)
@ENGINES
def test_names_under_a_wrappers_prefix_are_told_with_the_prefix(engine: Any, prefix: str, model: Path) -> None:
    rewrite(model, lambda tensors: {prefix + name: tensor for name, tensor in tensors.items()})
    said = refused(model, engine)
    assert "21 of 21 tensors are not in the file" in said
    assert f"prefix {prefix})" in said


def test_a_part_under_a_prefix_is_told_as_a_part(model: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {("module." if "layers.1." in name else "") + name: tensor for name, tensor in tensors.items()}

    said = refused(rewrite(model, change))
    assert "9 of 21 tensors are not in the file" in said
    assert "module." in said


@ENGINES
def test_a_lost_layer_is_named(engine: Any, model: Path) -> None:
    rewrite(model, lambda tensors: {name: t for name, t in tensors.items() if "layers.1." not in name})
    said = refused(model, engine)
    assert "9 of 21 tensors are not in the file" in said
    assert "model.layers.N.input_layernorm.weight" in said


def test_one_lost_tensor_is_named_as_it_is(model: Path) -> None:
    rewrite(model, lambda tensors: {name: t for name, t in tensors.items() if "layers.1.mlp.up_proj" not in name})
    assert "1 of 21 tensors are not in the file: model.layers.1.mlp.up_proj.weight." in refused(model)


def test_a_lost_output_projection_is_no_random_one(model: Path) -> None:
    rewrite(model, lambda tensors: {name: t for name, t in tensors.items() if name != "lm_head.weight"})
    assert "lm_head.weight" in refused(model)


def test_a_tied_output_projection_need_not_be_in_the_file(tmp_path: Path) -> None:
    tied = make_base(tmp_path / "tied", tie_word_embeddings=True)
    assert "lm_head.weight" not in _names(tied)
    assert load(FastLM, tied).answering.facts.caveats == ()


def _names(folder: Path) -> set[str]:
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        return set(file.keys())


@ENGINES
def test_other_shapes_are_told_with_both(engine: Any, model: Path) -> None:
    edit(model / "config.json", intermediate_size=48)
    said = refused(model, engine)
    assert "mlp" in said
    assert "64" in said
    assert "48" in said


def test_tensors_that_were_not_gathered_are_told_as_that(model: Path) -> None:
    rewrite(model, lambda tensors: {name: torch.zeros(0) for name in tensors})
    assert "21 tensors in the file are empty" in refused(model)


@ENGINES
def test_extra_tensors_alone_are_a_caveat(engine: Any, model: Path) -> None:
    expected = scores(lm_eval_model(model))
    rewrite(model, lambda tensors: tensors | {"value_head.weight": torch.ones(3), "value_head.bias": torch.ones(1)})
    lm = load(engine, model)
    assert scores(lm) == pytest.approx(expected, abs=1e-4)
    (caveat,) = lm.answering.facts.caveats
    assert caveat.startswith("2 tensors in the file")
    assert "value_head.bias" in caveat


def _poisoned(value: float, name: str) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    def change(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tensors[name].view(-1)[0] = value
        return tensors

    return change


@pytest.mark.parametrize("name", ["model.norm.weight", "model.layers.0.mlp.up_proj.weight", "lm_head.weight"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@ENGINES
def test_no_token_is_chosen_from_nan(engine: Any, value: float, name: str, model: Path) -> None:
    lm = load(engine, rewrite(model, _poisoned(value, name)))
    with pytest.raises(BenchtuiError, match="the model computes NaN"):
        texts(lm)
    assert not all(math.isfinite(score) for score in scores(lm)), "the run stops at these (worker/answers.py)"


@ENGINES
def test_negative_infinity_rules_a_token_out_and_stops_nothing(engine: Any, base: Path) -> None:
    lm = load(engine, base)
    head = lm.answering.lm.model.lm_head
    head.register_forward_hook(lambda _m, _i, output: output.index_fill(-1, torch.tensor([7]), -math.inf))
    assert all(math.isfinite(score) for score in scores(lm))
    assert all(isinstance(text, str) for text in texts(lm))


@ENGINES
def test_a_token_without_an_embedding_is_named_with_both_sizes(engine: Any, model: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    rows = len(tokenizer)
    expected = scores(lm_eval_model(model))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|think|>", "<|end|>"]})
    tokenizer.save_pretrained(model)
    lm = load(engine, model)
    assert scores(lm) == pytest.approx(expected, abs=1e-4), "nothing is wrong while nobody uses them"
    with pytest.raises(BenchtuiError) as caught:
        texts_of(lm, "the <|end|> fox")
    assert f"{rows + 2:,} tokens" in caught.value.what
    assert f"{rows:,} rows" in caught.value.what
    assert "<|end|>" in caught.value.what


def texts_of(lm: Any, prompt: str) -> Any:
    from lm_eval.api.instance import Instance

    settings = {"until": [], "max_gen_toks": 4, "do_sample": False}
    return lm.generate_until([Instance("generate_until", {}, (prompt, settings), 0)], disable_tqdm=True)


@ENGINES
def test_a_tokenizer_without_begin_and_end_is_named(engine: Any, model: Path) -> None:
    edit(model / "tokenizer_config.json", bos_token=None, eos_token=None, pad_token=None, unk_token=None)
    lm = load(engine, model)
    for ask in (scores, texts):
        with pytest.raises(BenchtuiError, match=f"The tokenizer of {model} has n"):
            ask(lm)


GENERATION_CONFIGS: tuple[dict[str, Any], ...] = (
    {"max_new_tokens": 5},
    {"max_new_tokens": 40},
    {"max_length": 5},
    {"min_new_tokens": 20, "eos_token_id": list(range(0, 200, 3))},
    {"min_length": 18, "eos_token_id": list(range(0, 200, 3))},
    {"eos_token_id": list(range(0, 300, 2))},
    {"repetition_penalty": 1.7},
    {"no_repeat_ngram_size": 2},
    {"suppress_tokens": list(range(150))},
    {"begin_suppress_tokens": list(range(150))},
    {"bad_words_ids": [[token] for token in range(20, 120)]},
    {"forced_eos_token_id": 1},
    {"do_sample": True, "temperature": 3.0, "top_k": 5, "top_p": 0.5},
    {"exponential_decay_length_penalty": [3, 1.5]},
    {"renormalize_logits": True, "sequence_bias": [[[40], -9.0], [[50], 4.0]]},
    {"num_beams": 2},
    {"cache_implementation": "static"},
    {"use_cache": False},
    {"encoder_repetition_penalty": 1.4},
)


@pytest.mark.parametrize("settings", GENERATION_CONFIGS, ids=lambda settings: ",".join(settings))
def test_generation_config_acts_as_it_does_under_lm_eval(settings: dict[str, Any], model: Path) -> None:
    edit(model / "generation_config.json", bos_token_id=0, eos_token_id=1, pad_token_id=1)
    edit(model / "generation_config.json", **settings)
    expected = texts(lm_eval_model(model))
    assert texts(load(FastLM, model)) == expected
    assert texts(load(LmEvalEngine, model)) == expected


def test_some_of_those_settings_do_change_the_texts(model: Path) -> None:
    plain = texts(lm_eval_model(model))
    changed = 0
    for settings in GENERATION_CONFIGS:
        (model / "generation_config.json").write_text(
            json.dumps({"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, **settings})
        )
        changed += texts(lm_eval_model(model)) != plain
    assert changed >= 9


@pytest.mark.parametrize("settings", [{"return_dict_in_generate": True}, {"stop_strings": ["fox"]}])
@ENGINES
def test_a_generation_config_that_lm_eval_cannot_use_is_named(
    engine: Any, settings: dict[str, Any], model: Path
) -> None:
    edit(model / "generation_config.json", **settings)
    with pytest.raises(BenchtuiError) as caught:
        texts(load(engine, model))
    assert "generation_config.json" in str(caught.value)
