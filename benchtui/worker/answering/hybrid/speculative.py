"""The large model's own answers, faster: the small one drafts, and the large one verifies."""

from __future__ import annotations

from benchtui.worker.answering.hybrid.pair import Pair
from benchtui.worker.answering.hybrid.routed import generated
from benchtui.worker.answering.protocol import GenerateRequest, Observer, Scored, ScoreRequest, Written
from benchtui.worker.answering.written import Asked
from benchtui.worker.routing.speculative import Speculation

SCORED_BY = (
    "Log-likelihoods are those of the large model alone: speculative decoding changes no probability, so the small "
    "model was not asked for them."
)


class Speculative:
    """Texts have the distribution of the large model, and without sampling are those that it writes alone.

    So a log-likelihood is the large model's own: the small one has no part in it and is not asked.
    """

    whole_documents = False
    caveats = (SCORED_BY,)

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    def score(self, requests: list[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        self._pair.large.score(requests, answered, observer)

    def generate(self, requests: list[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        both = self._pair.stepped(observer)
        texts = [
            Asked(
                request.prompt[request.lost :], self._pair.plain_answers(both, request, ("b",)), request.document or 0
            )
            for request in requests
        ]
        small, large = self._pair.batches(both, texts)
        Speculation(
            small,
            large,
            self._pair.strategy.drafts,
            observer,
            lambda places: observer.batch_started([requests[place].args for place in places]),
        ).write(texts, lambda place, text: answered(place, generated(text, both.tokens, text.rounds)))
