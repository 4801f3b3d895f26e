"""lm-eval's requests as the models of a sweep are asked them: in tokens, cut to the window, with their limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from lm_eval.api.instance import Instance

from benchtui.worker.answering.lm_eval_model import LmEvalModel
from benchtui.worker.answering.protocol import Generated, GenerateRequest, Score, ScoreRequest


class RequestMaker(LmEvalModel):
    """Makes what `LmEvalModel` asks a model, and asks none: whoever has it asks two of them at several thresholds."""

    _made: list[ScoreRequest]

    def score_requests(self, instances: Sequence[Instance]) -> list[tuple[ScoreRequest, ...]]:
        """Return what is asked for each of some log-likelihoods: one request, for a whole text one a window; none where
        nothing is to be predicted."""
        if all(instance.request_type == "loglikelihood" for instance in instances):
            self._made = []
            self.loglikelihood(list(instances), disable_tqdm=True)
            return [(request,) if request.continuation else () for request in self._made]
        return [self._windows_of(instance) for instance in instances]

    def generate_requests(self, instances: Sequence[Instance]) -> list[GenerateRequest]:
        """Return what is asked for each of some texts. Raises BenchtuiError where more tokens are asked for than the
        window holds."""
        return self._generate_requests(instances, Counter(), {})

    def answer(self, generated: Generated, request: GenerateRequest) -> str:
        """Return the text that lm-eval is given for what was written: without thoughts, up to a stop string."""
        return self._answer_end.text(generated, request.stops, self.answering)

    def _windows_of(self, instance: Instance) -> tuple[ScoreRequest, ...]:
        self._made = []
        if instance.request_type == "loglikelihood":
            self.loglikelihood([instance], disable_tqdm=True)
        else:
            self.loglikelihood_rolling([instance], disable_tqdm=True)
        return tuple(request for request in self._made if request.continuation)

    def _score(self, requests: Sequence[ScoreRequest], answered: Callable[[int, Score], None]) -> None:
        self._made.extend(requests)
        for index in range(len(requests)):
            answered(index, Score(0.0, True))
