"""Weights into memory: device, dtype and batch size chosen and said, pickles and remote code refused unless allowed."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.runs.plan import ModelSource, RunPlan
from benchtui.worker.batch import choose_batch, free_memory
from benchtui.worker.memory import release
from benchtui.worker.report import Reporter

ROOM_BESIDE = 2
"""Times the weights that must be free for a second model of their size: as much again is left to work in."""
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt")


class NoRoomForModelError(BenchtuiError):
    """The weights do not fit into memory."""


@dataclass
class LoadedModel:
    """Weights that answer for one or more plans. `lm` is an lm-eval model set up for the plan given last."""

    lm: Any
    source: ModelSource
    device: str
    dtype: str
    own_vocabulary: int
    tokenizer_length: int

    def serves(self, source: ModelSource) -> bool:
        """Whether these weights can answer for `source` too: the same files, and an adapter that added no tokens (the
        base model never had them, and would spread probability over them)."""
        if source.weights != self.source.weights:
            return False
        return source.adapter_on == self.source.adapter_on or self.tokenizer_length <= self.own_vocabulary

    def adapter(self, source: ModelSource) -> AbstractContextManager[Any]:
        """While open, the adapter is on or off as `source` says."""
        if source.adapter is None or source.adapter_on:
            return nullcontext()
        context: AbstractContextManager[Any] = self.lm.model.disable_adapter()
        return context


def load_model(plan: RunPlan, reporter: Reporter, memory_share: float) -> LoadedModel:
    """Load what the plan names. Raises BenchtuiError naming the model and what would help."""
    import torch

    device = _choose_device(plan, torch)
    dtype = _choose_dtype(plan, device, torch)
    reporter.decision("device", device, "asked for" if plan.device != "auto" else _device_reason(device))
    reporter.decision("dtype", dtype, "asked for" if plan.prompts.dtype != "auto" else _dtype_reason(device, dtype))
    lm = _construct(plan, plan.source.path, device, dtype, peft=plan.source.adapter)
    own = int(getattr(lm.config.get_text_config(), "vocab_size", 0))
    loaded = LoadedModel(lm, plan.source, device, dtype, own, len(lm.tokenizer))
    prepare(loaded, plan, reporter, memory_share)
    return loaded


def load_beside(loaded: LoadedModel, plan: RunPlan, reporter: Reporter, memory_share: float) -> LoadedModel | None:
    """The model of another plan while `loaded` stays: on the same weights where they serve both, else loaded as well.
    None when two might not fit into memory, or something did not before (`memory_share` below 1). Raises as
    `load_model` does."""
    if loaded.serves(plan.source):
        lm = _construct(plan, loaded.lm.model, loaded.device, loaded.dtype, peft=None)
        other = dataclasses.replace(loaded, lm=lm, source=plan.source)
        prepare(other, plan, reporter, memory_share)
        return other
    needed = ROOM_BESIDE * loaded.lm.model.get_memory_footprint()
    unlike = plan.source.load_in_4bit != loaded.source.load_in_4bit
    if unlike or memory_share < 1 or free_memory(loaded.device) < needed:
        return None
    with suppress(NoRoomForModelError):  # somebody else may have taken the memory meanwhile
        return load_model(plan, reporter, memory_share)
    release(loaded.lm)
    return None


def prepare(loaded: LoadedModel, plan: RunPlan, reporter: Reporter, memory_share: float) -> None:
    """Set a loaded model up for `plan`: tokenizer, chat template, batch size.

    `memory_share` below 1 plans for that part of the memory: an earlier worker of this run died for want of it.
    """
    if plan.source != loaded.source:
        if hasattr(loaded.lm, "close"):
            loaded.lm.close()
        loaded.lm = _construct(plan, loaded.lm.model, loaded.device, loaded.dtype, peft=None)
        loaded.source = plan.source
    lm = loaded.lm
    if plan.prompts.chat_template is not None:
        lm.tokenizer.chat_template = plan.prompts.chat_template
        lm.chat_template_args = lm.chat_template_args | plan.prompts.template_tokens
    size, why = _batch_size(loaded, plan)
    if size is None:
        lm.memory_share = memory_share  # the fast engine plans by tokens, and says what it chose
        return
    if memory_share < 1:
        size, why = max(1, int(size * memory_share)), f"memory ran out at {size}"
    lm.batch_size_per_gpu = size
    reporter.decision("batch size", str(size), why)


def _batch_size(loaded: LoadedModel, plan: RunPlan) -> tuple[int | None, str]:
    if isinstance(plan.batch_size, int):
        return plan.batch_size, "asked for"
    if plan.engine == "fast":
        return None, ""
    import torch

    choice = choose_batch(
        loaded.lm.config,
        device=loaded.device.split(":")[0],
        free=free_memory(loaded.device),
        max_length=loaded.lm.max_length,
        element_bytes=torch.finfo(getattr(torch, loaded.dtype)).bits // 8,
    )
    return choice.size, choice.why


def _construct(plan: RunPlan, pretrained: Any, device: str, dtype: str, *, peft: str | None) -> Any:
    source, prompts = plan.source, plan.prompts
    _refuse_pickles(plan)
    arguments: dict[str, Any] = {
        "revision": source.revision or "main",
        "device": device,
        "dtype": dtype,
        "batch_size": plan.batch_size if isinstance(plan.batch_size, int) else ("auto" if plan.engine == "fast" else 1),
        "max_length": prompts.max_length,
        "tokenizer": tokenizer_of(plan),
        "enable_thinking": prompts.enable_thinking,
        "think_end_token": prompts.think_end_token,
        **prompts.model_args,
        "trust_remote_code": plan.permissions.remote_code,  # after model_args: nothing there can allow it
    }
    if isinstance(pretrained, str):
        arguments["peft"] = peft
        if peft is None and (Path(pretrained) / "adapter_config.json").is_file():
            # Full weights with an adapter beside them (torchtune's epoch_*): transformers would put it on top again.
            arguments["adapter_kwargs"] = {"subfolder": "not-applied"}
        arguments["use_safetensors"] = None if plan.permissions.pickle else True
        if source.load_in_4bit:
            arguments["dtype"] = "auto"
    try:
        return _engine(plan.engine)(pretrained=pretrained, **arguments)
    except BenchtuiError:
        raise
    except Exception as error:  # transformers, safetensors, hub and peft each raise their own
        raise load_error(source, error) from error


def _engine(name: str) -> Any:
    if name == "fast":
        from benchtui.worker.engine import FastLM

        return FastLM
    from benchtui.worker.observed import ObservedHFLM

    return ObservedHFLM


def tokenizer_of(plan: RunPlan) -> str:
    """A tokenizer beside the adapter is the one it was trained with; it is used only while the adapter is on."""
    source = plan.source
    if source.tokenizer:
        return source.tokenizer
    if (
        source.adapter
        and source.adapter_on
        and any((Path(source.adapter) / name).is_file() for name in TOKENIZER_FILES)
    ):
        return source.adapter
    return source.path


def _refuse_pickles(plan: RunPlan) -> None:
    if plan.permissions.pickle:
        return
    for folder in (plan.source.path, plan.source.adapter):
        if folder is None or not Path(folder).is_dir():
            continue
        found = Path(folder)
        if not any(found.glob("*.safetensors")) and any(found.glob("*.bin")):
            raise BenchtuiError(
                f"{folder} holds its weights as pickles, which can run code when they are loaded.",
                "Save them as safetensors, or allow it for this run with --allow-pickle.",
            )


def load_error(source: ModelSource, error: Exception) -> BenchtuiError:
    """What a library said about a model it could not load, as one line with the next step."""
    name = source.adapter if source.adapter and source.adapter_on else source.path
    text = " ".join(str(error).split())[:300]
    what = f"{name} cannot be loaded: {type(error).__name__}: {text}"
    lowered = text.lower()
    if "trust_remote_code" in lowered or "custom code" in lowered:
        return BenchtuiError(f"{name} needs code from its own repository.", "Allow it with --trust-remote-code.")
    if "tokenizer" in lowered:
        return BenchtuiError(what, "Copy the base model's tokenizer files into the folder.")
    if "out of memory" in lowered or "can't allocate memory" in lowered or isinstance(error, MemoryError):
        return NoRoomForModelError(
            f"{name} does not fit into memory.", "Use --format merged_4bit, a GGUF, or a larger machine."
        )
    if "bitsandbytes" in lowered:
        return BenchtuiError(what, "merged_4bit needs a GPU and bitsandbytes: use --format merged_16bit here.")
    if "header" in lowered or "safetensor" in type(error).__name__.lower() or "incomplete" in lowered:
        return BenchtuiError(what, "The weights are damaged or cut short: export the model again.")
    if "connect" in lowered or "offline" in lowered or "couldn't find" in lowered:
        return BenchtuiError(what, "Check the name and the connection, or name a local folder with --base.")
    return BenchtuiError(what, "`benchtui doctor` checks this machine; `benchtui models` checks the folder.")


def _choose_device(plan: RunPlan, torch: Any) -> str:
    if plan.device != "auto":
        if plan.device.startswith("cuda") and not torch.cuda.is_available():
            raise BenchtuiError(
                "--device cuda: PyTorch sees no GPU here.", "`benchtui doctor` says more; or use --device cpu."
            )
        return plan.device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _choose_dtype(plan: RunPlan, device: str, torch: Any) -> str:
    if plan.prompts.dtype != "auto":
        return plan.prompts.dtype
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if device.startswith("mps") else "float32"


def _device_reason(device: str) -> str:
    return "no GPU found" if device == "cpu" else "a GPU was found"


def _dtype_reason(device: str, dtype: str) -> str:
    return "half precision is slower and less exact on a CPU" if device == "cpu" else f"the GPU computes in {dtype}"
