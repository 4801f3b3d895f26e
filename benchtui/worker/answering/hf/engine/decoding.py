"""Decoding: the keys and values of the rows being generated, and the forward passes that extend them.

Each row has one slot in the cache, which is written in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from benchtui.worker.answering.hf.engine.attention import MaskStyle, attending_to_shared_prefix, distances
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.prefix_cache import FullLengthCache, PrefixCache
from benchtui.worker.answering.hf.engine.prefix_tree import Tokens

# Slots grow by at least this many positions, and by at least this fraction of their width: growing copies them.
_STEP = 64
_GROWTH = 4

_Places: TypeAlias = tuple[torch.Tensor, torch.Tensor, slice | torch.Tensor]


class Slots(FullLengthCache):
    """Buffers [rows, heads, width, head width] for each layer; the first `len(lengths)` slots are in use.

    `lengths[i]` counts the positions that row i holds. A forward pass with this cache, between `before_pass` and
    `after_pass`, adds positions to some rows, to each as many as it is to get; a row is cut by lowering its length.
    """

    def __init__(self, rows: int, device: torch.device) -> None:
        super().__init__()
        self.lengths: list[int] = []
        self._device = device
        self._rows, self._width = rows, 0
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self._adding: tuple[list[int], list[int]] = ([], [])
        self._at = (torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
        self._used: tuple[slice | torch.Tensor, int] = (slice(0), 0)
        self._places: dict[torch.device, _Places] = {}

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # the same in every layer
        """Return the positions of the longest row."""
        return max(self.lengths, default=0)

    def before_pass(self, rows: Sequence[int], counts: Sequence[int]) -> torch.Tensor:
        """Make room for `counts[i]` more positions in `rows[i]`; returns the position of each, [rows, most].

        What a row gets fewer than another is padded, with the position of its last one.
        """
        lengths, most = [self.lengths[row] for row in rows], max(counts)
        self.reserve(max(lengths) + most)
        self._adding = (list(rows), list(counts))
        at = torch.tensor(lengths, device=self._device).unsqueeze(1)
        steps = torch.arange(most, device=self._device).unsqueeze(0)
        which = torch.tensor(list(rows), device=self._device)
        self._at = (which.unsqueeze(1), at + steps)
        together = rows[-1] - rows[0] == len(rows) - 1 and list(rows) == sorted(rows)
        end = max(length + count for length, count in zip(lengths, counts, strict=True))
        self._used = (slice(rows[0], rows[-1] + 1) if together else which, end)
        self._places.clear()
        return torch.minimum(at + steps, at + torch.tensor(counts, device=self._device).unsqueeze(1) - 1)

    @property
    def positions(self) -> int:
        """How many positions the longest row of the next forward pass has at its end."""
        return self._used[1]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new positions of the rows; returns the rows' keys and values, as wide as the longest of them."""
        if layer_idx == len(self._keys):
            self._keys.append(self._buffer(key_states))
            self._values.append(self._buffer(value_states))
        (rows, columns, used), end = self._places_on(key_states.device), self._used[1]
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[rows, :, columns] = key_states.transpose(1, 2)
        values[rows, :, columns] = value_states.transpose(1, 2)
        return keys[:, :, :end][used], values[:, :, :end][used]

    def _places_on(self, device: torch.device) -> _Places:
        """The rows and columns that are written, and the rows that are read, on the device of a layer: the layers of a
        model may be on several."""
        found = self._places.get(device)
        if found is None:
            (rows, columns), used = self._at, self._used[0]
            there = used if isinstance(used, slice) else used.to(device)
            found = self._places[device] = rows.to(device), columns.to(device), there
        return found

    def after_pass(self) -> None:
        """Count the new positions."""
        for row, count in zip(*self._adding, strict=True):
            self.lengths[row] += count

    def copy(self, source: int, target: int, length: int) -> None:
        """Let a row begin with the first `length` positions of another one, and hold nothing else."""
        for buffer in (*self._keys, *self._values):
            buffer[target, :, :length] = buffer[source, :, :length]
        self.lengths[target] = length

    def remove(self, row: int) -> None:
        """Free a slot; the last row moves into it, so that rows stay together."""
        last = len(self.lengths) - 1
        if row != last:
            used = (slice(None), slice(self.lengths[last]))
            for buffer in (*self._keys, *self._values):
                buffer[row][used] = buffer[last][used]
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def reserve(self, width: int) -> None:
        """Make the buffers at least `width` positions wide, keeping what they hold."""
        if width > self._width:
            self._width = -(-max(width, self._width + self._width // _GROWTH) // _STEP) * _STEP
        used = len(self.lengths)
        for buffers in (self._keys, self._values):
            for layer, old in enumerate(buffers):
                if old.shape[2] < self._width:
                    buffers[layer] = self._buffer(old)
                    buffers[layer][:used, :, : old.shape[2]] = old[:used]

    def write(self, layer: int, first: int, column: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Write keys and values [rows or 1, heads, length, head width] into the slots from `first` on, at `column`."""
        if layer == len(self._keys):
            self._keys.append(self._buffer(keys))
            self._values.append(self._buffer(values))
        for buffer, states in ((self._keys[layer], keys), (self._values[layer], values)):
            buffer[first:, :, column : column + states.shape[2]][: states.shape[0]] = states

    def _buffer(self, like: torch.Tensor) -> torch.Tensor:
        return like.new_zeros((self._rows, like.shape[1], self._width, like.shape[3]))


class NewRowsCache(FullLengthCache):
    """The cache for the one forward pass that reads the prompts of new rows, which all continue `prefix`.

    Each new slot receives the prefix from position `held_from` on, followed by the prompt; `prompts` are the lengths.
    """

    def __init__(self, slots: Slots, prefix: PrefixCache | None, held_from: int, prompts: Sequence[int]) -> None:
        super().__init__()
        self._slots = slots
        self._prefix = prefix or PrefixCache()
        self._held_from = held_from
        self._held = self._prefix.length - held_from
        self._prompts = prompts
        self._first = len(slots.lengths)
        slots.reserve(self._held + max(prompts) + 1)

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # the same in every layer
        """Return the positions before the prompts."""
        return self._prefix.length

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new rows' keys and values into their slots; returns them after those of the whole prefix."""
        self._slots.write(layer_idx, self._first, self._held, key_states, value_states)
        if self._held:
            shape = (len(self._prompts), -1, -1, -1)
            held = (slice(None), slice(None), slice(self._held_from, None))
            keys, values = self._prefix.keys[layer_idx][held], self._prefix.values[layer_idx][held]
            self._slots.write(layer_idx, self._first, 0, keys.expand(shape), values.expand(shape))
        keys, values = self._prefix.update(key_states, value_states, layer_idx)
        return keys, values

    def done(self) -> None:
        """Count the new rows as in use. Called after the forward pass."""
        self._slots.lengths.extend(self._held + length for length in self._prompts)


def read_prompts(
    backbone: Backbone,
    slots: Slots,
    prefix: PrefixCache | None,
    shared_prefix: PrefixCache | None,
    rests: Sequence[Tokens],
) -> torch.Tensor:
    """Run the `rests` of new prompts, which follow `prefix`; returns logits [rows, vocabulary] of the next token.

    The rows' slots hold everything except `shared_prefix`, with which `prefix` begins.
    """
    lengths = [len(rest) for rest in rests]
    ids = np.zeros((len(rests), max(lengths)), dtype=np.int64)
    for row, rest in enumerate(rests):
        ids[row, : len(rest)] = rest
    cache = NewRowsCache(slots, prefix, shared_prefix.length if shared_prefix else 0, lengths)
    hidden = backbone.hidden(torch.from_numpy(ids).to(backbone.device), cache=cache)
    last = torch.tensor(lengths, device=backbone.device) - 1
    logits = backbone.logits(hidden[torch.arange(len(rests), device=backbone.device), last])
    cache.done()
    return logits


def decode_step(
    backbone: Backbone, style: MaskStyle, slots: Slots, shared_prefix: PrefixCache | None, newest: Sequence[int]
) -> torch.Tensor:
    """Run the `newest` token of every row; returns logits [rows, vocabulary] of the next token.

    With `shared_prefix`, which may be empty, `SharedPrefixAttention` computes the attention.
    """
    rows = range(len(newest))
    hidden = extend_rows(backbone, style, slots, rows, [[token] for token in newest], shared_prefix)
    return backbone.logits(hidden[:, 0])


def extend_rows(
    backbone: Backbone,
    style: MaskStyle,
    slots: Slots,
    rows: Sequence[int],
    ids: Sequence[Sequence[int]],
    shared_prefix: PrefixCache | None = None,
) -> torch.Tensor:
    """Run the tokens `ids[i]` behind those of `rows[i]`, in one forward pass; returns hidden states [rows, most tokens,
    width]: of a row with fewer tokens the first ones count. `shared_prefix` as in `decode_step`, for one token a row.
    """
    before = shared_prefix.length if shared_prefix else 0
    positions = slots.before_pass(rows, [len(tokens) for tokens in ids]) + before
    end = before + slots.positions
    distance = distances(positions, torch.arange(end, device=backbone.device).expand(len(rows), -1))
    mask = style.mask(distance >= 0, distance, end - 1)
    most = positions.shape[1]
    padded = torch.tensor([[*tokens, *[tokens[-1]] * (most - len(tokens))] for tokens in ids], device=backbone.device)
    with attending_to_shared_prefix(backbone, shared_prefix):
        hidden = backbone.hidden(padded, positions, mask, slots)
    slots.after_pass()
    return hidden
