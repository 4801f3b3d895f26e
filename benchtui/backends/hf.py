"""The hf backend: models in Hugging Face's format, loaded by transformers and answering through benchtui's engine or
lm-eval's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from benchtui.backends.backend import Backend, Gives, Need, OwnSetting


@dataclass(frozen=True)
class _Hf(Backend):
    def identity(self) -> dict[str, str]:
        from importlib.metadata import version

        return {"transformers": version("transformers")}

    def is_harmless(self, argument: str, value: Any) -> bool:
        # "org/name" would be a kernel that is fetched from the hub and imported.
        own = argument != "attn_implementation" or re.fullmatch(r"\w+", str(value)) is not None
        return own and super().is_harmless(argument, value)


HF = _Hf(
    name="hf",
    title="transformers",
    takes=("hub", "merged_16bit", "full", "lora", "merged_4bit", "checkpoint", "epoch"),
    gives=Gives(generate=True, loglikelihood=True, adapters=True),
    answering="benchtui.worker.answering.hf.open",
    needs=tuple(
        Need(package, f"python -m pip install {package}") for package in ("torch", "transformers", "peft", "accelerate")
    ),
    settings=(OwnSetting("engine", "fast, benchtui's own, or lm-eval: its hf model.", ("fast", "lm-eval"), "fast"),),
    reserved_arguments=MappingProxyType(
        {
            "pretrained": "--model",
            "peft": "--model",
            "trust_remote_code": "--trust-remote-code",
            "use_safetensors": "--allow-pickle",
            "dtype": "--dtype",
            "device": "--device",
            "batch_size": "--batch-size",
            "max_length": "--max-length",
            "enable_thinking": "--enable-thinking",
            "think_end_token": "--think-end-token",
        }
    ),
    harmless_arguments=frozenset(
        {
            "add_bos_token", "attn_implementation", "bnb_4bit_compute_dtype", "bnb_4bit_quant_type",
            "bnb_4bit_use_double_quant", "device_map_option", "load_in_4bit", "load_in_8bit", "logits_cache",
            "low_cpu_mem_usage", "max_batch_size", "max_cpu_memory", "max_memory_per_gpu", "mixed_precision_dtype",
            "parallelize", "prefix_token_id", "revision", "softmax_dtype", "truncation", "use_fast_tokenizer",
        }
    ),
)  # fmt: skip


def engine_of(settings: Mapping[str, str]) -> str:
    """The engine that a plan's `backend_settings` name: fast, or lm-eval."""
    return HF.setting(settings, "engine")
