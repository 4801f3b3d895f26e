"""A small and a large model that answer as one model of lm-eval: what a benchmark asks is answered by a strategy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from benchtui.backends.hybrid import HYBRID
from benchtui.errors import BenchtuiError
from benchtui.models.source import hybrid
from benchtui.routing.strategies import Strategy, strategy_of
from benchtui.worker.answering.hybrid.alone import Alone
from benchtui.worker.answering.hybrid.defer import Deferred
from benchtui.worker.answering.hybrid.measuring import MeasuringPair
from benchtui.worker.answering.hybrid.pair import LABELS, Pair, Room, Way
from benchtui.worker.answering.hybrid.part_plan import part_plan
from benchtui.worker.answering.hybrid.routed import Routed
from benchtui.worker.answering.hybrid.speculative import Speculative
from benchtui.worker.answering.hybrid.switch import Switch
from benchtui.worker.answering.protocol import (
    Answering,
    AnsweringFacts,
    ChatRenderer,
    GenerateRequest,
    ModelPlan,
    Observer,
    OutOfMemoryError,
    Scored,
    ScoreRequest,
    Tokenizer,
    Unobserved,
    Written,
)
from benchtui.worker.answering.two_models import open_two, two_models
from benchtui.worker.report import Reporter


class HybridAnswering(Answering):
    """Two open models that answer by a strategy: one whose threshold is a quantile not before `settle` was called."""

    def __init__(self, pair: Pair, plan: ModelPlan) -> None:
        self._pair = pair
        self._way = way_of(pair)
        self._plan = plan
        self._scores = True

    @classmethod
    def open(cls, plan: ModelPlan, reporter: Reporter, memory_share: float) -> HybridAnswering:
        """Load both models. Raises BenchtuiError where they cannot answer together."""
        source = hybrid(plan.source)
        strategy = strategy_of(plan.backend_settings)
        plans = part_plan(plan, source.small), part_plan(plan, source.large)

        def begin(number: int) -> None:
            reporter.phase("loading model", detail=f"{LABELS[number]}: {plans[number].source.path}")

        opened = open_two(plans, reporter, memory_share, begin)
        try:
            two_models(LABELS, opened.models, Unobserved())  # whether they have one set of tokens
            rows = plan.batch_size if isinstance(plan.batch_size, int) else None
            return cls(Pair(*opened.models, strategy, Room(rows, memory_share)), plan)
        except BaseException:
            opened.close()
            raise

    @property
    def pair(self) -> Pair:
        """Both models."""
        return self._pair

    @property
    def facts(self) -> AnsweringFacts:
        """As `Answering.facts`: of both, with the shorter window."""
        small, large = self._pair.small.facts, self._pair.large.facts
        windows = [one.context_length for one in (small, large) if one.context_length]
        caveats = self._way.caveats if self._scores else ()
        return AnsweringFacts(
            HYBRID.name,
            large.version,
            large.device,
            large.dtype if small.dtype == large.dtype else f"{small.dtype} + {large.dtype}",
            min(windows, default=0),
            caveats=tuple(dict.fromkeys((*caveats, *small.caveats, *large.caveats))),
        )

    @property
    def tokens(self) -> Tokenizer | None:
        """As `Answering.tokens`: both have the same."""
        return self._pair.large.tokens

    @property
    def chat(self) -> ChatRenderer:
        """As `Answering.chat`."""
        return self._pair.large.chat

    @property
    def whole_documents(self) -> bool:
        """As `Answering.whole_documents`."""
        return self._way.whole_documents

    def measuring(self) -> MeasuringPair | None:
        """As `Settles.measuring`."""
        strategy = self._pair.strategy
        quantile = strategy.has_threshold and isinstance(strategy.threshold, str)
        return MeasuringPair(self, self._pair) if quantile else None

    def settle(self, threshold: float) -> None:
        """As `Settles.settle`."""
        try:
            self._way = way_of(self._pair, threshold)
        except ValueError as error:
            raise BenchtuiError(
                f"The models cannot answer together: {error}.", "Change --threshold or --back."
            ) from None

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        self._way.score(list(requests), answered, observer)

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        self._way.generate(list(requests), answered, observer)

    # What each of both models knows of itself: they share the memory.

    @property
    def peak_device_memory(self) -> int | None:
        """As `Answering.peak_device_memory`. Models of PyTorch share one device and its one count, so either number is
        of both together; None where a model on an accelerator is not counted, as a GGUF file is not."""
        held = [model.peak_device_memory for model in self._models if model.facts.device != "cpu"]
        counted = [peak for peak in held if peak is not None]
        return max(counted, default=None) if len(counted) == len(held) else None

    def check_tasks(self, *, loglikelihood: bool) -> None:
        """As `Answering.check_tasks`."""
        self._scores = loglikelihood
        for model in self._models:
            model.check_tasks(loglikelihood=loglikelihood)

    @property
    def rows(self) -> int | None:
        """As `Answering.rows`: of the one that answers fewer at once."""
        return min(filter(None, (model.rows for model in self._models)), default=None)

    @contextmanager
    def sized_for(self, kind: str, began: int | None, observer: Observer) -> Iterator[int | None]:
        """As `Answering.sized_for`."""
        with ExitStack() as sized:
            for model in self._models:
                sized.enter_context(model.sized_for(kind, began, observer))
            yield self.rows

    def shrink(self, said: str, observer: Observer) -> None:
        """As `Answering.shrink`: fewer texts are written at once, or fewer sequences scored by either model. Raises
        OutOfMemoryError when nothing of this can be."""
        if self._pair.room.shrink():
            observer.decision("texts at once", "fewer", "memory ran out; what was answered is kept")
            return
        refused: list[OutOfMemoryError] = []
        for model in self._models:
            try:
                model.shrink(said, observer)
            except OutOfMemoryError as error:
                refused.append(error)
        if len(refused) == len(self._models):
            raise refused[-1]

    @property
    def _models(self) -> tuple[Answering, Answering]:
        return self._pair.small, self._pair.large

    def close(self) -> None:
        """Free both."""
        self._pair.small.close()
        self._pair.large.close()


def way_of(pair: Pair, settled: float | None = None) -> Way:
    """Return how a pair answers by its strategy, with the number that its threshold was `settled` to be; a quantile
    that is not settled leaves all to the small model. Raises ValueError for a number that it cannot be."""
    strategy: Strategy = pair.strategy
    own = math.inf if isinstance(strategy.threshold, str) else strategy.threshold
    threshold = own if settled is None else settled
    if strategy.name == "small":
        return Alone(pair.small)
    if strategy.name == "large":
        return Alone(pair.large)
    if strategy.name == "speculative":
        return Speculative(pair)
    if strategy.name == "defer":
        return Deferred(pair, threshold)
    if strategy.name == "switch":
        return Switch(pair, strategy.switch(threshold))
    return Routed(pair, strategy.route(threshold))
