"""The two models of a hybrid in memory, and what every strategy needs of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from lm_eval.models.utils import normalize_gen_kwargs

from benchtui.errors import BenchtuiError
from benchtui.routing.records import Ended, Sampling, Side
from benchtui.routing.strategies import Strategy
from benchtui.text import one_line
from benchtui.worker.answering.next_token import BringsSettings, OwnSettings
from benchtui.worker.answering.protocol import (
    TOP_K,
    Answering,
    Finish,
    GenerateRequest,
    Observer,
    Scored,
    ScoreRequest,
    Written,
)
from benchtui.worker.answering.stepped import SteppedBatch
from benchtui.worker.answering.two_models import TwoModels, two_models
from benchtui.worker.answering.written import Answers, Asked

LABELS = ("small", "large")
_READ_ELSEWHERE = frozenset({"until", "max_gen_toks", "do_sample"})
_KNOWN = frozenset({"temperature", "top_k", "top_p", "min_p"})
FINISHES: Mapping[Ended, Finish] = {"end": "end", "stop": "stop", "length": "length", "window": "length"}


@dataclass
class Room:
    """How many texts two models may write at once: as many as a batch size of `rows` means (None: they choose), and as
    a `share` of the memory holds. `used` were the last ones."""

    rows: int | None = None
    share: float = 1.0
    used: int = 0

    def shrink(self) -> bool:
        """Take half of the memory from now on; False where less would not help: one text was written at a time, or
        none since the last call."""
        several, self.used = self.used > 1, 0
        self.share /= 2 if several else 1
        return several


@dataclass(frozen=True)
class Pair:
    """A small and a large model that are open, and the strategy by which they answer. `wrote` is told the tokens of
    what they write together, as in `Answers`."""

    small: Answering
    large: Answering
    strategy: Strategy
    room: Room = field(default_factory=Room)
    wrote: Callable[[int], None] | None = None

    def stepped(self, observer: Observer) -> TwoModels:
        """Return both as models that are stepped token by token; `observer` is told of what they compute."""
        return two_models(LABELS, (self.small, self.large), observer)

    def answers(self, both: TwoModels, request: GenerateRequest) -> Answers:
        """Return how the answer to a request is written by both, each as it writes by itself: by the task's settings
        and its own. Raises BenchtuiError naming a setting that two models cannot follow together."""
        own = tuple(
            model.own_settings(request)
            if isinstance(model, BringsSettings)
            else OwnSettings(sampling_of(request), ends)
            for model, ends in zip((self.small, self.large), both.ends_of, strict=True)
        )
        limits = {each.sampling.max_new_tokens for each in own}
        if len(limits) > 1:
            small, large = (each.sampling.max_new_tokens for each in own)
            raise BenchtuiError(
                f"The models' own settings (generation_config.json) end an answer after {small:,} tokens in the small "
                f"one and {large:,} in the large one.",
                "Set max_new_tokens alike in both, or in neither.",
            )
        return replace(both.answers(own[1].sampling, (own[0], own[1])), wrote=self.wrote)

    def plain_answers(self, both: TwoModels, request: GenerateRequest, sides: Sequence[Side]) -> Answers:
        """Return how the answer to a request is written by what these models both say: as they do by themselves. Raises
        BenchtuiError where they sample in different ways, or change their logits before."""
        own = self.answers(both, request).own
        assert own is not None  # noqa: S101 - given above
        asked = [own[side] for side in sides]
        if changed := [each.changed_by for each in asked if each.changes is not None]:
            raise BenchtuiError(
                f"The strategy {self.strategy.name} compares what two models say, and {changed[0]} (set by the task or "
                "a generation_config.json) changes it.",
                "Remove it, or use another strategy, such as margin.",
            )
        if any(each.sampling != asked[0].sampling for each in asked):
            raise BenchtuiError(
                "The models' own settings (generation_config.json) sample in different ways.",
                "Name temperature, top_k and top_p in --gen-kwargs, or use another strategy, such as margin.",
            )
        return replace(both.answers(asked[0].sampling), wrote=self.wrote)

    def batches(self, both: TwoModels, texts: Sequence[Asked], branches: int = 1) -> tuple[SteppedBatch, SteppedBatch]:
        """Make room for texts in both models, for one at a time at least; each may part into so many branches."""
        longest = max(len(text.prompt) + text.answers.sampling.max_new_tokens for text in texts)
        # Both count the same free memory, and neither takes any before it reads.
        rows, share = self.room.rows, self.room.share / 2
        small, large = (model.batch(rows, longest, share) for model in (both.first, both.second))
        self.room.used = min(small.rows, large.rows, len(texts) * branches)
        return small, large


class Way(Protocol):
    """How two models answer by one strategy, or some of them."""

    @property
    def whole_documents(self) -> bool:
        """As `Answering.whole_documents`."""
        return False

    @property
    def caveats(self) -> tuple[str, ...]:
        """Sentences on how log-likelihoods are answered, to be shown beside the scores."""
        return ()

    def score(self, requests: list[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""

    def generate(self, requests: list[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""


def sampling_of(request: GenerateRequest) -> Sampling:
    """Return how the answer to a request is written: as its task says, with transformers' defaults. Raises
    BenchtuiError for a generation setting that two models cannot follow together."""
    kwargs: dict[str, Any] = {
        name: value
        for name, value in normalize_gen_kwargs(dict(request.settings)).items()
        if value is not None or name == "do_sample"
    }
    drawn = bool(kwargs.get("do_sample"))
    unknown = kwargs.keys() - _READ_ELSEWHERE - _KNOWN
    if unknown:
        raise BenchtuiError(
            f"Two models that write together do not know the setting {one_line(', '.join(sorted(unknown)))}.",
            f"Use {', '.join(sorted(_KNOWN))}, or a strategy that writes with one model alone.",
        )
    if not drawn:
        return Sampling(max_new_tokens=request.limit, stop=request.stops)
    temperature = float(kwargs.get("temperature", 1.0))
    if temperature <= 0:
        raise BenchtuiError(
            "A temperature of 0 with do_sample is no distribution to draw from.",
            "Set do_sample=false in --gen-kwargs, or a temperature above 0.",
        )
    return Sampling(
        temperature=temperature,
        top_k=int(kwargs.get("top_k", TOP_K)),
        top_p=float(kwargs.get("top_p", 1.0)),
        min_p=float(kwargs.get("min_p", 0.0)),
        max_new_tokens=request.limit,
        stop=request.stops,
        seed=request.seed,
    )
