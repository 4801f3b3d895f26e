"""The two forwards of generation: reading the prompts of new rows, and one more token for every row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.cascade import cascading
from benchtui.worker.answering.hf.engine.kv_cache import PrefixCache
from benchtui.worker.answering.hf.engine.masks import MaskStyle, distances
from benchtui.worker.answering.hf.engine.prefix_tree import Tokens
from benchtui.worker.answering.hf.engine.slots import Admission, Slots


def begin(
    backbone: Backbone, slots: Slots, prefix: PrefixCache | None, common: PrefixCache | None, rests: Sequence[Tokens]
) -> torch.Tensor:
    """Read what each new row has behind `prefix`; returns logits [rows, vocabulary] for the token after it.

    The rows' slots hold everything but `common`, which the prefix begins with.
    """
    lengths = [len(rest) for rest in rests]
    ids = np.zeros((len(rests), max(lengths)), dtype=np.int64)
    for row, rest in enumerate(rests):
        ids[row, : len(rest)] = rest
    admission = Admission(slots, prefix, common.length if common else 0, lengths)
    hidden = backbone.hidden(torch.from_numpy(ids).to(backbone.device), cache=admission)
    last = torch.tensor(lengths, device=backbone.device) - 1
    logits = backbone.logits(hidden[torch.arange(len(rests), device=backbone.device), last])
    admission.done()
    return logits


def step(
    backbone: Backbone, style: MaskStyle, slots: Slots, common: PrefixCache | None, newest: Sequence[int]
) -> torch.Tensor:
    """Read the newest token of every row; returns logits [rows, vocabulary] for the next.

    With `common` all rows attend to it in common (see `cascade`); it may be empty.
    """
    shared = common.length if common else 0
    positions = slots.before_step().unsqueeze(1) + shared
    longest = shared + slots.get_seq_length()
    keys = torch.arange(longest + 1, device=backbone.device).expand(len(newest), -1)
    distance = distances(positions, keys)
    mask = style.mask(distance >= 0, distance, longest)
    ids = torch.tensor(newest, device=backbone.device).unsqueeze(1)
    with cascading(backbone, common):
        hidden = backbone.hidden(ids, positions, mask, slots)
    logits = backbone.logits(hidden[:, 0])
    slots.after_step()
    return logits
