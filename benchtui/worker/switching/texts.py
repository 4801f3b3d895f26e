"""Every text of a run, one after another: what goes wrong with one is its error, and never a text without switches."""

from __future__ import annotations

import math

import numpy as np

from benchtui.errors import BenchtuiError
from benchtui.routing.records import SwitchedText
from benchtui.routing.rules import SwitchRule, percent_of
from benchtui.runs.kinds.switching.events import Profiled
from benchtui.runs.kinds.switching.fold import PROFILE, TEXTS
from benchtui.text import one_line
from benchtui.worker.answering.two_models import TwoModels
from benchtui.worker.switching.context import Question, SwitchingContext
from benchtui.worker.switching.write import Writing, write_switched


class Writer:
    """Writes the texts of a run with two models that are open."""

    def __init__(self, context: SwitchingContext, models: TwoModels) -> None:
        self._context = context
        self._models = models

    def settle_threshold(self) -> None:
        """Where the threshold is a quantile, have the beginning model write alone, and take it of the divergences at
        every token. Raises what writing raises: a threshold of other texts would be another one."""
        context = self._context
        percent = percent_of(context.plan.threshold)
        if percent is None or context.threshold is not None:
            return
        plan = context.plan
        alone = SwitchRule(plan.divergence, up=math.inf, down=0.0, start=plan.start)
        done = context.profiles()
        for question in context.questions[: context.to_profile]:
            if question.number not in done:
                context.reporter.in_flight(PROFILE, [(question.number, question.shown)])
                done[question.number] = self._written(question, alone).divergences
                context.record(PROFILE, question, done[question.number])
            context.reporter.emit(Profiled(documents=len(done), documents_total=context.to_profile))
        up = float(np.quantile(np.concatenate([list(found) for found in done.values()]), percent / 100))
        context.note_threshold(up)
        context.reporter.emit(Profiled(documents=len(done), documents_total=context.to_profile, threshold=up))
        context.reporter.decision("threshold", f"{up:.4g}", f"{plan.threshold} of the divergences in {len(done)} texts")

    def write_all(self) -> None:
        """Write what is not in the journal. Raises BenchtuiError where the thresholds are the wrong way round."""
        context = self._context
        rule = self._rule()
        for question in context.waiting():
            context.reporter.in_flight(TEXTS, [(question.number, question.shown)])
            try:
                text = self._written(question, rule)
            except Exception as error:  # noqa: BLE001 - whatever either model raises is the error of this text
                said = error.what if isinstance(error, BenchtuiError) else f"{type(error).__name__}: {error}"
                context.fail(question, one_line(said, 300))
            else:
                context.record(TEXTS, question, text)
            context.tell()

    def _rule(self) -> SwitchRule:
        up = self._context.threshold
        assert up is not None  # noqa: S101 - it was settled before
        try:
            return self._context.plan.rule(up)
        except ValueError as error:
            raise BenchtuiError(f"The models cannot switch: {error}.", "Give --back a smaller number.") from None

    def _written(self, question: Question, rule: SwitchRule) -> SwitchedText:
        models, plan = self._models, self._context.plan
        writing = Writing(rule, models.answers(plan.sampling), plan.block)
        return write_switched(
            models.first, models.second, models.prompt_ids(question.prompt), writing, document=question.number
        )
