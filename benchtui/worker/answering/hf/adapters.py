"""PEFT adapters: put on a model with every tensor accounted for, and the proof that a model without one is the base."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import peft
import torch
from peft import PeftModel

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.hf.spread import input_device

_SIZE_MISMATCH = re.compile(
    r"size mismatch for (\S+): .*?torch\.Size\((\[[\d, ]*\]).*?torch\.Size\((\[[\d, ]*\])\)", re.DOTALL
)
_PROBE_TOKENS = 12
FIRST_ADAPTER = "default"
"""What PEFT calls an adapter that is the only one."""


def put_on(model: Any, adapter: str, name: str = FIRST_ADAPTER) -> tuple[Any, list[str]]:
    """The model with the adapter on, and what belongs beside its scores. One that has adapters gets one more, by
    another `name`, and it is that which is active then.

    Raises BenchtuiError naming the adapter where it has no tensors, fits nothing, or lacks some that its configuration
    asks for.
    """
    loads: list[_Load] = []
    try:
        with _kept_loads(adapter, loads):
            if isinstance(model, PeftModel):
                wrapped = model
                model.load_adapter(adapter, adapter_name=name)
                model.set_adapter(name)
            else:
                wrapped = PeftModel.from_pretrained(model, adapter, adapter_name=name)
    except BenchtuiError:
        raise
    except Exception as error:  # peft, torch, safetensors and the hub each raise their own
        raise adapter_error(adapter, error) from error
    return wrapped, [caveat for load in loads for caveat in _account_for(adapter, wrapped, load)]


@dataclass(frozen=True)
class _Load:
    """The tensors of an adapter's file, and what torch said when they were put into the model."""

    tensors: Mapping[str, torch.Tensor]
    result: Any


@contextmanager
def _kept_loads(adapter: str, loads: list[_Load]) -> Iterator[None]:
    """While open, what peft puts into a model is added to `loads`: peft does not report tensors that it cannot use."""
    own = peft.peft_model.set_peft_model_state_dict

    def kept(model: Any, tensors: Mapping[str, torch.Tensor], *args: Any, **settings: Any) -> Any:
        _refuse_empty(adapter, tensors)
        result = own(model, tensors, *args, **settings)
        loads.append(_Load(dict(tensors), result))
        return result

    peft.peft_model.set_peft_model_state_dict = kept
    try:
        yield
    finally:
        peft.peft_model.set_peft_model_state_dict = own


def _refuse_empty(adapter: str, tensors: Mapping[str, torch.Tensor]) -> None:
    step = "It was saved before its weights were gathered (ZeRO-3, FSDP): save it again with gathering on."
    if not tensors:
        raise BenchtuiError(f"The adapter {adapter} has no tensors.", step)
    empty = [name for name, tensor in tensors.items() if not tensor.numel()]
    if empty:
        raise BenchtuiError(f"{len(empty)} of {len(tensors)} tensors of the adapter {adapter} are empty.", step)


def _account_for(adapter: str, wrapped: Any, load: _Load) -> list[str]:
    if wrapped.active_peft_config.is_prompt_learning:
        return []  # its prompts are not among the model's tensors; peft itself refuses those that do not fit
    count, unused, missing = len(load.tensors), list(load.result.unexpected_keys), list(load.result.missing_keys)
    if len(unused) >= count:
        raise BenchtuiError(
            f"{adapter}: none of the adapter's {count} tensors fits the model: it has {_sample(unused)}, "
            f"the model {_sample(missing) or 'no such layers'}.",
            "Save the adapter again with save_pretrained of the PEFT model itself, outside any other wrapper.",
        )
    if missing:
        raise BenchtuiError(
            f"{len(missing)} tensors that the configuration of the adapter {adapter} asks for are not in its file: "
            f"{_sample(missing)}.",
            "Save the adapter again, or correct its adapter_config.json.",
        )
    caveats = []
    if unused:
        caveats.append(f"{len(unused)} of the adapter's {count} tensors are not used by the model: {_sample(unused)}.")
    second = [tensor for name, tensor in load.tensors.items() if "lora_B" in name or "lora_embedding_B" in name]
    if second and len(second) * 2 == count and not any(bool(tensor.any()) for tensor in second):
        caveats.append("The adapter changes nothing: all its lora_B matrices are zero, as before training.")
    return caveats


