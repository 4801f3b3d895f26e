"""What other tools' command lines say, in benchtui's words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

TORCHTUNE_MODELS: Mapping[str, str] = MappingProxyType(
    {
        "llama2_7b": "meta-llama/Llama-2-7b-hf",
        "llama2_13b": "meta-llama/Llama-2-13b-hf",
        "llama2_70b": "meta-llama/Llama-2-70b-hf",
        "gemma_2b": "google/gemma-2b",
        "gemma_7b": "google/gemma-7b",
        "gemma2_2b": "google/gemma-2-2b",
        "gemma2_9b": "google/gemma-2-9b",
        "gemma2_27b": "google/gemma-2-27b",
    }
)
"""torchtune's names of architectures that its recipes fine-tune from a base model, and that model: the `tune download`
line and the model component of the files in recipes/configs (https://github.com/pytorch/torchtune, April 2026). Names
whose recipes start from an instruct model are left out: they do not say which of the two is meant."""

TORCHTUNE_TOKENIZERS = frozenset(
    {"llama2_tokenizer", "llama3_tokenizer", "gemma_tokenizer", "mistral_tokenizer"}
    | {"qwen2_tokenizer", "qwen2_5_tokenizer", "qwen3_tokenizer", "phi3_mini_tokenizer", "phi4_tokenizer"}
)
"""torchtune's names of kinds of tokenizers (torchtune/models/*/__init__.py): none names a file."""


MOST_GPUS = 64
"""Of one machine."""


def hub_id_of(name: str) -> str:
    """Return the hub id of a torchtune model (llama2_7b); any other name as it is, and so a folder of that name."""
    return name if Path(name).exists() else TORCHTUNE_MODELS.get(name.strip(), name)


def devices_of_count(count: str) -> str:
    """Return what --devices takes for a number of GPUs: 0 is the processor, N the first N of them.

    Raises ValueError for what is no such number.
    """
    number = count.strip()
    if not (number.isascii() and number.isdecimal() and int(number) <= MOST_GPUS):
        raise ValueError(f"a number of GPUs: 0 for the processor, up to {MOST_GPUS}")
    return ",".join(map(str, range(int(number)))) or "cpu"
