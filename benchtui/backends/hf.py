"""The hf backend: models in Hugging Face's format, loaded by transformers and answering through benchtui's engine or
lm-eval's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, BatchAdvice, Gives, Machine, Need, OwnSetting
from benchtui.backends.hf_batch import (
    LONGEST_PLANNED,
    MEMORY_SHARE,
    cache_bytes_per_token,
    choose_batch,
    device_of,
    forward_bytes_per_token,
    row_bytes,
    rows_that_fit,
    same_as_automatic,
    tokens_that_fit,
)
from benchtui.errors import BenchtuiError
from benchtui.gpus import find_gpus
from benchtui.models.layout import size_text

if TYPE_CHECKING:
    from benchtui.models.describe import ModelDescription


_CHECKED = {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2", "accelerate": "1.15.0"}
_WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class _Hf(Backend):
    def identity(self, access: Access) -> dict[str, str]:
        # Beside benchtui's own, one PyTorch computes what the other does; another environment may have any.
        packages = ("transformers",) if access.environment.python is None else ("transformers", "torch")
        return {package: access.environment.version_of(package) or "" for package in packages}

    def advise(
        self, model: ModelDescription, machine: Machine, *, max_length: int | None, settings: Mapping[str, str]
    ) -> BatchAdvice | None:
        width = 4 if machine.device == "cpu" else _WIDTHS.get(model.dtype or "", 2)
        weights = (model.parameters or 0) * width or model.weight_bytes
        free = max(machine.free - weights, 0)
        shape = model.architecture
        config = SimpleNamespace(
            vocab_size=shape.vocab_size or 32_000,
            hidden_size=shape.hidden_size or 4096,
            num_hidden_layers=shape.layers or 32,
            num_attention_heads=shape.kv_heads or 32,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_dim,
        )
        longest = min(max_length or shape.max_positions or LONGEST_PLANNED, LONGEST_PLANNED)
        if engine_of(settings) == "fast":
            return _advice_of_fast(config, machine.device, free, longest, width)
        chosen = choose_batch(config, device=machine.device, free=free, max_length=longest, element_bytes=width)
        fits = int(free * MEMORY_SHARE) // row_bytes(config, longest, width)
        beyond = "More than memory holds at full length; the size is halved when it runs out."
        return BatchAdvice(chosen.size, fits, machine.device, chosen.why, beyond)

    def weights_in_memory(self, model: ModelDescription, device: str, dtype: str) -> int:
        if model.architecture.four_bit or not model.parameters:
            return model.weight_bytes
        return model.parameters * (_WIDTHS.get(dtype) or (4 if _on_processor(device) else 2))

    def is_harmless(self, argument: str, value: Any) -> bool:
        # "org/name" would be a kernel that is fetched from the hub and imported.
        own = argument != "attn_implementation" or re.fullmatch(r"\w+", str(value)) is not None
        return own and super().is_harmless(argument, value)


def _on_processor(device: str) -> bool:
    try:
        return device == "cpu" or (device == "auto" and not find_gpus())
    except BenchtuiError:  # a driver that does not answer: PyTorch finds no GPU then either
        return True


def _advice_of_fast(config: Any, kind: str, free: int, longest: int, width: int) -> BatchAdvice:
    """What the fast engine would do; the length of the texts it will meet is not known yet: `longest` is assumed."""
    device = device_of(kind)
    tokens = tokens_that_fit(device, free, forward_bytes_per_token(config, width))
    fits = rows_that_fit(free, cache_bytes_per_token(config, width) * longest)
    rows = min(device.rows, fits)
    why = f"{size_text(free)} free, up to {tokens:,} tokens per forward pass and {rows} answers generated at a time"
    beyond = "More than memory holds at full length; fewer are generated at a time."
    return BatchAdvice(same_as_automatic(device, rows), fits, kind, why, beyond)


CHECKPOINTS = "benchtui.worker.answering.hf.checkpoint"
"""The program that puts a state dict on the architecture of its base."""

HF = _Hf(
    name="hf",
    title="transformers",
    takes=("hub", "merged_16bit", "full", "lora", "merged_4bit", "checkpoint", "epoch"),
    gives=Gives(generate=True, loglikelihood=True, distributions="full", adapters=True),
    switches=True,
    spreads_by="parallelize",
    costs="memory: what the files take, twice that on a CPU",
    lm_eval_model="hf",
    answering="benchtui.worker.answering.hf.open",
    needs=tuple(
        Need(package, f"python -m pip install {package}", checked)
        for package, checked in _CHECKED.items()
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
