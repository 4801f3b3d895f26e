"""Generating texts: prompts read once where they agree, complete rows replaced by the next ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.budget import TokenBudget
from benchtui.worker.answering.hf.engine.cascade import pays
from benchtui.worker.answering.hf.engine.choosing import Job, choose
from benchtui.worker.answering.hf.engine.kv_cache import PrefixCache
from benchtui.worker.answering.hf.engine.masks import MaskStyle
from benchtui.worker.answering.hf.engine.memory import OutOfMemory, unless_out_of_memory
from benchtui.worker.answering.hf.engine.observer import Observer
from benchtui.worker.answering.hf.engine.plan import Costs
from benchtui.worker.answering.hf.engine.prefill import read_prefix
from benchtui.worker.answering.hf.engine.slots import Slots
from benchtui.worker.answering.hf.engine.steps import begin, step
from benchtui.worker.answering.hf.engine.trunks import Pool, Trunk, pools


@dataclass(frozen=True)
class Workshop:
    """What generation needs: the model, how it takes masks, how many rows and tokens at a time.

    `in_common` tells whether rows may attend to a common prefix in common (see `cascade`).
    """

    backbone: Backbone
    style: MaskStyle
    in_common: bool
    costs: Costs
    budget: TokenBudget
    slots: int
    observer: Observer


def generate(
    workshop: Workshop,
    jobs: Sequence[Job],
    args: Callable[[Job], tuple[Any, ...]],
    completed: Callable[[Job], None],
) -> None:
    """Complete every job, calling `completed` as soon as each is. Raises `OutOfMemory` when one alone does not fit.

    `args` gives what the observer is told about a job in flight.
    """
    for pool in pools([job.prompt for job in jobs], workshop.costs, workshop.slots):
        _Run(workshop, pool, jobs, args, completed).through()


class _Run:
    """One pool, from its first prompt to its last token."""

    def __init__(
        self,
        workshop: Workshop,
        pool: Pool,
        jobs: Sequence[Job],
        args: Callable[[Job], tuple[Any, ...]],
        completed: Callable[[Job], None],
    ) -> None:
        self._shop = workshop
        self._device = workshop.backbone.device
        self._args = args
        self._completed = completed
        self._waiting = [(trunk, jobs[index]) for trunk, index in reversed(pool.members)]  # the next one last
        self._active: list[tuple[Trunk, Job]] = []
        self._limit = min(workshop.slots, len(self._waiting))
        self._slots = Slots(self._limit, self._device)
        self._trunks: dict[Trunk, PrefixCache] = {}
        # What all rows have in common, for the attention of their steps; None where the model attends by itself.
        self._common: PrefixCache | None = None
        if workshop.in_common and len(pool.root.tokens):
            self._common = self._read(pool.root)
        elif workshop.in_common and pays(workshop.backbone):
            self._common = PrefixCache()

    def through(self) -> None:
        """Admit and step until nothing is left."""
        while self._waiting or self._active:
            free = self._limit - len(self._active)
            if self._waiting and (not self._active or free >= max(1, self._limit // 8)):
                self._admit(free)
            else:
                self._step()

    def _read(self, trunk: Trunk) -> PrefixCache | None:
        """The cache of a trunk; caches of trunks that do not lead to it are dropped, since their time is over."""
        path: list[Trunk] = []
        above: Trunk | None = trunk
        while above is not None:
            path.append(above)
            above = above.above
        self._trunks = {kept: cache for kept, cache in self._trunks.items() if kept in path}
        cache: PrefixCache | None = None
        for part in reversed(path):
            known = self._trunks.get(part)
            if known is None and len(part.tokens):
                fresh = part.tokens[cache.length if cache else 0 :]
                known, _ = read_prefix(self._shop.backbone, fresh, cache, self._shop.budget, self._shop.observer)
                self._trunks[part] = known
            cache = known
        return cache

    def _admit(self, free: int) -> None:
        """Read the next prompts of one trunk, and choose the first token of each."""
        trunk = self._waiting[-1][0]
        prefix = self._read(trunk)
        admitted = self._next(trunk, free)
        jobs = [job for _, job in admitted]
        self._shop.observer.batch_started([self._args(job) for _, job in [*self._active, *admitted]])
        rests = [job.history()[len(trunk.tokens) :] for job in jobs]
        read = len(rests) * max(len(rest) for rest in rests)
        forward = functools.partial(begin, self._shop.backbone, self._slots, prefix, self._common, rests)
        logits = unless_out_of_memory(forward, self._device)
        if logits is None:
            self._retry(admitted, read)
            return
        self._shop.observer.tokens(read)
        self._active.extend(admitted)
        self._take(logits, first=len(self._active) - len(admitted))

    def _next(self, trunk: Trunk, free: int) -> list[tuple[Trunk, Job]]:
        """Take as many waiting jobs of the trunk as there is room and token budget for."""
        begun = len(trunk.tokens)
        taken: list[tuple[Trunk, Job]] = []
        longest = 0
        while self._waiting and len(taken) < free and self._waiting[-1][0] is trunk:
            job = self._waiting[-1][1]
            longest = max(longest, len(job.prompt) + len(job.tokens) - begun)
            if taken and longest * (len(taken) + 1) > self._shop.budget.tokens:
                break
            taken.append(self._waiting.pop())
        return taken

    def _step(self) -> None:
        """One more token for every row."""
        newest = [job.tokens[-1] for _, job in self._active]
        forward = functools.partial(step, self._shop.backbone, self._shop.style, self._slots, self._common, newest)
        logits = unless_out_of_memory(forward, self._device)
        if logits is None:
            active, self._active = self._active, []
            self._retry(active, len(active))
            self._slots = Slots(self._limit, self._device)
            return
        self._shop.observer.tokens(len(self._active))
        self._take(logits, first=0)

    def _take(self, logits: torch.Tensor, first: int) -> None:
        """Choose the next token of the rows from `first` on, and let complete rows leave."""
        rows = [job for _, job in self._active[first:]]
        for job, token in zip(rows, choose(logits, rows), strict=True):
            job.tokens.append(token)
        for row in reversed(range(first, len(self._active))):
            job = self._active[row][1]
            if job.is_complete:
                self._slots.remove(row)
                self._active[row] = self._active[-1]
                self._active.pop()
                self._completed(job)

    def _retry(self, failed: list[tuple[Trunk, Job]], tokens: int) -> None:
        """Put jobs back, with the tokens they have, and run fewer side by side."""
        if len(failed) == 1 and not self._active:
            raise OutOfMemory(len(failed[0][1].history()), self._device)
        self._waiting.extend(reversed(failed))
        self._limit = max(1, len(self._active) + len(failed) // 2)
        self._shop.budget.halve(tokens)
        why = "memory ran out; what is generated so far is kept"
        self._shop.observer.decision("batch", str(self._limit), why)
