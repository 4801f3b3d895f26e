"""A llama.cpp context: the cache that tokens are read into, and the calls that read them."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.machine import free_memory
from benchtui.models.layout import size_text
from benchtui.worker.answering.gguf.layout import PIECE, SEQUENCES, Row, most_wanted, pieces
from benchtui.worker.answering.gguf.library import LOG, Pending, llama
from benchtui.worker.answering.gguf.logits import Logits
from benchtui.worker.answering.gguf.model import Model
from benchtui.worker.answering.protocol import Observer, OutOfMemoryError

T = TypeVar("T")

_SMALLEST = 1024
_LARGER = 3
"""How often a context is doubled where llama.cpp finds no room in one that ought to hold the tokens."""
_SIGN_EVERY = 0.5
_CALLS_BETWEEN = 16
_NODES_OF_A_LAYER = 25


@dataclass(frozen=True)
class ContextSettings:
    """How contexts compute: `wide_cache` keeps keys and values in float32 instead of float16."""

    threads: int
    wide_cache: bool
    flash_attention: bool
    on_gpu: bool


class NoRoomError(Exception):
    """The cache has no room for the tokens (llama_decode returned 1)."""


class Context:
    """A cache of `cells` tokens for one model, shared by up to SEQUENCES texts."""

    def __init__(self, model: Model, cells: int, settings: ContextSettings) -> None:
        self.cells = cells
        self._library = library = llama()
        self._vocabulary_size = model.vocabulary_size
        self._wanted = most_wanted(self._vocabulary_size)
        self._pulse = _Pulse(int(library.llama_model_n_layer(model.handle)))
        wanted = library.llama_context_default_params()
        wanted.n_ctx = cells
        wanted.n_batch = wanted.n_ubatch = PIECE
        wanted.n_outputs_max = self._wanted
        wanted.n_seq_max = SEQUENCES if model.shares_prefixes else 1
        wanted.kv_unified = wanted.swa_full = True  # sequences share cells, and can be cut anywhere
        wanted.n_threads = wanted.n_threads_batch = settings.threads
        wanted.type_k = wanted.type_v = library.GGML_TYPE_F32 if settings.wide_cache else library.GGML_TYPE_F16
        wanted.flash_attn_type = (
            library.LLAMA_FLASH_ATTN_TYPE_ENABLED
            if settings.flash_attention
            else library.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        wanted.offload_kqv = settings.on_gpu
        self._callback = library.ggml_abort_callback(self._pulse.beat)
        wanted.abort_callback = self._callback
        self._refuse_too_large(model, settings)
        LOG.clear()
        self._handle: Any = library.llama_init_from_model(model.handle, wanted)
        LOG.pending.raise_kept()
        if not self._handle:
            raise OutOfMemoryError(f"{model.path}: no cache of {cells:,} tokens can be made: {LOG.reason()}", _STEP)
        self._memory: Any = library.llama_get_memory(self._handle)
        self._batch: Any = library.llama_batch_init(PIECE, 0, SEQUENCES)

    def _refuse_too_large(self, model: Model, settings: ContextSettings) -> None:
        needed = self.cells * model.cache_values_per_token * (4 if settings.wide_cache else 2)
        free = free_memory()
        if not settings.on_gpu and needed > free:
            raise OutOfMemoryError(
                f"{model.path}: {self.cells:,} tokens take {size_text(needed)} of cache; {size_text(free)} is free.",
                _STEP,
            )

    def read(self, rows: Sequence[Row], observer: Observer, *, written: bool = False) -> Iterator[Logits]:
        """Read rows, a piece at a time; yields the logits of the wanted rows of each piece that has some, in order.
        `written` says that the model itself has written them: their time is that of decoding.

        They are llama.cpp's own memory: good until the next piece. The observer is told of tokens while they are
        computed; what it raises ends the computation at once and is raised here. Raises NoRoomError where the cache is
        full, BenchtuiError where llama.cpp fails.
        """
        for piece in pieces(rows, self._wanted):
            self._read(piece, observer, written)
            asked = sum(row.wanted for row in piece)
            if asked:
                address = self._library.llama_get_logits(self._handle)
                yield np.ctypeslib.as_array(address, (asked, self._vocabulary_size))

    def read_all(self, rows: Sequence[Row], observer: Observer) -> None:
        """Read rows of which no logits are wanted."""
        for _ in self.read(rows, observer):
            raise ValueError("logits of some rows are wanted")

    def _read(self, piece: Sequence[Row], observer: Observer, written: bool) -> None:
        batch = self._batch
        batch.n_tokens = len(piece)
        for place, row in enumerate(piece):
            batch.token[place] = row.token
            batch.pos[place] = row.position
            batch.n_seq_id[place] = len(row.sequences)
            for index, sequence in enumerate(row.sequences):
                batch.seq_id[place][index] = sequence
            batch.logits[place] = row.wanted
        LOG.clear()
        with_sign = self._pulse.begin(len(piece), observer)
        began = time.monotonic()
        status = self._library.llama_decode(self._handle, batch)
        seconds = time.monotonic() - began
        with_sign.raise_kept()
        LOG.pending.raise_kept()
        if status == 1:
            raise NoRoomError
        if status != 0:
            raise BenchtuiError(
                f"llama.cpp failed to read {len(piece)} tokens (status {status}): {LOG.reason()}",
                "Update it (python -m pip install --upgrade llama-cpp-python), or use another file of this model.",
            )
        self._pulse.end()
        if written:
            observer.decoded(len(piece), seconds)
        else:
            observer.prefilled(len(piece), seconds)

    def state(self, sequence: int) -> ctypes.Array[ctypes.c_uint8]:
        """Return what is in the cache of a sequence, for `restore`; nothing where llama.cpp does not tell it."""
        size = int(self._library.llama_state_seq_get_size(self._handle, sequence))
        buffer = (ctypes.c_uint8 * size)()
        got = int(self._library.llama_state_seq_get_data(self._handle, buffer, size, sequence))
        return buffer if got == size else (ctypes.c_uint8 * 0)()

    def restore(self, sequence: int, state: ctypes.Array[ctypes.c_uint8]) -> bool:
        """Put the state of a sequence of another context of this model into an empty one; whether it is there."""
        if len(state) and self._library.llama_state_seq_set_data(self._handle, state, len(state), sequence):
            return True
        self.cut(sequence, 0)
        return False

    def clear(self) -> None:
        """Forget all sequences."""
        self._library.llama_memory_clear(self._memory, False)

    def cut(self, sequence: int, position: int) -> bool:
        """Forget a sequence from a position on; False where the model cannot (recurrent layers)."""
        return bool(self._library.llama_memory_seq_rm(self._memory, sequence, position, -1))

    def copy(self, source: int, target: int) -> None:
        """Let another sequence begin with all tokens of `source`; the cells are shared."""
        self._library.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def close(self) -> None:
        """Free the cache."""
        if self._handle:
            self._library.llama_batch_free(self._batch)
            self._library.llama_free(self._handle)
            self._handle = None


_STEP = "Use a smaller --max-length, a smaller quantisation with --format, or a larger machine."


class _Pulse:
    """Tells the observer of tokens while a call computes them: llama.cpp calls `beat` between the nodes of its graph
    (on a CPU), and stops where it returns True.

    How many nodes a call has is known after the first one, and guessed before from the number of layers.
    """

    def __init__(self, layers: int) -> None:
        self._nodes = layers * _NODES_OF_A_LAYER
        self._beats = self._told = self._tokens = 0
        self._observer: Observer | None = None
        self._pending = Pending()
        self._at = 0.0

    def begin(self, tokens: int, observer: Observer) -> Pending:
        """A call with so many tokens begins; returns what keeps the observer's error."""
        self._beats = self._told = 0
        self._tokens, self._observer = tokens, observer
        self._pending = Pending()
        self._at = time.monotonic()
        return self._pending

    def beat(self, _data: Any) -> bool:
        """Count a node; True where the computation is to stop."""
        self._beats += 1
        if self._beats % _CALLS_BETWEEN == 0 and self._observer is not None:
            self._pending.guard(self._observer.check)
        if self._beats % _CALLS_BETWEEN == 0 and time.monotonic() - self._at >= _SIGN_EVERY:
            self._at = time.monotonic()
            done = min(self._tokens * self._beats // self._nodes, self._tokens - 1)
            self._tell(max(done - self._told, 0))
        return bool(self._pending)

    def end(self) -> None:
        """The call is through: tell of the tokens that were not told yet. Raises what the observer raises."""
        if self._beats:
            self._nodes = self._beats
        if self._observer is not None:
            self._observer.tokens(self._tokens - self._told)

    def _tell(self, tokens: int) -> None:
        observer = self._observer
        if observer is not None:
            self._told += tokens
            self._pending.guard(lambda: observer.tokens(tokens))


class Contexts:
    """Makes the context that a piece of work needs: its size is a power of two that follows from the work alone.

    Some models compute by another rule in a larger context (rotary factors for long texts), so the size must not depend
    on what was asked before.
    """

    def __init__(self, model: Model, settings: ContextSettings) -> None:
        self._model = model
        self._settings = settings
        self._context: Context | None = None
        self.turns = 0
        """Counts the uses: whoever comes back later sees whether the cache still holds what it left there."""

    @property
    def most_wanted(self) -> int:
        """How many rows of logits one call computes at most."""
        return most_wanted(self._model.vocabulary_size)

    def another(self, cells: int) -> Context:
        """Return an empty context of at least so many cells that is no turn of these: whoever asks closes it."""
        return Context(self._model, _size(cells), self._settings)

    def go_on(self, work: Callable[[Context], T]) -> T:
        """Call `work` with the context as the last turn left it."""
        if self._context is None:
            raise ValueError("there is no context yet to continue")
        try:
            return work(self._context)
        except NoRoomError:
            raise self._no_room(self._context.cells) from None

    def run(self, cells: int, work: Callable[[Context], T]) -> T:
        """Call `work` with an empty context of at least so many cells, again with a larger one where it has no room.

        Raises OutOfMemoryError where no cache large enough can be made.
        """
        size = _size(cells)
        for _ in range(_LARGER + 1):
            try:
                return work(self.empty(size))
            except NoRoomError:
                size *= 2
        raise self._no_room(cells)

    def _no_room(self, cells: int) -> OutOfMemoryError:
        return OutOfMemoryError(f"{self._model.path}: llama.cpp finds no room for {cells:,} tokens.", _STEP)

    def empty(self, size: int) -> Context:
        """Return an empty context of exactly so many cells."""
        self.turns += 1
        if self._context is None or self._context.cells != size:
            self.close()
            self._context = Context(self._model, size, self._settings)
        self._context.clear()
        return self._context

    def close(self) -> None:
        """Free the cache."""
        context, self._context = self._context, None
        if context is not None:
            context.close()


def _size(cells: int) -> int:
    size = _SMALLEST
    while size < cells:
        size *= 2
    return size
