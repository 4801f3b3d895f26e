"""The models of a chat, loaded one after another: an adapter on the weights of its base where both are wanted."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.plans.chat import ChatPlan
from benchtui.runs.kinds.chat.events import ChatReady, ChatUnready
from benchtui.text import one_line
from benchtui.worker.answering.opening import open_answering, open_beside
from benchtui.worker.answering.protocol import Answering
from benchtui.worker.answering.two_models import check_room
from benchtui.worker.chat.speaker import Speaker
from benchtui.worker.chat.stepped_speaker import SteppedSpeaker
from benchtui.worker.report import Reporter

T = TypeVar("T")


@dataclass(frozen=True)
class Loaded:
    """A model that can be asked, or why it cannot."""

    speaker: Speaker | None
    told: ChatReady | ChatUnready


class Loader:
    """Loads the models of a plan. `reporter` is told what is chosen and why."""

    def __init__(self, plan: ChatPlan, reporter: Reporter, memory_share: float) -> None:
        self._plan = plan
        self._reporter = reporter
        self._memory_share = memory_share
        self._any = False

    def load(self) -> Iterator[Loaded]:
        """Yield each model as soon as it can be asked, bases before adapters; one that fails does not keep the others
        from being loaded."""
        waiting = sorted(range(len(self._plan.models)), key=lambda number: (bool(self._adapter(number)), number))
        while waiting:
            number = waiting.pop(0)
            began, lock = time.monotonic(), threading.Lock()
            opened = self._opened_or_not(number)
            if isinstance(opened, ChatUnready):
                yield Loaded(None, opened)
                continue
            partner = next((one for one in waiting if self._may_share(number, one)), None)
            beside = None if partner is None else self._beside(opened, partner)
            if partner is not None and (
                beside is None or isinstance(beside, ChatUnready)
            ):  # the attempt may have changed the weights
                opened.close()
                opened = self._opened_or_not(number)
                if isinstance(opened, ChatUnready):
                    yield Loaded(None, opened)
                    continue
            yield self._ready(number, opened, lock, None, began)
            if partner is not None and beside is not None:
                waiting.remove(partner)
                if isinstance(beside, ChatUnready):
                    yield Loaded(None, beside)
                else:
                    yield self._ready(partner, beside, lock, number, began)

    def _adapter(self, number: int) -> object:
        return getattr(self._plan.models[number].source, "adapter", None)

    def _may_share(self, base: int, other: int) -> bool:
        """Whether the other one may be an adapter on the weights of the base."""
        one, two = self._plan.models[base], self._plan.models[other]
        if self._adapter(base) or not self._adapter(other):
            return False
        return one.backend == two.backend and one.source.loads == two.source.loads

    def _label(self, number: int) -> str:
        return one_line(self._plan.models[number].label, 60)

    def _opened_or_not(self, number: int) -> Answering | ChatUnready:
        return self._tried(number, lambda: self._opened(number))

    def _opened(self, number: int) -> Answering:
        plan, label = self._plan.load_plan(number), self._label(number)
        if plan.prompts.chat_template is None:
            raise BenchtuiError(
                f"{label} has no chat template.", "Name one with --chat-template, or choose an instruct model."
            )
        self._reporter.phase("loading model", detail=plan.source.path)
        if self._any:
            check_room(plan.source)
        opened = open_answering(plan, self._reporter, self._memory_share)
        self._any = True
        return opened

    def _beside(self, base: Answering, other: int) -> Answering | ChatUnready | None:
        plan = self._plan.load_plan(other)
        self._reporter.phase("loading model", detail=str(self._adapter(other)))
        return self._tried(other, lambda: open_beside(base, plan, self._reporter, self._memory_share))

    def _ready(self, number: int, opened: Answering, lock: threading.Lock, shares: int | None, began: float) -> Loaded:
        speaker = self._tried(number, lambda: make_speaker(number, self._label(number), opened, lock))
        if isinstance(speaker, ChatUnready):
            return Loaded(None, speaker)
        seconds = time.monotonic() - began
        return Loaded(speaker, msgspec.structs.replace(speaker.ready, shares=shares, seconds=seconds))

    def _tried(self, number: int, attempt: Callable[[], T]) -> T | ChatUnready:
        """What an attempt gives, or why there is none: whatever the libraries raise, the other models are there."""
        try:
            return attempt()
        except Exception as error:  # noqa: BLE001 - it is told of this model
            if not isinstance(error, BenchtuiError):
                traceback.print_exception(error)  # into worker.log
            return _unready(number, self._label(number), error)


def make_speaker(number: int, label: str, answering: Answering, lock: threading.Lock) -> Speaker:
    """Return what answers in a chat with an open model. Raises BenchtuiError where nothing can."""
    return SteppedSpeaker(number, label, answering, lock)


def _unready(number: int, label: str, error: Exception) -> ChatUnready:
    if isinstance(error, BenchtuiError):
        return ChatUnready(model=number, what=one_line(error.what, 400), next_step=error.next_step)
    if is_caused_by_out_of_memory(error):
        return ChatUnready(
            model=number, what=f"{label} does not fit into memory.", next_step="Use a smaller or quantised model."
        )
    said = one_line(f"{type(error).__name__}: {error}", 300)
    return ChatUnready(model=number, what=f"{label} cannot be loaded: {said}", next_step="worker.log has the details.")
