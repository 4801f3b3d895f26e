"""Whether two models fit into memory together, estimated from their files before anything is loaded."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

from benchtui.backends.backend import Machine
from benchtui.backends.hf import HF
from benchtui.backends.hf_batch import LONGEST_PLANNED, SMALLEST_BUDGET, cache_bytes_per_token, forward_bytes_per_token
from benchtui.backends.hybrid_parts import Part, gguf_part
from benchtui.errors import BenchtuiError
from benchtui.models.layout import size_text
from benchtui.text import one_line

LIBRARIES = 600_000_000
"""What a worker takes before it has any model, in main memory, in bytes."""
_WIDTHS = {"float32": 4, "float16": 2, "bfloat16": 2}
_HALF = "bfloat16"
_SCORED = 64
"""Places of a text whose whole distributions are in memory at once, in float32 and float64."""
_LISTED = 1_000
_DEFAULT_VOCABULARY, _DEFAULT_HIDDEN, _DEFAULT_LAYERS = 32_000, 4096, 32


@dataclass(frozen=True)
class Taken:
    """What one model takes, in bytes: its weights, the keys and values of one text of `tokens`, and what a forward pass
    and its distributions need beside them. `precision` is that of the weights."""

    precision: str
    weights: int
    cache: int
    buffers: int
    tokens: int

    @property
    def all(self) -> int:
        """The sum."""
        return self.weights + self.cache + self.buffers


@dataclass(frozen=True)
class Room:
    """What both take on a machine, in bytes; `shared` weights are those that both have and that are loaded once."""

    small: Taken
    large: Taken
    machine: Machine
    shared: int = 0

    @property
    def libraries(self) -> int:
        """What the worker takes besides; of a GPU's memory not counted."""
        return LIBRARIES if self.machine.device == "cpu" else 0

    @property
    def needed(self) -> int:
        """All together."""
        return self.small.all + self.large.all - self.shared + self.libraries

    @property
    def fits(self) -> bool:
        """Whether as much is free."""
        return self.needed <= self.machine.free


@dataclass(frozen=True)
class Asked:
    """What was asked for that says how much both take: `dtype` may be auto, `max_length` None for the model's own."""

    dtype: str = "auto"
    max_length: int | None = None


def room_for(parts: tuple[Part, Part], machine: Machine, asked: Asked) -> Room:
    """Estimate what both models take on a machine."""
    small, large = (_taken(part, machine, asked) for part in parts)
    return Room(small, large, machine, _shared(parts, small, large))


def check_room(parts: tuple[Part, Part], machine: Machine, asked: Asked) -> str:
    """Return one line on what both models take. Raises BenchtuiError where less is free, with what would fit."""
    room = room_for(parts, machine, asked)
    if room.fits:
        return f"Memory: {room_words(room)}."
    would = list(itertools.islice(_would_fit(parts, machine, asked), 3))
    alone = "Evaluate each by itself, and have `benchtui hybrid defer RUN_SMALL RUN_LARGE` say what both would give."
    raise BenchtuiError(
        f"The two models do not fit into memory together: {room_words(room)}.",
        f"This would fit: {'; '.join(would)}." if would else alone,
    )


def room_words(room: Room) -> str:
    """Return what is needed, by its parts, and what is free: one line without a full stop."""
    sides = (("small", room.small), ("large", room.large))
    weights = ", ".join(f"{side} {size_text(taken.weights)} in {taken.precision}" for side, taken in sides)
    shared = f" ({size_text(room.shared)} of them shared)" if room.shared else ""
    caches = size_text(room.small.cache + room.large.cache)
    tokens = max(room.small.tokens, room.large.tokens)
    buffers = size_text(room.small.buffers + room.large.buffers + room.libraries)
    where = "free" if room.machine.device == "cpu" else f"free on the {room.machine.device} device"
    return (
        f"about {size_text(room.needed)} for both: weights {weights}{shared}, caches {caches} for a text of "
        f"{tokens:,} tokens, buffers {buffers}; {size_text(room.machine.free)} {where}"
    )


