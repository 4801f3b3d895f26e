"""Where the answer in a generated text begins and ends: behind the model's thoughts, before a stop string."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lm_eval.models.utils import postprocess_generated_text

from benchtui.worker.answering.protocol import Answering, Generated


@dataclass(frozen=True)
class AnswerEnd:
    """What ends a model's thoughts, which are no part of its answer: a text, or the id of a token."""

    text_of_end: str | None
    token: int | None

    @classmethod
    def of(cls, think_end: str | None) -> AnswerEnd:
        """As lm-eval reads `think_end_token`: a number is the id of a token."""
        if think_end and think_end.isdigit():
            return cls(None, int(think_end))
        return cls(think_end or None, None)

    def missing_from(self, text: str) -> bool:
        """Whether a text lacks what ends the thoughts, where that is a text."""
        return self.text_of_end is not None and self.text_of_end not in text

    def text(self, generated: Generated, stops: Sequence[str], answering: Answering) -> str:
        """The answer in a generated text: without thoughts, up to a stop string."""
        text = generated.text
        if self.token is not None and answering.tokens is not None:
            ids = list(generated.ids)
            if self.token in ids:
                text = answering.tokens.decode(ids[len(ids) - ids[::-1].index(self.token) :])
            text = text.lstrip()
        answer: str = postprocess_generated_text(text, list(stops), self.text_of_end)
        return answer

    def before(self, generated: Generated, answering: Answering) -> int:
        """How many characters of a generated text stand before the answer."""
        answer = self.text(generated, (), answering)
        return len(generated.text) - len(answer) if generated.text.endswith(answer) else 0
