"""Log-likelihoods: one pass of each model over every request tells what every threshold gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.routing.names import SignalName
from benchtui.routing.sweep import Mask
from benchtui.runs.kinds.sweep.fold import LARGE, SMALL, Stage
from benchtui.worker.answering.hybrid.pair import Pair
from benchtui.worker.answering.hybrid.switch import tokens_by_both
from benchtui.worker.answering.next_token import TokenScore, TokenScorer
from benchtui.worker.answering.protocol import Answering, BatchTooLargeError, ScoreRequest
from benchtui.worker.sweep.asking import RequestMaker
from benchtui.worker.sweep.records import Pass
from benchtui.worker.sweep.task import Asked, SweepTask
from benchtui.worker.watching import Watching


def read_by_both(task: SweepTask, pair: Pair, maker: RequestMaker) -> None:
    """Have each model read everything of a task that it has not read, the small one first. Raises what
    `TokenScorer.score_tokens` raises, and StopRequested."""
    signal = pair.strategy.signal
    if signal is None:
        _read_together(task, pair, maker)
        return
    passes: tuple[tuple[Stage, Answering], ...] = ((SMALL, pair.small), (LARGE, pair.large))
    for stage, model in passes:
        waiting = task.waiting(stage)
        task.tell(stage)
        if waiting:
            task.context.reporter.phase("evaluating", task.name, detail=stage)
            requests = maker.score_requests([asked.instance for asked in waiting])
            _Reading(task, stage, model, signal if stage == SMALL else None).read(
                dict(zip(waiting, requests, strict=True))
            )


def _read_together(task: SweepTask, pair: Pair, maker: RequestMaker) -> None:
    """Have both models read one text after another, since how far apart they are decides who is in charge."""
    watching = _Watched(task)
    both, kind = pair.stepped(watching), pair.strategy.divergence
    stages: tuple[Stage, Stage] = (SMALL, LARGE)
    for stage in stages:
        task.tell(stage)
    waiting = {asked: None for stage in stages for asked in task.waiting(stage)}
    task.context.reporter.phase("evaluating", task.name)
    for asked, windows in zip(waiting, maker.score_requests([each.instance for each in waiting]), strict=True):
        task.in_flight([asked])
        small, large = [], []
        for window in windows:
            found, read = tokens_by_both(pair, both, window, kind, (watching, watching)), len(window.inputs)
            small.append(_pass(found.small, found.small_top, found.signal, read))
            large.append(_pass(found.large, found.large_top, None, read))
        task.record(SMALL, [(asked, tuple(small))])
        task.record(LARGE, [(asked, tuple(large))])
        for stage in stages:
            task.tell(stage)


def _pass(logprobs: Any, greedy: Mask, signal: Any, read: int) -> Pass:
    return Pass.of(logprobs, greedy, signal, float(logprobs.sum(dtype=np.float64)), read)


class _Watched(Watching):
    """Counts the positions of both models in the journal."""

    def __init__(self, task: SweepTask) -> None:
        super().__init__(task.context.reporter, task.context.stop)
        self._counted = task

    def tokens(self, n: int) -> None:
        """As `Observer.tokens`."""
        self._counted.computed += n
        super().tokens(n)


class _Reading(_Watched):
    """One model that reads what is waiting of one task, and who watches it. What a batch gives is kept together, so
    that what is left falls into the same batches after a kill."""

    def __init__(self, task: SweepTask, stage: Stage, model: Answering, signal: SignalName | None) -> None:
        super().__init__(task)
        if not isinstance(model, TokenScorer):
            raise BenchtuiError(
                f"The {model.facts.backend} backend does not tell the log-probability of each token.",
                "Use --backend hf, or a GGUF file.",
            )
        self._task = task
        self._stage = stage
        self._model = model
        self._scorer: TokenScorer = model
        self._signal = signal
        self._parts: dict[Asked, dict[int, Pass]] = defaultdict(dict)
        self._whole: list[tuple[Asked, tuple[Pass, ...]]] = []
        self._by_args: dict[tuple[Any, ...], list[Asked]] = {}

    def read(self, requests: dict[Asked, tuple[ScoreRequest, ...]]) -> None:
        self._whole += [(asked, ()) for asked, windows in requests.items() if not windows]
        places = [(asked, place) for asked, windows in requests.items() for place in range(len(windows))]
        for asked, windows in requests.items():
            for window in windows:
                self._by_args.setdefault(window.args, []).append(asked)
        noted = f"batch size of {self._task.name}, {self._stage}"
        journal = self._task.context.journal
        with self._model.sized_for(self._task.loaded.kind, journal.noted(noted), self) as rows:
            if rows is not None:
                journal.note(noted, rows)
            try:
                self._read_all(places, requests)
            finally:
                self._keep()

    def _read_all(self, places: list[tuple[Asked, int]], requests: dict[Asked, tuple[ScoreRequest, ...]]) -> None:
        while left := [(asked, place) for asked, place in places if place not in self._parts[asked]]:
            before = len(left)
            too_large = self._read_once(left, [requests[asked][place] for asked, place in left], requests)
            if too_large is not None:  # only now: while it is handled, an error keeps its frames' tensors alive
                self._model.shrink(too_large, self)
            elif before == sum(place not in self._parts[asked] for asked, place in places):
                raise RuntimeError(f"{self._task.name}: the model returned without answering")

    def _read_once(
        self,
        left: Sequence[tuple[Asked, int]],
        asked_now: list[ScoreRequest],
        requests: dict[Asked, tuple[ScoreRequest, ...]],
    ) -> str | None:
        """What was said if memory ran out and a smaller batch may help; None when everything was read."""

        def scored(index: int, score: TokenScore) -> None:
            asked, place = left[index]
            parts = self._parts[asked]
            parts[place] = Pass.of(
                score.logprobs, score.greedy, score.signal, score.loglikelihood, len(asked_now[index].inputs)
            )
            if len(parts) == len(requests[asked]):
                self._whole.append((asked, tuple(parts[number] for number in sorted(parts))))

        try:
            self._scorer.score_tokens(asked_now, self._signal, scored, self)
        except BatchTooLargeError as error:
            return str(error)
        finally:
            self._keep()
        return None

    def batch_started(self, request_args: Sequence[tuple[Any, ...]]) -> None:
        """Keep what the last batch gave, and tell which documents are in the next."""
        self._keep()
        self._task.in_flight(asked for args in request_args for asked in self._by_args.get(tuple(args), ()))
        self.check()

    def _keep(self) -> None:
        if self._whole:
            self._task.record(self._stage, self._whole)
            self._whole = []
            self._task.tell(self._stage)
