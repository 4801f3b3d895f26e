"""The loaded hf model as the protocol has it, until hf answers the protocol itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.worker.answering.hf import remembered
from benchtui.worker.answering.hf.memory import release_memory
from benchtui.worker.answering.protocol import BatchTooLargeError, Observer, OutOfMemoryError
from benchtui.worker.memory import is_out_of_memory


class LmEvalModel:
    """`answering` is this object itself."""

    observer: Any

    def __init__(self, loaded: Any, plan: BenchmarkPlan, memory_share: float) -> None:
        self.loaded, self.plan, self.memory_share = loaded, plan, memory_share
        self.lm: Any = loaded.lm
        self.answering = self
        self.chat: Any = self.lm

    def set_cache_hook(self, hook: Any) -> None:
        self.lm.set_cache_hook(hook)

    def generate_until(self, instances: Any) -> Any:
        return self._ask(self.lm.generate_until, instances)

    def loglikelihood(self, instances: Any) -> Any:
        return self._ask(self.lm.loglikelihood, instances)

    def loglikelihood_rolling(self, instances: Any) -> Any:
        return self._ask(self.lm.loglikelihood_rolling, instances)

    def _ask(self, method: Any, instances: Any) -> Any:
        unobserved, self.lm.observer = self.lm.observer, self.observer
        try:
            with self.loaded.answering():
                return method(instances)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            said = " ".join(str(error).split())[:160]
        finally:
            self.lm.observer = unobserved
        raise BatchTooLargeError(said)

    @contextmanager
    def sized_for(self, kind: str, began: int | None, observer: Observer) -> Iterator[int | None]:
        planned = self.lm.batch_size_per_gpu
        size = planned if isinstance(planned, int) else None
        if size is not None:
            why = ""
            fits = remembered.batch_size(self.plan, kind)
            if self.plan.batch_size == "auto" and isinstance(began, int) and self.memory_share == 1:
                size, why = began, "as this run began"
            if fits is not None and fits < size:
                size, why = fits, f"{size} did not fit into memory before"
            if size != planned:
                self.lm.batch_size_per_gpu = size
                observer.decision("batch size", str(size), why)
        try:
            yield size
        finally:
            self.lm.batch_size_per_gpu, fitted = planned, self.lm.batch_size_per_gpu
        if isinstance(fitted, int) and (fitted != planned or self.memory_share < 1):
            remembered.store_batch_size(self.plan, kind, fitted)
        elif self.memory_share < 1:
            remembered.store_memory_share(self.plan, self.memory_share)

    def shrink(self, said: str, observer: Observer) -> None:
        release_memory(self.lm.device)
        size = self.lm.batch_size_per_gpu
        if not isinstance(size, int) or size <= 1:
            raise OutOfMemoryError(
                f"memory is not enough for one request: {said}",
                "Use --format merged_4bit, a smaller --max-length, a GGUF, or a larger machine.",
            )
        self.lm.batch_size_per_gpu = size // 2
        observer.decision("batch size", str(size // 2), f"memory ran out at {size}; what was answered is kept")
