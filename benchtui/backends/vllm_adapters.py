"""Which PEFT adapters vLLM puts on a base, told from their configuration and the headers of their tensors.

vLLM leaves some of what an adapter brings out without a word, so what it is not known to compute is refused.
Source: vLLM 0.32.0, lora/peft_helper.py and config/lora.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchtui.models.weights.adapter_check import saved_modules
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.models.describe import ModelDescription

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `max_lora_rank`."""
_SECOND_MATRIX = re.compile(r"\.lora_B(\.|$)")
_FIRST_MATRIX = re.compile(r"\.lora_A(\.|$)")
_EMBEDDINGS = re.compile(
    r"\.(lora_embedding_[AB]|(embed_tokens|wte|word_embeddings|embed_in|lm_head|embed_out)\.lora_)"
)
_BEGUN_PLAINLY = frozenset({"gaussian", "eva", "orthogonal"})
"""Ways to begin a LoRA, by name, that leave the base's own weights alone."""
_OWN_WAYS: Mapping[str, str] = {
    "use_dora": "it is a DoRA adapter",
    "lora_bias": "it trained biases",
    "modules_to_save": "it brings modules of its own",
    "trainable_token_indices": "it brings tokens of its own",
    "alora_invocation_tokens": "it is switched on by tokens in the text",
    "layer_replication": "it repeats layers of the base",
    "target_parameters": "it adapts parameters that are no layers",
    "use_bdlora": "its matrices are block-diagonal",
    "use_qalora": "it is a QA-LoRA adapter",
}
"""Keys of adapter_config.json that are refused where they are set, and why."""


def why_not(adapter: ModelDescription, base: ModelDescription) -> str:
    """Return why vLLM does not put an adapter on its base, worded to follow a colon; "" where nothing is against it."""
    config, tensors = adapter.config, adapter.tensors
    if (kind := str(config.get("peft_type", "LORA")).upper()) != "LORA":
        return f"it is of type {one_line(kind, 40)}"
    if not adapter.local:
        return "it is not on this machine"
    if base.architecture.four_bit:
        return "its base is stored in 4 bits"
    if str(config.get("bias", "none")) != "none":
        return "it trained biases"
    if found := next((words for name, words in _OWN_WAYS.items() if config.get(name)), ""):
        return found
    begun = config.get("init_lora_weights", True)
    if isinstance(begun, str) and begun.lower() not in _BEGUN_PLAINLY:
        return f"it began with {one_line(begun, 40)}, which changes the base's weights"
    if own := saved_modules(tensors):
        return f"it brings its own {' and '.join(own)}"
    if any(_EMBEDDINGS.search(name) for name in tensors):
        return "it adapts the embedding or the head"
    if any(name.endswith(".lora_B.bias") for name in tensors):
        return "it trained biases"
    if (rank := rank_of(adapter)) > RANKS[-1]:
        return f"its rank is {rank}, above {RANKS[-1]}"
    return ""


def rank_of(adapter: ModelDescription) -> int:
    """Return the largest rank of an adapter's matrices, also where its configuration says another one."""
    config: Mapping[str, Any] = adapter.config
    patterns = config.get("rank_pattern")
    named = [config.get("r"), *(patterns.values() if isinstance(patterns, Mapping) else ())]
    there = [tensor.shape[0] for name, tensor in adapter.tensors.items() if _FIRST_MATRIX.search(name) and tensor.shape]
    return max([1, *(rank for rank in named if isinstance(rank, int)), *there])


def largest_rank(adapter: ModelDescription) -> int:
    """Return the smallest `max_lora_rank` of vLLM's that holds an adapter."""
    rank = rank_of(adapter)
    return next(size for size in RANKS if size >= rank)


def adapted(adapter: ModelDescription) -> int:
    """Return how many layers an adapter has matrices for."""
    return sum(1 for name in adapter.tensors if _SECOND_MATRIX.search(name))
