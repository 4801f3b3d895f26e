"""The keys and values of the rows that are being generated: one slot a row, written in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from benchtui.worker.answering.hf.engine.kv_cache import FullLengthCache, PrefixCache

# Slots grow wider by at least so many positions, and by this part of their width: growing copies them.
_STEP = 64
_GROWTH = 4


class Slots(FullLengthCache):
    """Buffers [rows, heads, width, head width] for each layer; the first `len(lengths)` slots are in use.

    `lengths[i]` counts the positions that row i holds. A forward with this cache, between `before_step` and
    `after_step`, adds one position to every row.
    """

    def __init__(self, rows: int, device: torch.device) -> None:
        super().__init__()
        self.lengths: list[int] = []
        self._device = device
        self._rows, self._width = rows, 0
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self._at = (torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))

    def get_seq_length(self, layer_idx: int = 0) -> int:  # noqa: ARG002  # the same in every layer
        """Positions of the longest row."""
        return max(self.lengths, default=0)

    def before_step(self) -> torch.Tensor:
        """Make room for one more position in every row; returns how many each holds, [rows]."""
        self.reserve(self.get_seq_length() + 1)
        columns = torch.tensor(self.lengths, device=self._device)
        self._at = (torch.arange(len(self.lengths), device=self._device), columns)
        return columns

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new position of every row; what comes back is as wide as the longest row."""
        rows, columns = self._at
        used = (slice(len(rows)), slice(None), slice(self.get_seq_length() + 1))
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[rows, :, columns] = key_states[:, :, 0]
        values[rows, :, columns] = value_states[:, :, 0]
        return keys[used], values[used]

    def after_step(self) -> None:
        """Count the new positions."""
        self.lengths = [length + 1 for length in self.lengths]

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
        """Make the buffers at least so wide, keeping what they hold."""
        if width > self._width:
            self._width = -(-max(width, self._width + self._width // _GROWTH) // _STEP) * _STEP
        used = len(self.lengths)
        for buffers in (self._keys, self._values):
            for layer, old in enumerate(buffers):
                if old.shape[2] < self._width:
                    buffers[layer] = self._buffer(old)
                    buffers[layer][:used, :, : old.shape[2]] = old[:used]

    def write(self, layer: int, first: int, column: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Put keys and values [rows or 1, heads, length, head width] into the slots from `first` on, at `column`."""
        if layer == len(self._keys):
            self._keys.append(self._buffer(keys))
            self._values.append(self._buffer(values))
        for buffer, states in ((self._keys[layer], keys), (self._values[layer], values)):
            buffer[first:, :, column : column + states.shape[2]][: states.shape[0]] = states

    def _buffer(self, like: torch.Tensor) -> torch.Tensor:
        return like.new_zeros((self._rows, like.shape[1], self._width, like.shape[3]))


class Admission(FullLengthCache):
    """The cache for the one forward that reads the prompts of new rows, which all continue `prefix`.

    Each new slot receives the prefix from position `held_from` on and the prompt behind it; `padded` is the length of
    the longest prompt.
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
        """Positions before the prompts."""
        return self._prefix.length

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_args: Any, **_kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep the new rows' keys and values in their slots; attention sees them behind the whole prefix."""
        self._slots.write(layer_idx, self._first, self._held, key_states, value_states)
        if self._held:
            shape = (len(self._prompts), -1, -1, -1)
            held = (slice(None), slice(None), slice(self._held_from, None))
            keys, values = self._prefix.keys[layer_idx][held], self._prefix.values[layer_idx][held]
            self._slots.write(layer_idx, self._first, 0, keys.expand(shape), values.expand(shape))
        keys, values = self._prefix.update(key_states, value_states, layer_idx)
        return keys, values

    def done(self) -> None:
        """Called after the forward: the new rows are in use."""
        self._slots.lengths.extend(self._held + length for length in self._prompts)
