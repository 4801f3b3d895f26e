"""A model that accelerate has put on several devices: where its parts compute, which is not where weights wait that are
brought in from memory or a disk for each pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch


def input_device(model: Any) -> torch.device:
    """Return the device that token ids of a transformers `model` are wanted on, and on which its logits come back."""
    if not is_spread(model):
        device: torch.device = model.device
        return device
    return _computing(model.get_input_embeddings())


def is_spread(model: Any) -> bool:
    """Return whether accelerate moves what the parts of `model` compute from device to device."""
    places = getattr(model, "hf_device_map", None) or {}
    return len(set(map(str, places.values()))) > 1


def layers_by_device(model: Any) -> Counter[torch.device]:
    """Return how many of the layers that keep keys and values compute on each device; {its device: 1} for a model that
    is in one place, or whose layers cannot be told apart."""
    if not is_spread(model):
        return Counter([model.device])
    layers = [part for part in model.modules() if isinstance(getattr(part, "layer_idx", None), int)]
    return Counter(map(_computing, layers)) or Counter([input_device(model)])


def waiting_weights(model: Any) -> bool:
    """Return whether some weights are not on the device that computes with them: brought in for each pass."""
    return any(parameter.device.type == "meta" for parameter in model.parameters())


def on_disk(model: Any) -> int:
    """Return how many of the parts in accelerate's map wait on a disk."""
    places = getattr(model, "hf_device_map", None) or {}
    return sum(str(place) == "disk" for place in places.values())


def _computing(part: Any) -> torch.device:
    """Return the device that `part` computes on: accelerate's hook on it, or on what it is made of, says so."""
    for hook in _hooks(part):
        place = getattr(hook, "execution_device", None)
        if place is not None:
            return torch.device("cuda", place) if isinstance(place, int) else torch.device(place)
    device: torch.device = next(part.parameters()).device
    return device


def _hooks(part: Any) -> Iterator[Any]:
    for module in part.modules():
        hook = getattr(module, "_hf_hook", None)
        if hook is not None:
            yield from getattr(hook, "hooks", (hook,))
