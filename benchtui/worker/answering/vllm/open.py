"""How the worker opens a model with vLLM: what `benchtui/backends/vllm.py` names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchtui.errors import BenchtuiError
from benchtui.machine import memory_part
from benchtui.models.describe import describe
from benchtui.models.source import HuggingFaceSource, hugging_face
from benchtui.runs.worker_contract import model_devices
from benchtui.text import one_line
from benchtui.worker.answering.hf.open import open_chat
from benchtui.worker.answering.protocol import ModelPlan
from benchtui.worker.answering.vllm import lora
from benchtui.worker.report import Reporter

if TYPE_CHECKING:
    from benchtui.worker.answering.vllm.answering import VllmAnswering

__all__ = ["open_chat", "open_model"]

_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # the engine in this process: it shows what it does, and dies with us
    # One position more than the model reads: the token behind the last one, which is scored and never read.
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
}
_ON_CPU = {"VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "VLLM_CPU_KVCACHE_SPACE": "4"}
"""Unless the user's environment says something else: where vLLM's threads may run, and gigabytes for its cache."""
_ROWS = 64
"""Requests in the engine at once where the user asks for no number."""
_MEMORY = 0.85
"""Of a GPU's memory: the rest is for log-probabilities of prompts, which vLLM does not plan for."""
_TOKENS_AT_ONCE = 2048
"""Positions of one forward pass: log-probabilities of a prompt take the whole vocabulary for each."""


def open_model(plan: ModelPlan, reporter: Reporter, memory_share: float) -> VllmAnswering:
    """Load the plan's model into vLLM. Raises BenchtuiError naming the model and what would help."""
    source = hugging_face(plan.source)
    os.environ.update(_ENVIRONMENT)
    from benchtui.worker.answering.hf.load import choose_dtype, load_error, refuse_pickles

    _settle_cpu()
    refuse_pickles(plan)
    try:
        from vllm import LLM
        from vllm.platforms import current_platform

        from benchtui.worker.answering.hf.tokenizer_alone import TokenizerAlone
        from benchtui.worker.answering.vllm.answering import VllmAnswering

        device = str(current_platform.device_type) or _no_device()
        _check_device(plan.device, device)
        dtype, why = choose_dtype(plan, device)
        reporter.decision("device", device, "what the installed vLLM is for")
        reporter.decision("dtype", dtype, why)
        tokenizer = TokenizerAlone(plan, source)
        if plan.prompts.chat_template is not None:
            tokenizer.tokenizer.chat_template = plan.prompts.chat_template
        rows = plan.batch_size if isinstance(plan.batch_size, int) else _ROWS
        reporter.batch_size(rows, "requests in vLLM at once")
        adapter = describe(source.adapter, allow_pickle=plan.permissions.pickle) if source.adapter else None
        more = lora.arguments(adapter, plan.prompts.model_args)
        llm = LLM(**{**_arguments(plan, source, tokenizer.max_length, device, dtype, rows, memory_share), **more})
        request = None if adapter is None else lora.put_on(llm, adapter)
        if request is not None:
            reporter.decision("prompts scored at once", "1", "vLLM mixes up those that share a batch with an adapter")
        return VllmAnswering(llm, tokenizer, plan, device=device, rows=rows, adapter=request)
    except BenchtuiError:
        raise
    except Exception as error:  # vLLM, transformers and the hub each raise their own
        if "KV cache" in str(error):
            raise BenchtuiError(
                f"{one_line(source.path, 200)}: its longest text does not fit into memory beside the weights.",
                "Give a smaller --max-length, or on a CPU more gigabytes in VLLM_CPU_KVCACHE_SPACE.",
            ) from error
        raise load_error(source.path, error) from error


def _settle_cpu() -> None:
    """Tell vLLM that it is on processors where the installed PyTorch knows nothing else; it may not see that itself."""
    import torch

    if not (torch.version.cuda or torch.version.hip or torch.xpu.is_available()):
        for name, value in _ON_CPU.items():
            os.environ.setdefault(name, value)


def _no_device() -> str:
    raise BenchtuiError(
        "vLLM finds no device here that it is made for.",
        "`benchtui doctor` says which GPU there is; vllm-cpu is the vLLM for processors.",
    )


def _check_device(asked: str, device: str) -> None:
    if asked not in ("auto", device):
        raise BenchtuiError(
            f"--device {one_line(asked, 40)}: the vLLM that is installed computes on {device}.",
            f"Leave out --device, or install the vLLM for {one_line(asked, 40)} in an environment.",
        )


def _arguments(
    plan: ModelPlan,
    source: HuggingFaceSource,
    max_length: int,
    device: str,
    dtype: str,
    rows: int,
    memory_share: float,
) -> dict[str, Any]:
    own = ("add_bos_token", "prefix_token_id", "use_fast_tokenizer", "chat_template_args")
    return {
        "gpu_memory_utilization": _MEMORY * memory_share * memory_part(),
        "max_num_batched_tokens": max(_TOKENS_AT_ONCE, rows),
        "enforce_eager": device == "cpu",  # compiling takes minutes there and gains nothing
        "max_num_seqs": rows,
        **({"tensor_parallel_size": model_devices()} if model_devices() > 1 else {}),
        **{name: value for name, value in plan.prompts.model_args.items() if name not in own},
        "model": source.path,
        "tokenizer": source.tokenizer_place,
        "revision": source.revision,
        "tokenizer_revision": source.revision,
        "trust_remote_code": plan.permissions.remote_code,  # after model_args: nothing there can allow it
        "load_format": "auto" if plan.permissions.pickle else "safetensors",
        "dtype": dtype,
        "max_model_len": max_length + 1,
        "max_logprobs": -1,
        "seed": plan.prompts.seeds[2],
        "disable_log_stats": True,
    }
