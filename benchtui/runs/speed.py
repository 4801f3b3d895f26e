"""How fast a model answered in a run, and what memory it took: told beside its scores."""

from __future__ import annotations

from typing import Literal

import msgspec


class Rate(msgspec.Struct, frozen=True):
    """Tokens per second of one kind of work, warm: `tokens` in `seconds`, over `measured` passes or answers.

    `median`, `low` and `high` are the quartiles over the tokens: half of them were computed at `median` or faster, a
    quarter slower than `low`, a quarter faster than `high`. Exact to 0.5 %.
    """

    tokens: int
    seconds: float
    measured: int
    median: float
    low: float
    high: float


class Wait(msgspec.Struct, frozen=True):
    """Seconds until the first token of a streamed answer: the quartiles over `measured` answers, exact to 0.5 %."""

    measured: int
    median: float
    low: float
    high: float


class Speed(msgspec.Struct, frozen=True):
    """What was measured while a model answered for a run, over all workers that it took.

    `prefill` is the reading of prompts, `decode` the writing of answers; the first pass of each kind in each task is
    left out, and None means that nothing was measured. `prompt_tokens` is the median length of what was read before an
    answer. `memory` is the greatest size in memory of the worker with the model in it, `device_memory` that on the
    accelerator, both in bytes; None for a server's model. `weights` is the size on disk of the files that hold them, in
    bytes, None where they are not on this machine. `machines` are the processors or accelerators that computed, one
    after another. `each`: what was measured one by one, forward passes over all sequences of a batch, or a server's
    answers, several of which it may write at the same time. `workers` is how many answered parts of the run at the same
    time: rates and memory are those of one of them, and `machines` those of all.
    """

    prefill: Rate | None = None
    decode: Rate | None = None
    first_token: Wait | None = None
    prompt_tokens: float | None = None
    memory: int | None = None
    device_memory: int | None = None
    weights: int | None = None
    machines: tuple[str, ...] = ()
    each: Literal["pass", "answer"] = "pass"
    workers: int = 1
