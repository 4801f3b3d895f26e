"""The vllm backend: models in Hugging Face's format, loaded by vLLM in the worker's process.

vLLM wants other versions of the libraries than benchtui: its worker runs in an environment of its own (--python).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend, Gives, Need
from benchtui.errors import BenchtuiError, UsageError
from benchtui.python_environment import OWN
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.models.describe import ModelDescription
    from benchtui.models.layout import ModelFormat
    from benchtui.models.source import Source

_OWN_ENVIRONMENT = (
    "Make an environment for it (python -m venv vllm-env; vllm-env/bin/pip install vllm), then give --python "
    "vllm-env/bin/python: it is told what else is missing there."
)


@dataclass(frozen=True)
class _Vllm(Backend):
    def check(self, access: Access | None = None) -> None:
        environment = access.environment if access is not None else OWN
        if environment.python is None and environment.version_of("vllm") is None:
            raise BenchtuiError("The vllm backend needs the package vllm, which is not installed.", _OWN_ENVIRONMENT)
        super().check(access)

    def source(
        self, form: ModelFormat | None, own: ModelDescription, base: ModelDescription | None, access: Access
    ) -> Source:
        """As `Backend.source`. Raises UsageError for an adapter that vLLM is not known to put on its base whole."""
        from benchtui.backends.vllm_adapters import why_not

        if own.adapter and base is not None and (why := why_not(own, base)):
            raise UsageError(
                f"vLLM does not put the adapter {one_line(own.name, 300)} on its base: {why}.",
                "Merge it into its base first (merge_and_unload, then save_pretrained), or use --backend hf.",
            )
        return super().source(form, own, base, access)


VLLM = _Vllm(
    name="vllm",
    title="vLLM",
    takes=("hub", "merged_16bit", "full", "lora", "checkpoint", "epoch"),
    gives=Gives(generate=True, loglikelihood=True, distributions="full", adapters=True),
    answering="benchtui.worker.answering.vllm.open",
    spreads_by="tensor_parallel_size",
    needs=tuple(
        Need(package, f"python -m pip install {package}", "0.32.0" if package == "vllm" else "")
        for package in ("vllm", "torch", "transformers", "accelerate")
    ),
    reserved_arguments=MappingProxyType(
        {
            "model": "--model",
            "enable_lora": "--model",
            "lora_local_path": "--model",
            "max_model_len": "--max-length",
            "load_format": "--allow-pickle",
        }
    ),
    harmless_arguments=frozenset(
        {
            "add_bos_token", "block_size", "data_parallel_size", "enable_chunked_prefill", "enable_prefix_caching",
            "enforce_eager", "gpu_memory_utilization", "kv_cache_dtype", "max_lora_rank",
            "max_num_batched_tokens", "max_num_seqs",
            "pipeline_parallel_size", "prefix_token_id", "quantization", "tensor_parallel_size", "use_fast_tokenizer",
        }
    ),
    costs="fastest for many samples on a GPU; needs an environment of its own",
    unverified="only run on CPUs; sampling, chat templates and several GPUs not tried",
)  # fmt: skip