def _sample(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return one_line(names[0], 200) + more if names else ""


def adapter_error(adapter: str, error: Exception) -> BenchtuiError:
    """What a library said about an adapter, as one line that names the adapter and what does not fit."""
    text = str(error)
    if found := _SIZE_MISMATCH.search(text):
        name, there, wanted = found.groups()
        shapes = [" x ".join(re.findall(r"\d+", shape)) for shape in (there, wanted)]
        return BenchtuiError(
            f"The adapter {adapter} does not fit its base model: {name} is {shapes[0]} in the adapter, and "
            f"{shapes[1]} in the model.",
            "Name the model that it was trained on with --base, or copy the tokenizer it was trained with beside it.",
        )
    if isinstance(error, KeyError) and "." in text:  # the keys of a configuration have no dots
        return BenchtuiError(
            f"The adapter {adapter} lacks the tensor {one_line(text, 200)} that its adapter_config.json asks for.",
            "Save the adapter again, or correct modules_to_save in its adapter_config.json.",
        )
    lowered = text.lower()
    step = "Save the adapter again; `benchtui models` checks the folder."
    if "target modules" in lowered or "target_modules" in lowered:
        step = "Name the model that it was trained on with --base."
    elif "install" in lowered:
        step = "Install that library where benchtui is installed, then type the same command again."
    return BenchtuiError(f"The adapter {adapter} cannot be loaded: {type(error).__name__}: {one_line(text, 300)}", step)


_PLAIN_STARTS = (True, False, "gaussian")
"""Ways to begin a LoRA that leave the base's own weights alone."""
_REPLACING = {
    "layer_replication": "it repeats layers of the base",
    "modules_to_save": "it brings modules of its own",
    "trainable_token_indices": "it brings tokens of its own",
    "alora_invocation_tokens": "it is switched on by tokens in the text",
}


def why_base_is_needed(config: Any) -> str:
    """Why a model with this adapter switched off may not be the base, in words; "" when only its weights can tell.

    `config` is a PeftConfig (peft 0.21).
    """
    if str(getattr(config.peft_type, "value", config.peft_type)) != "LORA":
        return f"it is of type {config.peft_type}"
    if getattr(config, "bias", "none") != "none":
        return "it trained the base's biases"
    if getattr(config, "init_lora_weights", True) not in _PLAIN_STARTS:
        return f"it began with {config.init_lora_weights}, which changes the base's weights"
    return next((words for name, words in _REPLACING.items() if getattr(config, name, None)), "")


class BaseProof:
    """What a base model is before an adapter is put on it, to be held against the same model with the adapter off."""

    def __init__(self, model: Any) -> None:
        self._weights = _digests(model)
        self._probe = (
            torch.arange(_PROBE_TOKENS, device=input_device(model)).unsqueeze(0)
            % model.config.get_text_config().vocab_size
        )
        self._logits = self._compute(model)

    def broken_by(self, wrapped: Any) -> str:
        """How `wrapped` with its adapter off differs from the base, "" when it does not: its weights are the same to
        the last bit, and so are its logits."""
        with wrapped.disable_adapter():
            logits = self._compute(wrapped)
        if logits.shape != self._logits.shape:
            return "the adapter changed the size of the vocabulary"
        if _digests(wrapped.get_base_model()) != self._weights:
            return "putting the adapter on changed weights of the base"
        difference = float((logits - self._logits).abs().max())
        return "" if difference == 0 else f"with the adapter off the logits differ by {difference:.2g}"

    def _compute(self, model: Any) -> torch.Tensor:
        with torch.inference_mode():
            logits: torch.Tensor = model(self._probe).logits.float()
        return logits


def _digests(model: Any) -> frozenset[tuple[str, int]]:
    """The base's tensors as sums over their bits, by where they are in the model; an adapter's own are left out.

    PEFT moves a layer that it adapts to `NAME.base_layer`.
    """
    found = set()
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        plain = name.replace(".base_layer.", ".")
        if ".lora_" in plain or tensor.device.type == "meta":
            continue
        found.add((plain, _sum_of_bits(tensor)))
    return frozenset(found)


_INTEGERS: Mapping[int, torch.dtype] = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _sum_of_bits(tensor: torch.Tensor) -> int:
    bits = tensor.detach().contiguous().view(_INTEGERS[tensor.element_size()])
    return int(bits.sum(dtype=torch.int64))
