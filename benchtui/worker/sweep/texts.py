"""Texts: walks over the trees of their beginnings, for several documents and all thresholds at once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from benchtui.routing.answers import Work
from benchtui.routing.rules import RouteRule, Threshold
from benchtui.routing.strategies import Strategy
from benchtui.runs.kinds.sweep.fold import TEXTS, THRESHOLDS
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from benchtui.worker.answering.hybrid.defer import as_continuation
from benchtui.worker.answering.hybrid.routed import generated
from benchtui.worker.answering.hybrid.work import generated_by, tokens_scored_by
from benchtui.worker.answering.protocol import BatchTooLargeError, GenerateRequest
from benchtui.worker.answering.two_models import TwoModels
from benchtui.worker.answering.written import Asked as AskedText
from benchtui.worker.sweep.asking import RequestMaker
from benchtui.worker.sweep.records import Measured, SweptAnswer, SweptAnswers
from benchtui.worker.sweep.task import Asked, SweepTask
from benchtui.worker.sweep.tree import Walked, Walks
from benchtui.worker.watching import Watching

ALONE = (math.inf, -math.inf)
"""Thresholds at which the small, and the large model writes everything."""


class TextWriter:
    """Writes the texts of a task with two models that are open."""

    def __init__(self, task: SweepTask, opened: HybridAnswering, maker: RequestMaker) -> None:
        self._task = task
        self._opened = opened
        self._pair = pair = opened.pair
        self._strategy: Strategy = pair.strategy
        self._small = pair.small
        self._watching = Watching(task.context.reporter, task.context.stop)
        self._both: TwoModels = pair.stepped(self._watching)
        self._maker = maker

    def measure(self, documents: set[int]) -> None:
        """Have the small model write alone behind the prompts of some documents, all at once, and keep how unsure it
        was of each token."""
        task, signal = self._task, self._strategy.signal
        asked = [each for each in task.asked if each.key.doc_id in documents]
        waiting = [each for each in task.waiting(THRESHOLDS) if each.key.doc_id in documents]
        task.tell(THRESHOLDS, asked)
        requests = self._maker.generate_requests([each.instance for each in waiting])
        task.context.reporter.phase("evaluating", task.name, detail=THRESHOLDS)
        written = generated_by(self._small, requests, self._watching)
        own = [
            as_continuation(request, text, self._small) for request, (text, _) in zip(requests, written, strict=True)
        ]
        scored = iter(
            tokens_scored_by(self._small, [each for each in own if each.continuation], signal, self._watching)
        )
        measured = []
        for each, request, (_, work) in zip(waiting, own, written, strict=True):
            score, took = next(scored) if request.continuation else (None, Work())
            values = () if score is None or score.signal is None else tuple(map(float, score.signal))
            measured.append((each, Measured(values, work.positions + took.positions)))
        task.record(THRESHOLDS, measured)
        task.tell(THRESHOLDS, asked)

    def write_all(self, thresholds: tuple[Threshold, ...]) -> None:
        """Write what the journal has not, at some thresholds and by each model alone: the places 0 and, the last, 1 of
        `ALONE` stand before and behind them."""
        task = self._task
        values = (ALONE[0], *(each.value for each in thresholds), ALONE[1])
        rules: list[RouteRule] = [self._strategy.route(value) for value in values]
        task.tell(TEXTS)
        while waiting := task.waiting(TEXTS):
            task.context.stop.check()
            too_large = self._write(waiting, rules)
            if too_large is not None:  # only now: while it is handled, an error keeps its frames' tensors alive
                self._opened.shrink(too_large, self._watching)

    def _write(self, waiting: Sequence[Asked], rules: Sequence[RouteRule]) -> str | None:
        """Write texts and keep those of each document as soon as it is complete; returns what was said if memory ran
        out and fewer at once may help, None when all are written."""
        task = self._task
        task.context.reporter.phase("evaluating", task.name)
        requests = self._maker.generate_requests([each.instance for each in waiting])
        texts = [self._text(request) for request in requests]

        def started(places: list[int]) -> None:
            task.in_flight([waiting[place] for place in places])

        def walked(place: int, found: Walked) -> None:
            task.record(TEXTS, [(waiting[place], self._answers(requests[place], found))])
            task.tell(TEXTS)

        small, large = self._pair.batches(self._both, texts, branches=len(rules))
        try:
            Walks(small, large, rules, self._watching, started).write(texts, walked)
        except BatchTooLargeError as error:
            return str(error)
        return None

    def _text(self, request: GenerateRequest) -> AskedText:
        prompt = list(request.prompt[request.lost :]) or [self._both.tokens.prefix]
        return AskedText(prompt, self._pair.answers(self._both, request), request.document or 0)

    def _answers(self, request: GenerateRequest, walked: Walked) -> SweptAnswers:
        by_tokens: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for place, text in enumerate(walked.texts):
            by_tokens[text.tokens].append(place)
        answers = []
        for places in by_tokens.values():
            first = walked.texts[places[0]]
            answer = self._maker.answer(generated(first, self._both.tokens), request)
            writers = tuple(walked.texts[place].writers for place in places)
            answers.append(SweptAnswer(answer, tuple(places), writers, first.ended))
        small, large = walked.costs
        return SweptAnswers(
            tuple(answers),
            len(request.prompt) - request.lost,
            (small.calls, small.positions),
            (large.calls, large.positions),
        )
