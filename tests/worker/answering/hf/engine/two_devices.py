"""A program: a model whose layers are on two devices that nobody has, through every way that the engine computes.

PyTorch's fake tensors have devices and shapes and no numbers. Any operation on tensors of both devices ends the
program, as it would on two GPUs. It is a program of its own since a made-up kind of device cannot be taken back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from accelerate.hooks import AlignDevicesHook, add_hook_to_module
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend
from transformers import LlamaConfig, LlamaForCausalLM

from benchtui.worker.answering.hf.engine.attention import MaskStyle, distances, tree_allowed
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.decoding import Slots, decode_step, extend_rows, read_prompts
from benchtui.worker.answering.hf.engine.prefix_cache import PrefixCache
from benchtui.worker.answering.hf.spread import input_device, is_spread, layers_by_device

FIRST, SECOND = "madeup:0", "madeup:1"
PARTS = {
    "model.embed_tokens": FIRST,
    "model.rotary_emb": FIRST,
    "model.layers.0": FIRST,
    "model.layers.1": SECOND,
    "model.layers.2": SECOND,
    "model.norm": SECOND,
    "lm_head": SECOND,
}
SHAPE = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
MOVING = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
own_tensor = torch.tensor


class Module(_DummyBackendModule):  # what torch.autocast asks of a kind of device
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float32]


class OneDeviceAtATime(FakeTensorMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs or {})) if isinstance(leaf, torch.Tensor)]
        devices = {str(tensor.device) for tensor in given if tensor.dim()}
        assert len(devices) < 2 or func in MOVING, f"{func} computes with tensors on {sorted(devices)}"
        return super().__torch_dispatch__(func, types, args, kwargs)


def made(data: Any, *, device: Any = None, **others: Any) -> torch.Tensor:
    """As torch.tensor, but for the numbers in it: it takes no fake device."""
    return torch.zeros(np.shape(data), dtype=others.get("dtype") or own_tensor(data).dtype, device=device)


def spread_model() -> Any:
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, **HEADS)).eval()
    for name, place in PARTS.items():
        for module in model.get_submodule(name).modules():
            module._parameters |= {
                key: torch.nn.Parameter(torch.empty_like(value, device=place))
                for key, value in module._parameters.items()
                if value is not None
            }
            module._buffers |= {key: torch.empty_like(value, device=place) for key, value in module._buffers.items()}
        _hook(model, model.get_submodule(name), place)
    _hook(model, model, FIRST, io_same_device=True)
    model.hf_device_map = dict(PARTS)
    return model


def _hook(model: Any, part: Any, place: str, **more: Any) -> None:
    """As accelerate's dispatch_model, which cannot move fake tensors."""
    keys = model._skip_keys_device_placement
    add_hook_to_module(part, AlignDevicesHook(place, place_submodules=False, skip_keys=keys, **more))


def run(model: Any) -> None:
    backbone, style = Backbone(model), MaskStyle(additive=False, dtype=torch.float32, window=None, by_layer_type=False)
    assert is_spread(model)
    assert input_device(model) == backbone.device == torch.device(FIRST)
    assert layers_by_device(model) == {torch.device(FIRST): 1, torch.device(SECOND): 2}
    ids = torch.zeros((1, 4), dtype=torch.long, device=FIRST)
    assert backbone.plain_logits(ids).device == backbone.device
    positions, ends = torch.arange(4, device=FIRST)[None], torch.full((1, 4), 4, device=FIRST)
    hidden = backbone.hidden(ids, positions, style.mask(tree_allowed(ends), distances(positions, positions), 4))
    assert hidden.device == backbone.logits(hidden[0]).device == backbone.device
    cache = PrefixCache().extended()
    backbone.hidden(ids, cache=cache)
    cache.grown(4)
    assert [str(keys.device) for keys in cache.keys] == [FIRST, SECOND, SECOND]
    for shared in (None, cache):
        slots = Slots(4, backbone.device)
        rests = [np.asarray(rest) for rest in ([1, 2, 3], [3, 4], [5])]
        assert read_prompts(backbone, slots, cache, shared, rests).shape == (3, 50)
        assert decode_step(backbone, style, slots, shared, [3, 4, 5]).device == backbone.device
        slots.remove(0)
        extend_rows(backbone, style, slots, (0, 1), [[3], [4]] if shared else [[3, 4], [4]], shared)
        slots.lengths.append(0)
        slots.copy(0, 2, 2)
        extend_rows(backbone, style, slots, (0, 2), [[3], [4]], shared)  # rows that do not stand together


if __name__ == "__main__":
    _setup_privateuseone_for_python_backend("madeup", backend_module=Module())
    setattr(torch, "tensor", made)  # noqa: B010 - mypy knows another signature
    with OneDeviceAtATime(allow_non_fake_inputs=True):
        run(spread_model())
    print("done")
