"""Weights into memory: device and dtype chosen, pickles and remote code refused unless allowed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.backends.hf import engine_of
from benchtui.errors import BenchtuiError
from benchtui.models.hub.cache import unwritable_cache
from benchtui.models.source import hugging_face
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.runs.worker_contract import DEVICE_NAME, model_devices
from benchtui.worker.answering.hf.spread import on_disk
from benchtui.worker.answering.protocol import ModelPlan

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.model import HFModel


class NoRoomForModelError(BenchtuiError):
    """The weights do not fit into memory."""


def construct(plan: ModelPlan, pretrained: Any, device: str, dtype: str, *, adapter: str | None = None) -> HFModel:
    """Load `pretrained` (a folder or hub id) with its `adapter`, or set a model in memory up for the plan.

    Raises BenchtuiError naming the model and what would help.
    """
    source, prompts, engine = hugging_face(plan.source), plan.prompts, engine_of(plan.backend_settings)
    refuse_pickles(plan)
    arguments: dict[str, Any] = {
        "revision": source.revision or "main",
        "device": device,
        "dtype": dtype,
        "batch_size": plan.batch_size if isinstance(plan.batch_size, int) else ("auto" if engine == "fast" else 1),
        "max_length": prompts.max_length,
        "tokenizer": source.tokenizer_place,
        "enable_thinking": prompts.enable_thinking,
        "think_end_token": prompts.think_end_token,
        **prompts.model_args,
        "trust_remote_code": plan.permissions.remote_code,  # after model_args: nothing there can allow it
    }
    if isinstance(pretrained, str):
        arguments["peft"] = adapter
        if adapter is None and (Path(pretrained) / "adapter_config.json").is_file():
            # Full weights with an adapter beside them (torchtune's epoch_*): transformers would put it on top again.
            arguments["adapter_kwargs"] = {"subfolder": "not-applied"}
        arguments["use_safetensors"] = None if plan.permissions.pickle else True
        if source.load_in_4bit:
            arguments["dtype"] = "auto"
        if model_devices() > 1:
            arguments["parallelize"] = True
        if arguments.get("parallelize"):
            arguments.setdefault("offload_folder", None)  # lm-eval's own would be in the folder that one is in
    else:
        arguments.pop("parallelize", None)  # it is where it is
    try:
        lm = _engine(engine)(pretrained=pretrained, **arguments)
    except BenchtuiError:
        raise
    except Exception as error:  # transformers, safetensors, hub and peft each raise their own
        raise load_error(source.path, error) from error
    if (parts := on_disk(lm.model)) and arguments.get("offload_folder") is None:
        raise _too_large(source.path, parts)
    return lm


def _too_large(name: str, parts: int) -> NoRoomForModelError:
    """Accelerate puts what fits nowhere on a disk, to be read for every pass: an evaluation would not end."""
    return NoRoomForModelError(
        f"{name} does not fit into the memory of the GPUs together: {parts} of its parts are left over.",
        "Give more GPUs with --model-parallel, let a part wait in the machine's memory with --model-args "
        "max_cpu_memory=30GiB, or use --format merged_4bit.",
    )


def _engine(name: str) -> type[HFModel]:
    if name == "fast":
        from benchtui.worker.answering.hf.engine.lm import FastLM

        return FastLM
    from benchtui.worker.answering.hf.lm_eval_engine import LmEvalEngine

    return LmEvalEngine


def refuse_pickles(plan: ModelPlan) -> None:
    """Raise BenchtuiError where weights are pickles and the plan does not allow them."""
    if plan.permissions.pickle:
        return
    for folder in (plan.source.path, hugging_face(plan.source).adapter):
        if folder is None or not Path(folder).is_dir():
            continue
        found = Path(folder)
        if not any(found.glob("*.safetensors")) and any(found.glob("*.bin")):
            raise BenchtuiError(
                f"{folder} holds its weights as pickles, which can run code when they are loaded.",
                "Save them as safetensors, or allow it for this run with --allow-pickle.",
            )


def load_error(name: str, error: Exception) -> BenchtuiError:
    """What a library said about a model that it could not load, as one line with the next step."""
    if unwritable := unwritable_cache(error):
        return unwritable
    text = " ".join(str(error).split())[:300]
    what = f"{name} cannot be loaded: {type(error).__name__}: {text}"
    lowered = text.lower()
    if "trust_remote_code" in lowered or "custom code" in lowered:
        return BenchtuiError(f"{name} needs code from its own repository.", "Allow it with --trust-remote-code.")
    if "tokenizer" in lowered:
        return BenchtuiError(what, "Copy the base model's tokenizer files into the folder.")
    if is_caused_by_out_of_memory(error):
        return NoRoomForModelError(
            f"{name} does not fit into memory.", "Use --format merged_4bit, or a larger machine."
        )
    if "bitsandbytes" in lowered:
        return BenchtuiError(what, "merged_4bit needs a GPU and bitsandbytes: use --format merged_16bit here.")
    if "header" in lowered or "safetensor" in type(error).__name__.lower() or "incomplete" in lowered:
        return BenchtuiError(what, "The weights are damaged or cut short: export the model again.")
    if "connect" in lowered or "offline" in lowered or "couldn't find" in lowered:
        return BenchtuiError(what, "Check the name and the connection, or name a local folder with --base.")
    return BenchtuiError(what, "`benchtui doctor` checks this machine; `benchtui models` checks the folder.")


def choose_device(plan: ModelPlan) -> tuple[str, str]:
    """PyTorch's name of the device to load on, and why. Raises BenchtuiError where the plan's is not there."""
    import torch

    if plan.device != "auto":
        if plan.device.startswith("cuda") and not torch.cuda.is_available():
            raise BenchtuiError(
                "--device cuda: PyTorch sees no GPU here.", "`benchtui doctor` says more; or use --device cpu."
            )
        return plan.device, os.environ.get(DEVICE_NAME, "asked for")
    if torch.cuda.is_available():
        return "cuda", os.environ.get(DEVICE_NAME, "a GPU was found")
    return ("mps", "a GPU was found") if torch.backends.mps.is_available() else ("cpu", "no GPU found")


def choose_dtype(plan: ModelPlan, device: str) -> tuple[str, str]:
    """The precision of the weights (PyTorch's name), and why."""
    import torch

    if plan.prompts.dtype != "auto":
        return plan.prompts.dtype, "asked for"
    if device.startswith("cuda"):
        dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    else:
        dtype = "float16" if device.startswith("mps") else "float32"
    why = "half precision is slower and less exact on a CPU" if device == "cpu" else f"the GPU computes in {dtype}"
    return dtype, why
