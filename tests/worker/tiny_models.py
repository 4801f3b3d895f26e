"""Model folders with something wrong in them, made from one tiny Llama, and lm-eval's own answers to compare with."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from safetensors.torch import load_file, save_file

from tests.e2e.tiny import make_tiny_model

Tensors = dict[str, torch.Tensor]
PAIRS = (
    ("the quick brown fox", " jumps over the lazy dog"),
    ("the cat sleeps", " in the warm sun"),
    ("counts to ten a b", " all day"),
    ("", "the lazy dog"),
)
PROMPTS = ("the quick brown", "and counts to ten while a b the cat", "all day")


def make_base(folder: Path, **changes: Any) -> Path:
    """A random Llama with weights large enough for the context to matter; `changes` go into its configuration."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    make_tiny_model(folder)
    if "vocab_size" not in changes:
        changes["vocab_size"] = len(AutoTokenizer.from_pretrained(folder))
    torch.manual_seed(4)
    config = LlamaConfig(
        **{
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 512,
            "initializer_range": 0.2,
            "bos_token_id": 0,
            "eos_token_id": 1,
            "pad_token_id": 1,
            **changes,
        }
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def rewrite(folder: Path, change: Callable[[Tensors], Mapping[str, torch.Tensor]], file: str = "model") -> Path:
    """Replace the tensors of a folder by what `change` makes of them."""
    path = folder / f"{file}.safetensors"
    changed = {name: tensor.clone().contiguous() for name, tensor in change(load_file(path)).items()}
    save_file(changed, path, {"format": "pt"})
    return folder


def edit(path: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None removes one."""
    content = json.loads(path.read_text()) if path.is_file() else {}
    content.update(changes)
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def lm_eval_model(pretrained: Path, **settings: Any) -> HFLM:
    """What `lm_eval run --model hf` would make of these arguments."""
    return HFLM(pretrained=str(pretrained), device="cpu", dtype="float32", batch_size=1, **settings)


def scores(lm: Any) -> list[float]:
    """The log-likelihoods of a few continuations."""
    requests = [Instance("loglikelihood", {}, pair, index) for index, pair in enumerate(PAIRS)]
    return [answer[0] for answer in lm.loglikelihood(requests, disable_tqdm=True)]


def texts(lm: Any, **settings: Any) -> list[str]:
    """What it writes after a few prompts, greedily, up to 24 tokens."""
    wanted = {"until": [], "max_gen_toks": 24, "do_sample": False, **settings}
    requests = [Instance("generate_until", {}, (prompt, wanted), index) for index, prompt in enumerate(PROMPTS)]
    answers: list[str] = lm.generate_until(requests, disable_tqdm=True)
    return answers
