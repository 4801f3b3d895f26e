"""Models whose vocabularies are not quite the same, and models that tell less than all of a distribution."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from benchtui.models.source import FolderSource
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.tokens import GivenText, Sampling, TokenModel
from benchtui.runs.event_reader import read_events
from benchtui.runs.events import Warned
from benchtui.runs.kinds.tokens.events import TextsWritten
from benchtui.tokens.summary import read_summary
from tests.worker.tiny_models import edit, make_base
from tests.worker.tokens.comparisons import TEXTS, compare, new_run, perturbed, plan_of

PADDED = ("model.embed_tokens.weight", "lm_head.weight")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("models") / "base")


def padded(model: Path, to: Path, filler: float) -> Path:
    """A copy whose matrices have 128 rows more, which are no tokens; of random numbers where `filler` is not 0."""
    shutil.copytree(model, to)
    tensors = load_file(to / "model.safetensors")
    generator = torch.Generator().manual_seed(3)
    for name in PADDED:
        rows = filler * torch.randn((128, tensors[name].shape[1]), generator=generator)
        tensors[name] = torch.cat([tensors[name], rows])
    save_file(tensors, to / "model.safetensors", {"format": "pt"})
    edit(to / "config.json", vocab_size=len(tensors[PADDED[0]]))
    return to


@pytest.mark.parametrize("filler", [0.0, 0.3])
def test_rows_that_are_no_tokens_make_no_difference(tmp_path: Path, model: Path, filler: float) -> None:
    twin = padded(model, tmp_path / "twin", filler)
    store = compare(new_run(tmp_path, plan_of({"base": model, "twin": twin})))
    for name in ("kl", "kl_reverse", "js", "tv"):
        assert store.pair_column(0, 1, name).max() <= 1e-6
    assert store.models[0].removed == 0
    assert store.models[1].removed > 0.1
    assert store.models[0].vocabulary == store.models[1].vocabulary


def test_models_whose_ids_mean_other_tokens_are_not_compared(tmp_path: Path, model: Path) -> None:
    other = Path(shutil.copytree(model, tmp_path / "other"))
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    ids = tokenizer["model"]["vocab"]
    ids["Ġthe"], ids["qu"] = sorted((ids["Ġthe"], ids["qu"]), key=lambda one: one == ids["Ġthe"])
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    run = new_run(tmp_path, plan_of({"base": model, "other": other}))
    store = compare(run)
    assert not store.pairs
    assert [found.texts for found in store.models] == [0, 1]
    first = store.vocabulary(0).first_difference(store.vocabulary(1))
    assert first is not None
    (said,) = [event.message for event in read_events(run.events) if isinstance(event, Warned)]
    assert said.startswith(f"The models do not share tokens: id {first} is '")
    assert "in base and '" in said
    assert said.endswith("in other: they cannot be compared token by token.")
    (spans,) = read_summary(store.folder).spans
    assert (spans.first, spans.second) == (0, 1)


@pytest.mark.parametrize("keep", ["topk", "scalars", "full"])
def test_less_is_kept_and_bounds_what_hidden_states_give(tmp_path: Path, model: Path, keep: str) -> None:
    models = {"base": model, "tuned": perturbed(model, tmp_path / "tuned")}
    exact = compare(new_run(tmp_path, plan_of(models), 10))
    store = compare(new_run(tmp_path, plan_of(models, keep=keep, top_k=32), 20))
    pair, whole = store.pair(0, 1, 1), exact.pair(0, 1, 1)
    assert pair.bound == ("exact" if keep == "full" else "lower")
    for name in ("kl", "kl_reverse", "js", "tv"):
        if keep == "full":
            np.testing.assert_allclose(getattr(pair, name), getattr(whole, name), atol=2e-3)
        else:
            assert (getattr(pair, name) <= getattr(whole, name) + 1e-6).all()
    for name in ("logprob", "entropy", "rank", "top_ids"):
        assert (store.column(0, name) == exact.column(0, name)).all()
    assert "hidden" not in store.shard(0, 0)
    assert read_summary(store.folder).pairs[0].bound == pair.bound


def test_an_adapter_shares_the_head_of_its_base(tmp_path: Path, model: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    wrapped = get_peft_model(
        AutoModelForCausalLM.from_pretrained(model), LoraConfig(target_modules=["q_proj"], init_lora_weights=False)
    )
    wrapped.save_pretrained(tmp_path / "adapter")
    plan = plan_of({"base": model, "tuned": model}, keep_heads=True)
    source = FolderSource(path=str(model), identity="tuned", adapter=str(tmp_path / "adapter"))
    tuned = TokenModel(label="tuned", source=source, prompts=PromptSettings(dtype="float32"), backend="hf")
    store = compare(new_run(tmp_path, msgspec.structs.replace(plan, models=(plan.models[0], tuned))))
    assert store.models[0].head == store.models[1].head
    assert len(list((store.folder / "heads").iterdir())) == 1
    assert store.pair_column(0, 1, "kl").max() > 1e-3


@pytest.mark.parametrize(("dtype", "said"), [("bfloat16", True), ("float32", False)])
def test_a_head_that_computes_in_16_bits_is_said_beside_the_numbers(
    tmp_path: Path, model: Path, dtype: str, said: bool
) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    wrapped = get_peft_model(AutoModelForCausalLM.from_pretrained(model), LoraConfig(target_modules=["lm_head"]))
    wrapped.save_pretrained(tmp_path / "adapter")
    source = FolderSource(path=str(model), identity="tuned", adapter=str(tmp_path / "adapter"))
    tuned = TokenModel(label="tuned", source=source, prompts=PromptSettings(dtype=dtype), backend="hf")
    plan = plan_of({"base": model, "tuned": model}, prompts=PromptSettings(dtype=dtype))
    store = compare(new_run(tmp_path, msgspec.structs.replace(plan, models=(plan.models[0], tuned))))
    found = [[caveat for caveat in one.caveats if "output head" in caveat] for one in store.models]
    assert [bool(caveats) for caveats in found] == [False, said]


def test_models_write_their_own_texts(tmp_path: Path, model: Path) -> None:
    models = {"base": model, "tuned": perturbed(model, tmp_path / "tuned", noise=0.2)}
    texts = tuple(GivenText(text.prompt) for text in TEXTS)
    run = new_run(
        tmp_path, plan_of(models, texts, mode="own", pairs=(), sampling=Sampling(max_new_tokens=12, temperature=1.0))
    )
    store = compare(run)
    assert [found.texts for found in store.models] == [0, 1]
    for number, label in enumerate(models):
        documents = store.texts(number).documents
        assert {document.written_by for document in documents} == {label}
        assert len(store.column(number, "logprob")) == sum(len(text.scored) for text in store.texts(number).tokens)
        written = [event for event in read_events(run.events) if isinstance(event, TextsWritten)]
        assert max(event.documents for event in written if event.model == number) == len(texts)
    assert [one.answer for one in store.texts(0).documents] != [one.answer for one in store.texts(1).documents]
    summary = read_summary(store.folder)
    assert (summary.mode, len(summary.models), summary.pairs) == ("own", 2, ())
