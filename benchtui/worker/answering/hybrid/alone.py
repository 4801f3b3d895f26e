"""One of the two models alone, asked as it is in a run of its own; the other one is loaded and not asked."""

from __future__ import annotations

from benchtui.worker.answering.protocol import Answering, GenerateRequest, Observer, Scored, ScoreRequest, Written


class Alone:
    """All answers are those of one model."""

    whole_documents = False
    caveats = ()

    def __init__(self, model: Answering) -> None:
        self._model = model

    def score(self, requests: list[ScoreRequest], answered: Scored, observer: Observer) -> None:
        """As `Answering.score`."""
        self._model.score(requests, answered, observer)

    def generate(self, requests: list[GenerateRequest], answered: Written, observer: Observer) -> None:
        """As `Answering.generate`."""
        self._model.generate(requests, answered, observer)
