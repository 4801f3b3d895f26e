"""Reading a prefix once, in as few pieces as memory allows."""

from __future__ import annotations

import functools

import torch

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.budget import SMALLEST, TokenBudget
from benchtui.worker.answering.hf.engine.kv_cache import PrefixCache
from benchtui.worker.answering.hf.engine.memory import OutOfMemory, unless_out_of_memory
from benchtui.worker.answering.hf.engine.observer import Observer
from benchtui.worker.answering.hf.engine.prefix_tree import Tokens


def read_prefix(
    backbone: Backbone, tokens: Tokens, past: PrefixCache | None, budget: TokenBudget, observer: Observer
) -> tuple[PrefixCache, torch.Tensor]:
    """The cache of `past` continued by `tokens`, and the hidden states [tokens, width] of the continuation.

    Raises `OutOfMemory` when not even a small piece fits.
    """
    ids = torch.from_numpy(tokens.astype("int64")).unsqueeze(0).to(backbone.device)
    cache, done, hidden = past or PrefixCache(), 0, []
    while done < len(tokens):
        piece = ids[:, done : done + budget.tokens]
        longer = cache.extended()
        computed = unless_out_of_memory(functools.partial(backbone.hidden, piece, cache=longer), backbone.device)
        if computed is None:
            if piece.shape[1] <= SMALLEST:
                raise OutOfMemory(cache.length + len(tokens) - done, backbone.device)
            budget.halve(piece.shape[1])
            continue
        observer.tokens(piece.shape[1])
        hidden.append(computed[0])
        cache, done = longer.grown(piece.shape[1]), done + piece.shape[1]
    return cache, torch.cat(hidden)
