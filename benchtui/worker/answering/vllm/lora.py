"""A PEFT adapter in vLLM: with every request, and with every one of its matrices accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchtui.backends.vllm_adapters import adapted, largest_rank
from benchtui.errors import BenchtuiError
from benchtui.models.describe import ModelDescription
from benchtui.text import one_line

MERGE = "Merge it into its base first (merge_and_unload, then save_pretrained), or use --backend hf."


def arguments(adapter: ModelDescription | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What vLLM is loaded with for an adapter. Raises BenchtuiError where the user's `max_lora_rank` is too small."""
    if adapter is None:
        return {}
    rank, named = largest_rank(adapter), given.get("max_lora_rank")
    if isinstance(named, int) and named < rank:
        raise BenchtuiError(
            f"max_lora_rank={named} in --model-args, and the adapter needs {rank}.", "Leave it out: it is found out."
        )
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": named or rank}


def put_on(llm: Any, adapter: ModelDescription) -> Any:
    """Load the adapter, and return the LoRARequest that goes with each request.

    Raises BenchtuiError where vLLM does not take it, or takes only a part of it.
    """
    from vllm.lora.request import LoRARequest

    request = LoRARequest("adapter", 1, adapter.name)
    shown = one_line(adapter.name, 300)
    try:
        llm.llm_engine.add_lora(request)
    except Exception as error:  # vLLM, torch and safetensors each raise their own
        raise BenchtuiError(f"vLLM does not take the adapter {shown}: {one_line(str(error), 300)}", MERGE) from error
    used, there = min(llm.collective_rpc(_matrices_in_use)), adapted(adapter)
    if used != there:
        raise BenchtuiError(f"vLLM uses {used} of the {there} matrix pairs of the adapter {shown}.", MERGE)
    return request


def _matrices_in_use(worker: Any) -> int:
    """How many of the adapter's pairs of matrices stand in layers of the model; those of layers that vLLM computes
    together are one entry there. Runs in vLLM's worker."""
    manager = worker.model_runner.lora_manager._adapter_manager  # noqa: SLF001 - it tells it nowhere else
    count = 0
    for adapter in manager.list_adapters().values():
        for name, layer in adapter.loras.items():
            if name in manager.modules:
                pairs = layer.lora_b if isinstance(layer.lora_b, list) else [layer.lora_b]
                count += sum(pair is not None for pair in pairs)
    return count
