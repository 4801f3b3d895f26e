"""Rejected drafts leave nothing behind in any kind of layer, by text and by acceptance: with a state that was not cut
the text can be right, or the drafts alone become worse.

Random networks of two layers, one of which has a sliding window, a recurrent state, a convolution or linear attention;
the small model is the large one with noise on its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from benchtui.routing.acceptance import greedy_acceptance, predict
from benchtui.routing.records import Sampling, SpeculativeText
from benchtui.worker.answering.growing_batch import TextByText
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.engine.batching import RequestedBatch
from benchtui.worker.answering.hf.growing_batch import TextRows, grow_batch
from benchtui.worker.answering.hf.growing_text import grow
from benchtui.worker.answering.next_token import GrowingBatch, GrowingText
from benchtui.worker.answering.protocol import Observer, Unobserved
from benchtui.worker.answering.stepped import SteppedModel
from benchtui.worker.answering.written import Answers
from benchtui.worker.routing.speculative import Asked, Speculation
from tests.worker.answering.hf.engine import zoo

MOST = 24
LINEAR = {
    "layer_types": ["linear_attention", "full_attention"], "head_dim": 8, "linear_num_key_heads": 2,
    "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
}  # fmt: skip
HYBRIDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "lfm2": (
        "Lfm2",
        "Lfm2Config",
        {
            "layer_types": ["conv", "full_attention"],
            "conv_L_cache": 3,
            "block_ff_dim": 48,
            "block_auto_adjust_ff_dim": False,
        },
    ),
    "qwen3_next": ("Qwen3Next", "Qwen3NextConfig", LINEAR | {"num_experts": 0, "mlp_only_layers": [0, 1]}),
    "qwen3_5": ("Qwen3_5", "Qwen3_5TextConfig", LINEAR),
    "mamba": ("Mamba", "MambaConfig", {"state_size": 8}),
    "recurrent_gemma": (
        "RecurrentGemma",
        "RecurrentGemmaConfig",
        {"attention_window_size": zoo.SLIDING, "lru_width": 32, "block_types": ["recurrent", "attention"]},
    ),
    "minimax": (
        "MiniMax",
        "MiniMaxConfig",
        {
            "layer_types": ["linear_attention", "full_attention"],
            "num_local_experts": 2,
            "block_size": 16,
            "head_dim": 8,
        },
    ),
}
WINDOWS = ("mistral", "gemma2", "gemma3", "gpt_oss")
STATES = ("bamba", "falcon_h1", *HYBRIDS)


def network(family: str) -> Any:
    if family not in HYBRIDS:
        return zoo.make_model(family)
    name, config, options = HYBRIDS[family]
    torch.manual_seed(3)
    made = getattr(transformers, config)(**(zoo._SMALL | options))
    return getattr(transformers, f"{name}ForCausalLM")(made).float().eval()


class Grower:
    """A network of any family, whose texts grow."""

    def __init__(self, model: Any) -> None:
        self.distributions = TextDistributions(model, zoo.WINDOW)

    def grow(self, observer: Observer) -> GrowingText:
        return grow(self.distributions, observer)

    def grow_batch(self, rows: int | None, longest: int, observer: Observer, share: float = 1.0) -> GrowingBatch:
        return grow_batch(self, self.distributions, RequestedBatch(rows, longest, share), observer)


def plain(model: Any, prompt: list[int]) -> list[int]:
    """What `generate()` of transformers writes, whatever it takes for an end token."""
    given = torch.tensor([prompt])
    made = model.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=MOST, min_new_tokens=MOST, do_sample=False,
        eos_token_id=None, pad_token_id=2,
    )  # fmt: skip
    return [int(token) for token in made[0, len(prompt) :]]


@pytest.mark.parametrize("family", [*WINDOWS, *STATES])
def test_text_and_acceptance_are_those_without_any_rejected_draft(family: str) -> None:
    large, small = network(family), network(family)
    torch.manual_seed(5)
    with torch.no_grad():
        for weight in small.parameters():
            weight += 0.01 * torch.randn_like(weight)
    random = np.random.default_rng(2)
    prompts = [[int(token) for token in random.integers(3, zoo.VOCABULARY, zoo.SLIDING + 4 - 9 * n)] for n in range(3)]
    texts = [plain(large, prompt) for prompt in prompts]
    known = np.ones(zoo.VOCABULARY, np.bool_)
    models = [SteppedModel(label, Grower(each), known, Observed()) for label, each in (("A", small), ("B", large))]
    for drafts in (1, 4, 8):
        batches = [model.batch(3, zoo.WINDOW) for model in models]
        kind = TextByText if family in STATES else TextRows
        assert all(isinstance(batch.batch, kind) for batch in batches)
        answers = Answers(Sampling(max_new_tokens=MOST), frozenset(), str)
        found: dict[int, SpeculativeText] = {}
        asked = [Asked(prompt, answers, document) for document, prompt in enumerate(prompts)]
        Speculation(batches[0], batches[1], drafts).write(asked, found.__setitem__)
        rejected = 0
        for place, (prompt, tokens) in enumerate(zip(prompts, texts, strict=True)):
            assert list(found[place].tokens) == tokens
            expected = predict(agreed(small, prompt, tokens)[:-1], drafts)
            rounds = found[place].rounds
            assert sum(each.drafted for each in rounds) == expected.drafted
            assert sum(each.accepted for each in rounds) == expected.accepted
            rejected += sum(each.drafted - each.accepted for each in rounds)
        assert rejected > 0, "nothing was ever taken back"


def agreed(small: Any, prompt: list[int], tokens: Sequence[int]) -> Any:
    """Where the small model finds the same token likeliest, by one pass over the text."""
    with torch.no_grad():
        logits = small(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
    return greedy_acceptance(logits.argmax(-1).numpy(), tokens)


class Observed(Unobserved):
    """An observer that hears why texts are computed again."""

    def decision(self, what: str, choice: str, why: str) -> None:
        assert why, f"{what}: {choice}"
