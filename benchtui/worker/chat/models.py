"""The models of a chat, loaded one after another: an adapter on the weights of its base where both are wanted."""

from __future__ import annotations

import dataclasses
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.models.source import FolderSource, HubSource, ServedSource
from benchtui.out_of_memory import is_caused_by_out_of_memory
from benchtui.plans.chat import ChatPlan
from benchtui.plans.load import LoadPlan
from benchtui.runs.kinds.chat.events import ChatReady, ChatUnready
from benchtui.text import one_line
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from benchtui.worker.answering.opening import open_answering, open_beside
from benchtui.worker.answering.protocol import Answering
from benchtui.worker.answering.streaming import Streams, StreamsAnswers
from benchtui.worker.answering.two_models import check_room
from benchtui.worker.chat.hybrid_streams import HybridStreams
from benchtui.worker.chat.served_speaker import ServedSpeaker
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
        """Yield each model as soon as it can be asked; one that fails does not keep the others from being loaded. The
        adapters of one base are put on one set of weights, with the base itself where it is wanted."""
        left = list(range(len(self._plan.models)))
        while left:
            first = left[0]
            same = [number for number in left if number == first or self._same_weights(first, number)]
            adapters = [number for number in same if self._adapter(number)]
            base = next((number for number in same if not self._adapter(number)), None)
            group = [*([] if base is None else [base]), *adapters]
            left = [number for number in left if number not in group]
            if len(group) > 1:
                yield from self._load_together(base, adapters)
            else:
                yield self._load_alone(group[0])

    def _load_alone(self, number: int) -> Loaded:
        began = time.monotonic()
        opened = self._tried(number, lambda: self._opened(number))
        return self._loaded(number, opened, threading.Lock(), None, began)

    def _load_together(self, base: int | None, adapters: Sequence[int]) -> Iterator[Loaded]:
        """Load a base (None: it is not wanted itself) and adapters on its weights. An adapter that fails, or would
        change the base, may have done so: all others are loaded again then, and it is left out, or by itself."""
        began = time.monotonic()
        opened = self._tried(
            adapters[0] if base is None else base,
            lambda: self._opened(adapters[0] if base is None else base, with_adapter=False),
        )
        if isinstance(opened, ChatUnready):
            if base is not None:
                yield Loaded(None, opened)
            yield from map(self._load_alone, adapters)
            return
        beside: dict[int, Answering] = {}
        for adapter in adapters:
            found = self._beside(opened, adapter)
            if found is None or isinstance(found, ChatUnready):
                for model in (opened, *beside.values()):
                    model.close()
                yield from self._load_again(base, [one for one in adapters if one != adapter])
                yield self._load_alone(adapter) if found is None else Loaded(None, found)
                return
            beside[adapter] = found
        yield from self._shared(base, opened, beside, began)

    def _load_again(self, base: int | None, adapters: Sequence[int]) -> Iterator[Loaded]:
        if len(adapters) + (base is not None) > 1:
            yield from self._load_together(base, adapters)
        else:
            yield from map(self._load_alone, adapters if base is None else (base,))

    def _shared(
        self, base: int | None, opened: Answering, beside: Mapping[int, Answering], began: float
    ) -> Iterator[Loaded]:
        """What is on one set of weights takes turns, by one lock; a model that was loaded as well does not."""
        lock, owner = threading.Lock(), base
        if base is not None:
            yield self._loaded(base, opened, lock, None, began)
        for number, one in beside.items():
            if not one.shares_weights:
                yield self._loaded(number, one, threading.Lock(), None, began)
                continue
            yield self._loaded(number, one, lock, owner, began)
            owner = number if owner is None else owner

    def _adapter(self, number: int) -> str | None:
        source = self._plan.models[number].source
        return source.adapter if isinstance(source, FolderSource | HubSource) else None

    def _same_weights(self, first: int, second: int) -> bool:
        """Whether two models, adapters left out, are loaded from the same files in the same way."""
        if not self._adapter(first) and not self._adapter(second):
            return False
        one, two = self._plan.load_plan(first), self._plan.load_plan(second)
        return _loading(one) == _loading(two) and None not in (one.prompts.chat_template, two.prompts.chat_template)

    def _label(self, number: int) -> str:
        return one_line(self._plan.models[number].label, 60)

    def _opened(self, number: int, *, with_adapter: bool = True) -> Answering:
        plan, label = self._plan.load_plan(number), self._label(number)
        if plan.prompts.chat_template is None:
            raise BenchtuiError(
                f"{label} has no chat template.", "Name one with --chat-template, or choose an instruct model."
            )
        if not with_adapter and self._adapter(number):
            plan = dataclasses.replace(plan, source=msgspec.structs.replace(plan.source, adapter=None))
        self._reporter.phase("loading model", detail=plan.source.path)
        if self._any:  # what a server has is in its own memory
            check_room(plan.source)
        opened = open_answering(plan, self._reporter, self._memory_share)
        self._any = self._any or not isinstance(plan.source, ServedSource)
        return opened

    def _beside(self, base: Answering, other: int) -> Answering | ChatUnready | None:
        plan = self._plan.load_plan(other)
        self._reporter.phase("loading model", detail=str(self._adapter(other)))
        return self._tried(other, lambda: open_beside(base, plan, self._reporter, self._memory_share))

    def _loaded(
        self, number: int, opened: Answering | ChatUnready, lock: threading.Lock, shares: int | None, began: float
    ) -> Loaded:
        if isinstance(opened, ChatUnready):
            return Loaded(None, opened)
        end = self._plan.models[number].prompts.think_end_token
        speaker = self._tried(number, lambda: make_speaker(number, self._label(number), opened, lock, end))
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


def make_speaker(
    number: int, label: str, answering: Answering, lock: threading.Lock, think_end: str | None = None
) -> Speaker:
    """Return what answers in a chat with an open model, which ends its thinking with `think_end`. Raises BenchtuiError
    where nothing can."""
    streams: Streams | None = None
    if isinstance(answering, HybridAnswering):
        streams = HybridStreams(answering)
    elif isinstance(answering, StreamsAnswers):
        streams = answering.streams()
    if streams is not None:
        return ServedSpeaker(number, label, answering, streams, lock, think_end)
    return SteppedSpeaker(number, label, answering, lock)


def _loading(plan: LoadPlan) -> tuple[object, ...]:
    prompts = plan.prompts
    return plan.backend, plan.source.loads, prompts.dtype, prompts.model_args, dict(plan.backend_settings)


def _unready(number: int, label: str, error: Exception) -> ChatUnready:
    if isinstance(error, BenchtuiError):
        return ChatUnready(model=number, what=one_line(error.what, 400), next_step=error.next_step)
    if is_caused_by_out_of_memory(error):
        return ChatUnready(
            model=number, what=f"{label} does not fit into memory.", next_step="Use a smaller or quantised model."
        )
    said = one_line(f"{type(error).__name__}: {error}", 300)
    return ChatUnready(model=number, what=f"{label} cannot be loaded: {said}", next_step="worker.log has the details.")
