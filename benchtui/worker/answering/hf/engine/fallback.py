"""lm-eval's own way, for models and settings that the engine's does not cover: its methods, one batch at a time."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.answering.hf.timing import causal_of, told_of_forwards
from benchtui.worker.answering.protocol import Observer

if TYPE_CHECKING:
    from benchtui.worker.answering.hf.model import HFModel

T = TypeVar("T")
R = TypeVar("R")


class Fallback:
    """Runs requests through a method of `HFLM`, with batches that are halved when memory runs out.

    The method is called for one batch at a time, with that batch size set on the model: lm-eval's own search for a
    batch size would try the longest sequence with the whole vocabulary, and prints to stdout.
    """

    def __init__(self, lm: HFModel, rows: int, observer: Observer) -> None:
        self._lm = lm
        self._rows = rows
        self._observer = observer

    def run(
        self,
        method: Callable[[list[T]], list[R]],
        groups: Sequence[Sequence[T]],
        args: Callable[[T], tuple[Any, ...]],
        answered: Callable[[T, R], None],
    ) -> None:
        """Answer the requests of all `groups`, each of which the method computes as one row of a batch.

        `answered(request, answer)` is called for each. Raises `OutOfMemoryError` when one row alone does not fit.
        """
        begun = 0
        while begun < len(groups):
            batch = groups[begun : begun + self._rows]
            requests = [request for group in batch for request in group]
            self._observer.batch_started([args(request) for request in requests])
            answers = unless_out_of_memory(functools.partial(self._one_batch, method, requests), self._lm.device)
            if answers is None:
                self._halve(len(batch))
                continue
            for request, answer in zip(requests, answers, strict=True):
                answered(request, answer)
            begun += len(batch)

    def _one_batch(self, method: Callable[[list[T]], list[R]], requests: list[T]) -> list[R]:
        with _batch_size(self._lm, self._rows), told_of_forwards(causal_of(self._lm.model), self._observer):
            return method(requests)

    def _halve(self, failed: int) -> None:
        if failed == 1:
            raise does_not_fit(self._lm.max_length, self._lm.device)
        self._rows = max(1, failed // 2)
        self._observer.batch_size(self._rows, "memory ran out; the batch is retried")


@contextlib.contextmanager
def _batch_size(lm: HFModel, rows: int) -> Iterator[None]:
    before = lm.batch_size_per_gpu
    lm.batch_size_per_gpu = rows
    try:
        yield
    finally:
        lm.batch_size_per_gpu = before
