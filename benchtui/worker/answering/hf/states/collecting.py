"""Hidden states at wanted places of texts, collected from the forward passes that compute them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from benchtui.worker.answering.hf.engine.tree_pass import Computed, Query, TargetSpan


class StateCollector:
    """Collects the states that predict each query's targets, [targets, width], until they are complete."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._missing = [len(query.targets) for query in queries]
        self._parts: dict[int, list[tuple[int, torch.Tensor]]] = {}

    def completed_by(self, computed: Computed) -> Iterator[tuple[int, torch.Tensor]]:
        """Take what a forward pass computed, and yield each query whose states are complete now, with them."""
        for span, row in computed.placed:
            yield from self._with(span, computed.hidden[row : row + len(span.targets)])

    def _with(self, span: TargetSpan, states: torch.Tensor) -> Iterator[tuple[int, torch.Tensor]]:
        # Copied: a part of the tensor would keep the whole pass in memory.
        self._parts.setdefault(span.query, []).append((span.first, states.clone()))
        self._missing[span.query] -= len(states)
        if not self._missing[span.query]:
            parts = sorted(self._parts.pop(span.query), key=lambda part: part[0])
            yield span.query, torch.cat([part for _, part in parts])
