"""The output heads of models that are no longer in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from benchtui.tokens.store import DistributionStore
from benchtui.worker.answering.next_token import HidesStates
from benchtui.worker.answering.opening import open_answering
from benchtui.worker.answering.protocol import Answering
from benchtui.worker.tokens.context import TokensContext


class Head(Protocol):
    """An output head by itself."""

    @property
    def device(self) -> str:
        """The kind of device that it computes on."""

    def logits(self, states: Any) -> Any:
        """As `HidesStates.head_logits`."""


class HeadsOfRun:
    """The output heads of some models of a run, each distinct one loaded once."""

    def __init__(self, context: TokensContext, store: DistributionStore, numbers: Sequence[int]) -> None:
        self._digests = {number: store.models[number].head for number in numbers}
        self._heads: dict[str, Head] = {}
        for number, digest in self._digests.items():
            if digest and digest not in self._heads:
                self._heads[digest] = _open(context, number)

    def of(self, number: int) -> Head | None:
        """The head of a model; None where no hidden states of it are stored."""
        return self._heads.get(self._digests[number])


def _open(context: TokensContext, number: int) -> Head:
    answering = open_answering(context.plan.load_plan(number), context.reporter, context.process.memory_share)
    return _Whole(answering)


class _Whole:
    def __init__(self, answering: Answering) -> None:
        assert isinstance(answering, HidesStates)  # noqa: S101
        self._answering: HidesStates = answering
        self.device = answering.facts.device.split(":")[0]

    def logits(self, states: Any) -> Any:
        return self._answering.head_logits(states)
