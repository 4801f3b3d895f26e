"""`--engine lm-eval`: lm-eval's own `hf` model computes every answer, in its own batches."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import lm_eval.models.huggingface as huggingface
from lm_eval.api.model import CacheHook
from lm_eval.models.utils import Collator

from benchtui.worker.answering.hf.engine.output_head import Signal
from benchtui.worker.answering.hf.model import HFModel
from benchtui.worker.answering.hf.timing import causal_of, told_of_forwards
from benchtui.worker.answering.next_token import TokensScored
from benchtui.worker.answering.protocol import (
    GenerateRequest,
    Observer,
    Score,
    Scored,
    ScoreRequest,
    Written,
)


class LmEvalEngine(HFModel):
    """Answers with HFLM's own methods; only what they do is watched: batches, forward passes, each answer."""

    cache_hook: CacheHook

    def score(self, requests: Sequence[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`. Windows of long texts are taken in order, a batch at a time, as HFLM's rolling does."""
        windows = [index for index, request in enumerate(requests) if len(request.args) == 1]
        pairs = [index for index, request in enumerate(requests) if len(request.args) != 1]
        places = _Places((requests[index].args, index) for index in pairs)

        def filed(args: Any, answer: Any) -> None:
            answered(places.take(tuple(args)), Score(*answer))

        with self._told(observer, filed):
            if pairs:
                encoded = [_encoded(requests[index], requests[index].args) for index in pairs]
                self._loglikelihood_tokens(encoded, disable_tqdm=True)
            for first in range(0, len(windows), self.batch_size):
                batch = windows[first : first + self.batch_size]
                encoded = [_encoded(requests[index], None) for index in batch]
                answers = self._loglikelihood_tokens(encoded, disable_tqdm=True, override_bs=len(batch))
                for index, answer in zip(batch, answers, strict=True):
                    answered(index, Score(*answer))

    def score_tokens(
        self,
        requests: Sequence[ScoreRequest],
        signal: Signal | None,
        answered: TokensScored,
        observer: Observer,
    ) -> list[int]:
        """As `HFModel.score_tokens`: lm-eval tells sums, so it can answer none."""
        del signal, answered, observer
        return list(range(len(requests)))

    def generate(self, requests: Sequence[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        alone = any(request.repeated for request in requests)
        for group in [[index] for index in range(len(requests))] if alone else [list(range(len(requests)))]:
            self._generate_together(requests, group, answered, observer)

    def _generate_together(
        self, requests: Sequence[GenerateRequest], group: Sequence[int], answered: Written, observer: Observer
    ) -> None:
        places = _Places((_arguments(requests[index]), index) for index in group)
        self._rows.clear()

        def filed(args: Any, _text: str) -> None:
            text, settings = args
            answered(places.take((text, repr(settings))), self._rows[text].popleft())

        with self._told(observer, filed, requests[group[0]].args[2:] if group else ()):
            self.ask_lm_eval([requests[index] for index in group])

    @contextmanager
    def _told(
        self, observer: Observer, filed: Callable[[Any, Any], None], draw: tuple[Any, ...] = ()
    ) -> Iterator[None]:
        """While open, `observer` is told of batches and forward passes, and `filed(arguments, answer)` is called with
        each answer as soon as lm-eval has it. `draw` is what the requests' arguments end in beside lm-eval's own."""

        class Hook(CacheHook):
            def add_partial(self, attr: str, req: Any, res: Any) -> None:  # noqa: ARG002 - lm-eval's signature
                filed(req, res)

        class TellingCollator(Collator):
            def get_batched(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
                for batch in super().get_batched(*args, **kwargs):
                    observer.batch_started([(*_arguments_of(item), *draw) for item in batch])
                    yield batch

        hook: CacheHook = self.cache_hook
        self.cache_hook = Hook(None)
        huggingface.Collator = TellingCollator
        try:
            with told_of_forwards(causal_of(self.model), observer):
                yield
        finally:
            huggingface.Collator = Collator
            self.cache_hook = hook


class _Places:
    """Where requests stand, by their arguments; of equal ones the first is taken first."""

    def __init__(self, requests: Iterator[tuple[Any, int]]) -> None:
        self._waiting: dict[Any, deque[int]] = defaultdict(deque)
        for arguments, index in requests:
            self._waiting[arguments].append(index)

    def take(self, arguments: Any) -> int:
        return self._waiting[arguments].popleft()


def _encoded(request: ScoreRequest, args: Any) -> tuple[Any, list[int], list[int]]:
    """A request as HFLM takes it: the whole context, which it cuts to its window itself."""
    return args, list(request.context), list(request.continuation)


def _arguments(request: GenerateRequest) -> tuple[str, str]:
    return request.text, repr(request.settings)


def _arguments_of(item: Any) -> tuple[Any, ...]:
    """A batch item is (context, gen_kwargs), or ((context, continuation) or None, tokens, tokens)."""
    first = item[0]
    return first if isinstance(first, tuple) else () if first is None else tuple(item)
