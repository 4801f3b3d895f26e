"""What went wrong elsewhere with distributions, on a real model of 260 thousand parameters: padding, windows, and
vocabularies of different size."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.tokens import GivenText
from benchtui.tokens.store import DistributionStore
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.states.text_states import TextStates
from benchtui.worker.answering.protocol import Unobserved
from tests.conftest import HUB, Hub
from tests.worker.tokens.comparisons import compare, new_run, plan_of

pytestmark = [pytest.mark.hub, pytest.mark.usefixtures("hub")]

STORY = " Once upon a time there was a little girl named Lily. She loved to play outside in the park with her dog."
WINDOW = 512


@pytest.fixture(scope="module")
def stories(hub: Hub) -> Path:
    return HUB / "models" / "tinyllamas" / "stories260K"


@pytest.mark.parametrize("padding", [{}, {"pad_token_id": 2, "padding_side": "left"}])
def test_no_padding_is_scored_whatever_shares_a_batch(stories: Path, padding: dict[str, Any]) -> None:
    """mlx-lm#1855, axolotl#3988: every text but the longest of its batch got the log-probability of padding."""
    model = AutoModelForCausalLM.from_pretrained(stories, dtype=torch.float32).eval()
    for name, value in padding.items():  # the end token is the padding as well
        setattr(model.config, name, value)
    generator = torch.Generator().manual_seed(5)
    texts = [[1, *torch.randint(3, 512, (n - 2,), generator=generator).tolist(), 2] for n in (5, 50, 300)]
    with torch.inference_mode():
        wanted = [_nats(model(torch.tensor([ids])).logits[0, :-1], ids[1:]) for ids in texts]
    states = TextStates(TextDistributions(model, WINDOW))
    for size in (1, 2, 3):
        for batch in itertools.permutations(range(3), size):
            found = {n: one.states for n, one in states.of([(texts[n], 1) for n in batch], Unobserved())}
            for place, number in enumerate(batch):
                logits = states.logits(found[place])
                assert len(logits) == len(texts[number]) - 1, "one for each target, none for padding"
                assert _nats(logits, texts[number][1:]) == pytest.approx(wanted[number], abs=1e-4)


def _nats(logits: torch.Tensor, targets: list[int]) -> float:
    logprobs = torch.log_softmax(logits.double(), -1)
    return float(-logprobs[torch.arange(len(targets)), torch.tensor(targets)].sum())


def test_a_text_beyond_the_window_is_scored_whole_or_not_at_all(stories: Path, tmp_path: Path) -> None:
    """lingua#46: such texts were cut and their sum divided by the whole length."""
    texts = [GivenText("", STORY * times) for times in (5, 30)]
    plan = plan_of({"stories": stories}, texts, prompts=PromptSettings(dtype="float32", max_length=WINDOW), pairs=())
    run = new_run(tmp_path, plan)
    store = compare(run)
    model = AutoModelForCausalLM.from_pretrained(stories, dtype=torch.float32).eval()
    lengths = [len(tokens.ids) for tokens in store.texts(0).tokens]
    assert lengths[0] < WINDOW < lengths[1]
    for number, tokens in enumerate(store.texts(0).tokens):
        scores = store.scores(0, number)
        assert len(scores) == len(tokens.ids) - tokens.first
        with torch.inference_mode():
            logits = model(torch.from_numpy(tokens.ids[:WINDOW].astype(np.int64))[None]).logits[0]
        inside = min(len(tokens.ids), WINDOW) - tokens.first
        one_by_one = torch.log_softmax(logits, -1)[torch.arange(tokens.first - 1, tokens.first - 1 + inside)]
        wanted = one_by_one[
            torch.arange(inside), torch.from_numpy(tokens.ids[tokens.first :][:inside].astype(np.int64))
        ]
        np.testing.assert_allclose(scores.logprob[:inside], wanted.numpy(), atol=1e-4)
    summary = json.loads((run.path / "tokens" / "summary.json").read_bytes())
    counted = summary["models"][0]
    total = -float(np.concatenate([store.scores(0, number).logprob for number in range(2)]).sum(dtype=np.float64))
    assert counted["positions"] == sum(len(store.scores(0, number)) for number in range(2))
    assert counted["perplexity"]["value"] == pytest.approx(math.exp(total / counted["positions"]), rel=1e-5)


@pytest.mark.parametrize("filler", ["zero", "random"])
def test_rows_without_a_token_change_nothing(filler: str, stories: Path, tmp_path: Path) -> None:
    """DistillKit#37: zero logits were put behind the smaller vocabulary, as if they were impossible."""
    twin = shutil.copytree(stories, tmp_path / "twin")
    tensors = load_file(twin / "model.safetensors")
    embedding = tensors["model.embed_tokens.weight"]
    more = torch.zeros(128, embedding.shape[1])
    if filler == "random":
        more = torch.randn(more.shape, generator=torch.Generator().manual_seed(1)) * float(embedding.std())
    head = tensors.get("lm_head.weight", embedding)
    tensors["model.embed_tokens.weight"] = torch.cat([embedding, more])
    tensors["lm_head.weight"] = torch.cat([head, more])
    save_file(tensors, twin / "model.safetensors", {"format": "pt"})
    config = json.loads((twin / "config.json").read_text())
    (twin / "config.json").write_text(json.dumps(config | {"vocab_size": 640, "tie_word_embeddings": False}))
    store = compare(new_run(tmp_path, plan_of({"stories": stories, "twin": twin}, [GivenText("", STORY)])))
    found = store.pair(0, 1, 0)
    for name in ("kl", "kl_reverse", "js", "tv"):
        assert np.abs(getattr(found, name)).max() < 1e-6, name
    assert found.same_top.all()
    assert _removed(store) == (0.0, True), "what the twin gave to rows that are no tokens is told"


def _removed(store: DistributionStore) -> tuple[float, bool]:
    return store.models[0].removed, store.models[1].removed > 1e-6
