"""An output head without its model: bit for bit the logits of the whole one, when nothing else is left of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from benchtui.errors import BenchtuiError
from benchtui.models.source import FolderSource
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.head_alone import open_head, open_kept_head, save_head
from benchtui.worker.answering.hf.states.text_states import TextStates
from benchtui.worker.answering.protocol import Unobserved
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.test_distributions import text

# Untied, tied, soft-capped, scaled, divided, without a final scale, split at the decoder, recurrent.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "untied": ("llama", {"tie_word_embeddings": False}),
    "tied": ("llama", {"tie_word_embeddings": True}),
    "soft cap": ("gemma2", {}),
    "scale": ("cohere", {}),
    "divided": ("granite", {}),
    "gpt2": ("gpt2", {}),
    "phi (bias)": ("phi", {}),
    "opt": ("opt", {}),
    "mixtral": ("mixtral", {}),
    "falcon_h1 (multiplier)": ("falcon_h1", {"lm_head_multiplier": 0.5}),
}
TEXTS = [(text(40, seed=1), 1), (text(9, seed=2), 3)]


def saved(folder: Path, kind: str = "untied", dtype: torch.dtype = torch.float32) -> tuple[Any, FolderSource]:
    """A model of the kind, and its folder with everything deleted that is not the head."""
    family, changes = KINDS[kind]
    model = zoo.make_model(family, **changes).to(dtype)
    model.save_pretrained(folder)
    file = folder / "model.safetensors"
    whole = load_file(file)
    head = [name for name in whole if name.startswith("lm_head.")]
    kept = head if f"{kind}" != "tied" and head else [name for name in whole if "embed_tokens" in name or "wte" in name]
    assert 0 < len(kept) < len(whole)
    save_file({name: whole[name] for name in kept}, file, {"format": "pt"})
    return model, FolderSource(str(folder), "made")


def states_and_logits(model: Any) -> tuple[str, list[torch.Tensor], list[torch.Tensor]]:
    states = TextStates(TextDistributions(model, zoo.WINDOW))
    found = [hidden.states for _, hidden in states.of(TEXTS, Unobserved())]
    return states.digest(), found, [states.logits(one) for one in found]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_the_same_bits_when_nothing_else_is_left(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model, source = saved(tmp_path / "model", kind, dtype)
    digest, states, logits = states_and_logits(model)
    name = str(dtype).removeprefix("torch.")
    save_head(TextDistributions(model, zoo.WINDOW).backbone, tmp_path / "heads" / "kept.safetensors")
    for head in (open_head(source, digest, name), open_kept_head(tmp_path / "heads" / "kept.safetensors", digest)):
        for one, wanted in zip(states, logits, strict=True):
            found = head.logits(one)
            assert found.dtype == torch.float32
            assert torch.equal(found, wanted)


def test_a_head_stored_in_another_precision_than_the_run_is_found(tmp_path: Path) -> None:
    _, source = saved(tmp_path, dtype=torch.bfloat16)
    digest, states, logits = states_and_logits(zoo.make_model("llama").to(torch.bfloat16).float())
    assert torch.equal(open_head(source, digest, "float32").logits(states[0]), logits[0])


def test_a_changed_head_is_refused(tmp_path: Path) -> None:
    model, source = saved(tmp_path / "model")
    digest, _, _ = states_and_logits(model)
    kept = tmp_path / "kept.safetensors"
    with torch.no_grad():
        model.lm_head.weight[3, 4] += 1e-3
    save_head(TextDistributions(model, zoo.WINDOW).backbone, kept)
    file = tmp_path / "model" / "model.safetensors"
    save_file({"lm_head.weight": model.lm_head.weight.detach()}, file, {"format": "pt"})
    with pytest.raises(BenchtuiError, match="is another one than that which the tokens were scored with"):
        open_head(source, digest, "float32")
    with pytest.raises(BenchtuiError, match="is another one than that which the tokens were scored with"):
        open_kept_head(kept, digest)


def test_a_changed_soft_cap_is_refused(tmp_path: Path) -> None:
    model, source = saved(tmp_path, "soft cap")
    digest, _, _ = states_and_logits(model)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"final_logit_softcapping": 20.0}))
    with pytest.raises(BenchtuiError, match="is another one"):
        open_head(source, digest, "float32")


def test_a_model_in_several_files(tmp_path: Path) -> None:
    model = zoo.make_model("llama")
    model.save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    digest, states, logits = states_and_logits(model)
    head = open_head(FolderSource(str(tmp_path), "made"), digest, "float32")
    assert torch.equal(head.logits(states[0]), logits[0])


def test_a_head_that_an_adapter_brings(tmp_path: Path) -> None:
    base, source = saved(tmp_path / "base")
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"], task_type="CAUSAL_LM")
    tuned = get_peft_model(base, config).eval()
    with torch.no_grad():
        tuned.base_model.model.lm_head.modules_to_save["default"].weight.normal_()
    tuned.save_pretrained(tmp_path / "adapter")
    digest, states, logits = states_and_logits(tuned)
    source = FolderSource(source.path, "made", adapter=str(tmp_path / "adapter"))
    assert torch.equal(open_head(source, digest, "float32").logits(states[0]), logits[0])


def test_a_base_and_a_tuned_model_share_one_head(tmp_path: Path) -> None:
    base, source = saved(tmp_path / "base")
    torch.manual_seed(1)
    tuned = get_peft_model(base, LoraConfig(target_modules=["q_proj"], init_lora_weights=False)).eval()
    tuned.save_pretrained(tmp_path / "adapter")
    digest, states, logits = states_and_logits(tuned)
    assert digest == states_and_logits(zoo.make_model("llama", tie_word_embeddings=False))[0]
    source = FolderSource(source.path, "made", adapter=str(tmp_path / "adapter"))
    assert torch.equal(open_head(source, digest, "float32").logits(states[0]), logits[0])


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    model, source = saved(tmp_path / "model")
    digest, _, _ = states_and_logits(model)
    file = tmp_path / "model" / "model.safetensors"
    save_file({"model.norm.weight": torch.ones(3)}, file, {"format": "pt"})
    with pytest.raises(BenchtuiError, match=r"has no tensor lm_head\.weight"):
        open_head(source, digest, "float32")
    file.write_bytes(b"nothing")
    with pytest.raises(BenchtuiError, match="cannot be read"):
        open_head(source, digest, "float32")
    file.unlink()
    with pytest.raises(BenchtuiError, match="no safetensors files"):
        open_head(source, digest, "float32")
    shutil.rmtree(tmp_path / "model")
    with pytest.raises(BenchtuiError, match="cannot be used"):
        open_head(source, digest, "float32")
    kept = tmp_path / "kept.safetensors"
    with pytest.raises(BenchtuiError, match="cannot be read"):
        open_kept_head(kept, digest)
    save_file({"lm_head.weight": torch.ones(3, 4)}, kept, {"config": '{"model_type": "of nobody"}', "dtype": "float32"})
    with pytest.raises(BenchtuiError, match="cannot be used"):
        open_kept_head(kept, digest)


def test_a_kept_head_cannot_ask_for_endless_layers(tmp_path: Path) -> None:
    kept = tmp_path / "kept.safetensors"
    config = json.dumps({"model_type": "llama", "num_hidden_layers": 10**9})
    save_file({"lm_head.weight": torch.ones(3, 4)}, kept, {"config": config, "dtype": "float32"})
    with pytest.raises(BenchtuiError, match="too many layers"):
        open_kept_head(kept, "0" * 16)
