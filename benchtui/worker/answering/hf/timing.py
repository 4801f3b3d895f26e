"""How long forward passes take, told to the observer: those that read prompts apart from those that write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from benchtui.worker.answering.hf.spread import input_device
from benchtui.worker.answering.protocol import Observer


def finished(device: torch.device) -> float:
    """The time, in seconds of a clock that never goes back, once `device` has computed all that it was asked to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter()


def causal_of(model: Any) -> Any:
    """The transformers model itself, out of one with an adapter: whose own `forward` generation does not call."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def told_of_forwards(model: Any, observer: Observer) -> Iterator[None]:
    """While open, `observer` is told of every forward pass of a transformers `model`, whoever calls it.

    A pass that continues what a cache holds writes; every other one reads. Padding is not counted where the pass has a
    mask that says which it is. The encoder of a model that has one is part of the first pass, or is not seen.
    """
    began = 0.0

    def begins(_module: Any, _args: Any, _kwargs: Any) -> None:
        nonlocal began
        began = finished(input_device(model))

    def ends(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], _output: Any) -> None:
        seconds = finished(input_device(model)) - began
        ids = _read(args, kwargs)
        if ids is None:
            observer.tokens(1)
            return
        observer.tokens(int(ids.numel()))
        if _continues(kwargs, ids):
            observer.decoded(int(ids.numel()), seconds)
        else:
            observer.prefilled(_unpadded(ids, kwargs), seconds)

    hooks = [
        model.register_forward_pre_hook(begins, with_kwargs=True),
        model.register_forward_hook(ends, with_kwargs=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor | None:
    """The token ids of a pass: those of the decoder where it has its own."""
    found = kwargs.get("decoder_input_ids")
    if found is None:
        found = args[0] if args else kwargs.get("input_ids")
    return found if isinstance(found, torch.Tensor) else None


def _continues(kwargs: dict[str, Any], ids: torch.Tensor) -> bool:
    """Whether the pass follows others in a cache; the cache holds its own positions too by now. The state of a
    recurrent model does not say how much it has read: a pass of a single position follows others there."""
    if kwargs.get("cache_params") is not None:
        return ids.shape[1] == 1
    cache = kwargs.get("past_key_values")
    return cache is not None and int(cache.get_seq_length()) > ids.shape[1]


def _unpadded(ids: torch.Tensor, kwargs: dict[str, Any]) -> int:
    mask = kwargs.get("attention_mask")
    if isinstance(mask, torch.Tensor) and mask.shape == ids.shape:
        return int(mask.sum())
    return int(ids.numel())
