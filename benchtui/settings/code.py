"""Settings that can have code run: given anew by whoever starts or resumes a run, never by a folder from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

HARMLESS_MODEL_ARGS = frozenset(
    {
        "add_bos_token", "attn_implementation", "bnb_4bit_compute_dtype", "bnb_4bit_quant_type",
        "bnb_4bit_use_double_quant", "device_map_option", "load_in_4bit", "load_in_8bit", "logits_cache",
        "low_cpu_mem_usage", "max_batch_size", "max_cpu_memory", "max_memory_per_gpu", "mixed_precision_dtype",
        "parallelize", "prefix_token_id", "revision", "softmax_dtype", "truncation", "use_fast_tokenizer",
    }
)  # fmt: skip
"""Arguments of lm-eval's hf model that name no file, no repository and no Python object."""
CODE_IN_GENERATION = frozenset({"custom_generate", "trust_remote_code"})
"""Arguments of transformers' generate() that have it import a Python file from a folder or a repository."""


def code_in_generation(settings: Mapping[str, Any]) -> list[str]:
    """The generation settings that would have transformers run a Python file."""
    return [name for name in settings if name in CODE_IN_GENERATION]


def is_harmless(name: str, value: Any) -> bool:
    """Whether a model argument can load no file and no code."""
    if name not in HARMLESS_MODEL_ARGS or isinstance(value, dict | list):
        return False
    # "org/name" would be a kernel that is fetched from the hub and imported
    return name != "attn_implementation" or re.fullmatch(r"\w+", str(value)) is not None


def is_task_file(task: str) -> bool:
    """Whether a task is named by the path of its file instead of by its name."""
    return task.endswith((".yaml", ".yml")) or "/" in task
