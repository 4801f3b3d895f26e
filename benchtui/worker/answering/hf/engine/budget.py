"""How many token positions a batch may hold."""

from __future__ import annotations

from benchtui.worker.answering.hf.engine.observer import Observer

# A batch of this many positions or fewer is not divided any further.
SMALLEST = 16


class TokenBudget:
    """The token positions of one forward; halved each time memory runs out, and never raised again."""

    def __init__(self, tokens: int, observer: Observer, why: str) -> None:
        self.tokens = max(SMALLEST, tokens)
        self._observer = observer
        observer.decision("tokens per forward pass", str(self.tokens), why)

    def halve(self, failed: int) -> None:
        """Allow half of the `failed` positions that were too many."""
        self.tokens = max(SMALLEST, min(self.tokens, failed) // 2)
        why = f"memory ran out at {failed:,} tokens; the batch is retried"
        self._observer.decision("tokens per forward pass", str(self.tokens), why)
