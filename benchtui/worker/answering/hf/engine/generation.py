"""Generates texts: common beginnings of prompts are run once, and a new prompt takes the place of a finished row.

Also known as continuous batching.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchtui.worker.answering.hf.engine.attention import MaskStyle, shared_attention_is_faster
from benchtui.worker.answering.hf.engine.backbone import Backbone
from benchtui.worker.answering.hf.engine.batching import TokenBudget
from benchtui.worker.answering.hf.engine.decoding import Slots, decode_step, read_prompts
from benchtui.worker.answering.hf.engine.packing import Costs
from benchtui.worker.answering.hf.engine.prefix_cache import PrefixCache, read_prefix
from benchtui.worker.answering.hf.engine.prompt_groups import PromptGroup, PromptPool, joining, prompt_pools
from benchtui.worker.answering.hf.engine.sampling import Job, choose
from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.answering.hf.timing import finished
from benchtui.worker.answering.protocol import Observer


@dataclass(frozen=True)
class GenerationSetup:
    """What generation needs: the model, the form of its masks, how many rows (`slots`) and tokens at a time.

    `rows(longest)` is how many rows of up to `longest` tokens there may be, for jobs that arrive later.
    `shared_attention`: the rows may attend to one copy of a shared prefix (see `SharedPrefixAttention`).
    """

    backbone: Backbone
    style: MaskStyle
    shared_attention: bool
    costs: Costs
    budget: TokenBudget
    slots: int
    rows: Callable[[int], int]
    observer: Observer


Arriving = Callable[[], Sequence[Job]]
"""Returns the jobs that have come since it was called last."""


def generate(
    setup: GenerationSetup,
    jobs: Sequence[Job],
    args: Callable[[Job], tuple[Any, ...]],
    completed: Callable[[Job], None],
    arriving: Arriving | None = None,
) -> None:
    """Complete every job, and call `completed` for each as soon as it is; `arriving` is asked for more of them as long
    as fewer wait than fill the slots.

    Raises `OutOfMemoryError` when one job alone does not fit. `args` returns a job's request, for the observer.
    """
    while jobs:
        later: list[Job] = []
        *pools, last = prompt_pools([job.prompt for job in jobs], setup.costs, setup.slots)
        for pool in pools:
            _PoolGeneration(setup, pool, jobs, args, completed).run()
        # One that is not last would soon be followed by the next, and what comes may belong there.
        _PoolGeneration(setup, last, jobs, args, completed, arriving, later).run()
        jobs = later


class _PoolGeneration:
    """Generates the texts of one pool, and of what arrives and continues its prefix. `later` gets what else arrives."""

    def __init__(
        self,
        setup: GenerationSetup,
        pool: PromptPool,
        jobs: Sequence[Job],
        args: Callable[[Job], tuple[Any, ...]],
        completed: Callable[[Job], None],
        arriving: Arriving | None = None,
        later: list[Job] | None = None,
    ) -> None:
        self._setup = setup
        self._device = setup.backbone.device
        self._args = args
        self._completed = completed
        self._arriving = arriving
        self._later = later if later is not None else []
        self._root = pool.root
        self._waiting = [(group, jobs[index]) for group, index in reversed(pool.members)]  # the next one last
        self._active: list[tuple[PromptGroup, Job]] = []
        self._limit = setup.slots if arriving is not None else min(setup.slots, len(self._waiting))
        self._slots = Slots(self._limit, self._device)
        self._prompt_groups: dict[PromptGroup, PrefixCache] = {}
        # The prefix of all rows, for `SharedPrefixAttention`; None where the model's own attention is used.
        self._shared_prefix: PrefixCache | None = None
        if setup.shared_attention and len(pool.root.tokens):
            self._shared_prefix = self._read(pool.root)
        elif setup.shared_attention and shared_attention_is_faster(setup.backbone):
            self._shared_prefix = PrefixCache()

    def run(self) -> None:
        """Admit prompts and decode until no job is left."""
        self._take_arriving()
        while self._waiting or self._active:
            free = self._limit - len(self._active)
            if self._waiting and (not self._active or free >= max(1, self._limit // 8)):
                self._admit(free)
            else:
                self._step()
            self._take_arriving()

    def _take_arriving(self) -> None:
        """Take what arrives, to wait behind the others, until enough waits to fill all slots, here or later."""
        while (
            self._arriving is not None
            and len(self._waiting) < self._limit
            and len(self._later) < self._limit
            and (jobs := self._arriving())
        ):
            members = joining(self._root, [job.prompt for job in jobs], self._setup.costs)
            self._waiting[:0] = [(group, jobs[index]) for group, index in reversed(members)]
            joined = {index for _, index in members}
            self._later.extend(job for index, job in enumerate(jobs) if index not in joined)
            longest = max(len(job.prompt) + job.settings.limit for job in jobs)
            self._limit = min(self._limit, self._setup.rows(longest))

    def _read(self, group: PromptGroup) -> PrefixCache | None:
        """Return the cache of a group's prefix; the caches of groups that are not above it are dropped."""
        path: list[PromptGroup] = []
        parent: PromptGroup | None = group
        while parent is not None:
            path.append(parent)
            parent = parent.parent
        self._prompt_groups = {kept: cache for kept, cache in self._prompt_groups.items() if kept in path}
        cache: PrefixCache | None = None
        for part in reversed(path):
            known = self._prompt_groups.get(part)
            if known is None and len(part.tokens):
                fresh, began = part.tokens[cache.length if cache else 0 :], finished(self._device)
                known, _ = read_prefix(self._setup.backbone, fresh, cache, self._setup.budget, self._setup.observer)
                self._setup.observer.prefilled(len(fresh), finished(self._device) - began)
                self._prompt_groups[part] = known
            cache = known
        return cache

    def _admit(self, free: int) -> None:
        """Run the next prompts of one group, and choose the first token of each."""
        group = self._waiting[-1][0]
        prefix = self._read(group)
        admitted = self._next(group, free)
        jobs = [job for _, job in admitted]
        self._setup.observer.batch_started([self._args(job) for _, job in [*self._active, *admitted]])
        rests = [job.history()[len(group.tokens) :] for job in jobs]
        read = len(rests) * max(len(rest) for rest in rests)
        began = finished(self._device)
        forward = functools.partial(read_prompts, self._setup.backbone, self._slots, prefix, self._shared_prefix, rests)
        logits = unless_out_of_memory(forward, self._device)
        if logits is None:
            self._retry(admitted, read)
            return
        chosen = choose(logits, jobs)
        self._setup.observer.prefilled(sum(len(rest) for rest in rests), finished(self._device) - began)
        self._setup.observer.tokens(read)
        self._active.extend(admitted)
        self._add_tokens(chosen, first=len(self._active) - len(admitted))

    def _next(self, group: PromptGroup, free: int) -> list[tuple[PromptGroup, Job]]:
        """Take as many waiting jobs of the group as the free slots and the token budget allow."""
        cached = len(group.tokens)
        taken: list[tuple[PromptGroup, Job]] = []
        longest = 0
        while self._waiting and len(taken) < free and self._waiting[-1][0] is group:
            job = self._waiting[-1][1]
            longest = max(longest, len(job.prompt) + len(job.tokens) - cached)
            if taken and longest * (len(taken) + 1) > self._setup.budget.tokens:
                break
            taken.append(self._waiting.pop())
        return taken

    def _step(self) -> None:
        """Decode one more token of every row."""
        jobs = [job for _, job in self._active]
        newest = [job.tokens[-1] for job in jobs]
        began = finished(self._device)
        forward = functools.partial(
            decode_step, self._setup.backbone, self._setup.style, self._slots, self._shared_prefix, newest
        )
        logits = unless_out_of_memory(forward, self._device)
        if logits is None:
            active, self._active = self._active, []
            self._retry(active, len(active))
            self._slots = Slots(self._limit, self._device)
            return
        chosen = choose(logits, jobs)
        self._setup.observer.decoded(len(jobs), finished(self._device) - began)
        self._setup.observer.tokens(len(jobs))
        self._add_tokens(chosen, first=0)

    def _add_tokens(self, chosen: Sequence[int], first: int) -> None:
        """Add the next token of each row from `first` on, and remove complete rows."""
        rows = [job for _, job in self._active[first:]]
        for job, token in zip(rows, chosen, strict=True):
            job.tokens.append(token)
        for row in reversed(range(first, len(self._active))):
            job = self._active[row][1]
            if job.is_complete:
                self._slots.remove(row)
                self._active[row] = self._active[-1]
                self._active.pop()
                self._completed(job)

    def _retry(self, failed: list[tuple[PromptGroup, Job]], tokens: int) -> None:
        """Put jobs back, with the tokens that they have, and run fewer at a time."""
        if len(failed) == 1 and not self._active:
            raise does_not_fit(len(failed[0][1].history()), self._device)
        self._waiting.extend(reversed(failed))
        self._limit = max(1, len(self._active) + len(failed) // 2)
        self._setup.budget.halve(tokens)
        why = "memory ran out; what is generated so far is kept"
        self._setup.observer.decision("batch", str(self._limit), why)