def _taken(part: Part, machine: Machine, asked: Asked) -> Taken:
    described = part.base if part.own.adapter and part.base is not None else part.own
    shape = described.architecture
    tokens = min(asked.max_length or shape.max_positions or LONGEST_PLANNED, shape.max_positions or LONGEST_PLANNED)
    tokens = min(tokens, LONGEST_PLANNED)
    config = SimpleNamespace(
        hidden_size=shape.hidden_size or _DEFAULT_HIDDEN,
        num_hidden_layers=shape.layers or _DEFAULT_LAYERS,
        num_attention_heads=shape.kv_heads or 32,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
    )
    precision = _precision(part, machine, asked)
    width = _WIDTHS.get(precision, 2)
    rows = _SCORED * (shape.vocab_size or _DEFAULT_VOCABULARY) * (4 + 8)
    return Taken(
        precision,
        sum(_weights(one, precision) for one in _loaded(part)),
        cache_bytes_per_token(config, width) * tokens,
        forward_bytes_per_token(config, width) * SMALLEST_BUDGET + rows,
        tokens,
    )


def _precision(part: Part, machine: Machine, asked: Asked) -> str:
    """The precision that the weights have in memory: as the file has them, or what the worker would choose."""
    if part.backend is not HF:
        return getattr(part.own, "quantization", "") or "the file's types"
    if part.own.architecture.four_bit:
        return "4 bits"
    if asked.dtype != "auto":
        return asked.dtype
    return "float32" if machine.device == "cpu" else _HALF


def _loaded(part: Part) -> list[tuple[int, int | None]]:
    """Stored bytes and number of weights of each set of weights that is loaded: an adapter's, and its base's."""
    found = [part.own] if part.base is None or not part.own.adapter else [part.own, part.base]
    return [(one.weight_bytes, one.parameters) for one in found]


def _weights(stored: tuple[int, int | None], precision: str) -> int:
    size, parameters = stored
    return parameters * _WIDTHS[precision] if parameters and precision in _WIDTHS else size


def _shared(parts: tuple[Part, Part], small: Taken, large: Taken) -> int:
    """What is loaded once: of a base and its adapter, or of two adapters on one base."""
    below = [part.base if part.own.adapter and part.base is not None else part.own for part in parts]
    if parts[0].backend is not HF or parts[1].backend is not HF or below[0].name != below[1].name:
        return 0
    return min(small.weights, large.weights)


def _would_fit(parts: tuple[Part, Part], machine: Machine, asked: Asked) -> Iterator[str]:
    """Yield what could be typed so that both fit, with what is then needed."""
    halved = dataclasses.replace(asked, dtype=_HALF)
    room = room_for(parts, machine, halved)
    if asked.dtype != _HALF and room.fits:
        yield f"--dtype {_HALF} ({size_text(room.needed)})"
    for number, flag in ((1, "--large"), (0, "--small")):
        for file in _ggufs_beside(parts[number]):
            try:
                found = gguf_part(file)
            except BenchtuiError:
                continue  # it is damaged: another may fit
            both = (parts[0], found) if number else (found, parts[1])
            if (room := room_for(both, machine, asked)).fits:
                yield f"{flag} {one_line(str(file), 200)} ({size_text(room.needed)})"
                break
    if machine.device != "cpu":
        main = Machine.of("cpu")
        if main is not None and (room := room_for(parts, main, asked)).fits:
            yield f"--device cpu ({size_text(room.needed)})"


def _ggufs_beside(part: Part) -> list[Path]:
    """GGUF files of the same model: in its folder, and those of its name beside it; the largest first."""
    if part.backend is not HF or part.model.hub_id:
        return []
    folder = part.model.path
    own = [form.path for form in part.model.formats if form.kind == "gguf" and form.usable()]
    try:
        near = [entry for entry in itertools.islice(folder.parent.iterdir(), _LISTED) if entry.suffix == ".gguf"]
        inside = [entry for entry in itertools.islice(folder.iterdir(), _LISTED) if entry.suffix == ".gguf"]
    except OSError:
        return own
    named = [entry for entry in near if entry.name.startswith(folder.name)]
    found = dict.fromkeys(path for path in (*own, *inside, *named) if path.is_file())
    return sorted(found, key=lambda path: -path.stat().st_size)
