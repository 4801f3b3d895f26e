"""Weights into memory: device, dtype and batch size chosen and said, pickles and remote code refused unless allowed."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.backends.hf import engine_of
from benchtui.errors import BenchtuiError
from benchtui.models.hub.cache import unwritable_cache
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.source import Source
from benchtui.worker.answering.hf.batch import choose_batch
from benchtui.worker.answering.hf.memory import free_memory, release_memory
from benchtui.worker.memory import is_caused_by_out_of_memory
from benchtui.worker.report import Reporter

ROOM_BESIDE = 2
"""Free memory required before loading a second model, as a multiple of its weights."""


class NoRoomForModelError(BenchtuiError):
    """The weights do not fit into memory."""


@dataclass
class LoadedModel:
    """Weights that answer for one or more plans. `lm` is an lm-eval model set up for the plan given last.

    `off` switches the adapter of a model off while it answers: then it is the base, as was proven when it was loaded.
    """

    lm: Any
    source: Source
    device: str
    dtype: str
    off: bool = False

    def serves(self, source: Source) -> bool:
        """Whether these weights are those of `source`, or become them when its adapter is put on."""
        return source.weights == self.source.weights and self.source.adapter in (None, source.adapter)

    def answering(self) -> AbstractContextManager[Any]:
        """While open, the model is what `source` says."""
        if not self.off:
            return nullcontext()
        context: AbstractContextManager[Any] = self.lm.model.disable_adapter()
        return context

    @property
    def facts(self) -> dict[str, Any]:
        """What the results tell of the model: where and in which precision it ran, and what is to be known of it."""
        return {"device": self.device, "dtype": self.dtype} | (
            {"caveats": list(self.lm.caveats)} if self.lm.caveats else {}
        )


def load_model(plan: BenchmarkPlan, reporter: Reporter, memory_share: float) -> LoadedModel:
    """Load what the plan names. Raises BenchtuiError naming the model and what would help."""
    import torch

    device = _choose_device(plan, torch)
    dtype = _choose_dtype(plan, device, torch)
    reporter.decision("device", device, "asked for" if plan.device != "auto" else _device_reason(device))
    reporter.decision("dtype", dtype, "asked for" if plan.prompts.dtype != "auto" else _dtype_reason(device, dtype))
    lm = _construct(plan, plan.source.path, device, dtype, peft=plan.source.adapter)
    loaded = LoadedModel(lm, plan.source, device, dtype)
    prepare(loaded, plan, reporter, memory_share)
    return loaded


def load_beside(
    loaded: LoadedModel, plan: BenchmarkPlan, reporter: Reporter, memory_share: float
) -> LoadedModel | None:
    """The model of another plan while `loaded`, its base, stays: on the same weights where that is proven to leave the
    base what it is, else loaded as well. None when two might not fit into memory, or something did not before
    (`memory_share` below 1). Raises as `load_model` does."""
    if loaded.serves(plan.source) and (shared := _share_weights(loaded, plan, reporter, memory_share)):
        return shared
    if loaded.source.adapter:
        return None  # putting the adapter on has changed the base: it has to be loaded again, by itself
    needed = ROOM_BESIDE * loaded.lm.model.get_memory_footprint()
    unlike = plan.source.load_in_4bit != loaded.source.load_in_4bit
    if unlike or memory_share < 1 or free_memory(loaded.device) < needed:
        return None
    with suppress(NoRoomForModelError):  # somebody else may have taken the memory meanwhile
        return load_model(plan, reporter, memory_share)
    release_memory(loaded.device)
    return None


def _share_weights(
    loaded: LoadedModel, plan: BenchmarkPlan, reporter: Reporter, memory_share: float
) -> LoadedModel | None:
    """The adapter of `plan` on the weights of `loaded`, which then answers with the adapter off. None when that would
    not be the base; `loaded` then has the adapter, if it had to be tried."""
    from peft import PeftConfig

    from benchtui.worker.answering.hf.adapters import BaseProof, adapter_error, why_base_is_needed

    adapter = plan.source.adapter
    if adapter is None:
        return None
    try:
        reason = why_base_is_needed(PeftConfig.from_pretrained(adapter))
    except Exception as error:  # peft and the hub each raise their own
        raise adapter_error(adapter, error) from error
    if reason:
        reporter.decision("base", "loaded by itself", f"the adapter switched off is not the base: {reason}")
        return None
    proof = BaseProof(loaded.lm.model)
    lm = _construct(plan, loaded.lm.model, loaded.device, loaded.dtype, peft=None)
    lm.apply_adapter(adapter)
    if reason := proof.broken_by(lm.model):
        loaded.source = plan.source
        reporter.decision("base", "loaded by itself", f"the adapter switched off is not the base: {reason}")
        return None
    other = dataclasses.replace(loaded, lm=lm, source=plan.source)
    lm.caveats = [*loaded.lm.caveats, *lm.caveats]
    loaded.lm.use(lm.model)
    loaded.off = True
    prepare(other, plan, reporter, memory_share)
    return other


def prepare(loaded: LoadedModel, plan: BenchmarkPlan, reporter: Reporter, memory_share: float) -> None:
    """Set a loaded model up for `plan`: adapter, tokenizer, chat template, batch size.

    `memory_share` below 1 plans for that part of the memory: an earlier worker of this run died for want of it.
    """
    if plan.source != loaded.source:
        caveats = loaded.lm.caveats
        loaded.lm.close()
        loaded.lm = _construct(plan, loaded.lm.model, loaded.device, loaded.dtype, peft=None)
        loaded.lm.caveats = list(caveats)
        if plan.source.adapter and not loaded.source.adapter:
            loaded.lm.apply_adapter(plan.source.adapter)
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


def _batch_size(loaded: LoadedModel, plan: BenchmarkPlan) -> tuple[int | None, str]:
    if isinstance(plan.batch_size, int):
        return plan.batch_size, "asked for"
    if engine_of(plan.backend_settings) == "fast":
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


def _construct(plan: BenchmarkPlan, pretrained: Any, device: str, dtype: str, *, peft: str | None) -> Any:
    source, prompts = plan.source, plan.prompts
    _refuse_pickles(plan)
    arguments: dict[str, Any] = {
        "revision": source.revision or "main",
        "device": device,
        "dtype": dtype,
        "batch_size": plan.batch_size
        if isinstance(plan.batch_size, int)
        else ("auto" if engine_of(plan.backend_settings) == "fast" else 1),
        "max_length": prompts.max_length,
        "tokenizer": plan.source.tokenizer_place,
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
        return _engine(engine_of(plan.backend_settings))(pretrained=pretrained, **arguments)
    except BenchtuiError:
        raise
    except Exception as error:  # transformers, safetensors, hub and peft each raise their own
        raise load_error(source.path, error) from error


def _engine(name: str) -> Any:
    if name == "fast":
        from benchtui.worker.answering.hf.engine.lm import FastLM

        return FastLM
    from benchtui.worker.answering.hf.observed import ObservedHFLM

    return ObservedHFLM


def _refuse_pickles(plan: BenchmarkPlan) -> None:
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
            f"{name} does not fit into memory.", "Use --format merged_4bit, a GGUF, or a larger machine."
        )
    if "bitsandbytes" in lowered:
        return BenchtuiError(what, "merged_4bit needs a GPU and bitsandbytes: use --format merged_16bit here.")
    if "header" in lowered or "safetensor" in type(error).__name__.lower() or "incomplete" in lowered:
        return BenchtuiError(what, "The weights are damaged or cut short: export the model again.")
    if "connect" in lowered or "offline" in lowered or "couldn't find" in lowered:
        return BenchtuiError(what, "Check the name and the connection, or name a local folder with --base.")
    return BenchtuiError(what, "`benchtui doctor` checks this machine; `benchtui models` checks the folder.")


def _choose_device(plan: BenchmarkPlan, torch: Any) -> str:
    if plan.device != "auto":
        if plan.device.startswith("cuda") and not torch.cuda.is_available():
            raise BenchtuiError(
                "--device cuda: PyTorch sees no GPU here.", "`benchtui doctor` says more; or use --device cpu."
            )
        return plan.device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _choose_dtype(plan: BenchmarkPlan, device: str, torch: Any) -> str:
    if plan.prompts.dtype != "auto":
        return plan.prompts.dtype
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if device.startswith("mps") else "float32"


def _device_reason(device: str) -> str:
    return "no GPU found" if device == "cpu" else "a GPU was found"


def _dtype_reason(device: str, dtype: str) -> str:
    return "half precision is slower and less exact on a CPU" if device == "cpu" else f"the GPU computes in {dtype}"
