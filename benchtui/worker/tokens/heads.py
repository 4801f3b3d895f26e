"""The output heads of models that are no longer in memory."""

from __future__ import annotations

from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.models.source import hugging_face
from benchtui.tokens.store import DistributionStore, is_digest
from benchtui.worker.answering.hf.head_alone import HeadAlone, open_head, open_kept_head
from benchtui.worker.answering.hf.load import choose_device
from benchtui.worker.tokens.context import TokensContext

AT_ONCE = 4
"""Heads that are in memory together, at most."""


class HeadsOfRun:
    """The output heads of the models of a run, each distinct one loaded when it is asked for first; `device` is where
    they compute.

    One that was put into the store is read from there, else the model's files have it. Raises BenchtuiError where they
    are gone, or have another head now.
    """

    def __init__(self, context: TokensContext, store: DistributionStore) -> None:
        self._context = context
        self._store = store
        self._heads: dict[str, HeadAlone] = {}
        self.device, _ = _device(context, store)

    def of(self, number: int) -> HeadAlone | None:
        """The head of a model; None where no hidden states of it are stored."""
        digest = self._store.models[number].head
        if not digest:
            return None
        head = self._heads.pop(digest, None)
        if head is None:
            while len(self._heads) >= AT_ONCE:
                del self._heads[next(iter(self._heads))]  # the one that was asked for longest ago
            head = self._open(self._context, self._store, digest)
        self._heads[digest] = head
        return head

    def _open(self, context: TokensContext, store: DistributionStore, digest: str) -> HeadAlone:
        """From the store, else from the first model that still has it."""
        owners = [number for number, model in enumerate(store.models) if model.head == digest]
        label = context.plan.models[owners[0]].label
        context.reporter.phase("loading model", task=label, detail="its output head alone")
        context.process.stop.check()
        if (kept := kept_head(context, digest)) is not None:
            return open_kept_head(kept, digest, device=self.device)
        refused: BenchtuiError | None = None
        for number in owners:
            plan, dtype = context.plan.load_plan(number), store.models[number].dtype
            remote = plan.permissions.remote_code
            try:
                return open_head(hugging_face(plan.source), digest, dtype, device=self.device, remote_code=remote)
            except BenchtuiError as error:
                refused = refused or error
        assert refused is not None  # noqa: S101 - a digest in use has an owner
        raise refused


def _device(context: TokensContext, store: DistributionStore) -> tuple[str, str]:
    """Where the first model with hidden states would be loaded."""
    owners = (number for number, model in enumerate(store.models) if model.head)
    number = next(owners, None)
    return ("cpu", "") if number is None else choose_device(context.plan.load_plan(number))


def kept_head(context: TokensContext, digest: str) -> Path | None:
    """The file in the store that has this head; None where there is none."""
    file = context.writer.head_file(digest)
    return file if is_digest(digest) and file.is_file() else None
