"""Which languages a metric of words can score: those whose words it finds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchtui.errors import UsageError
from benchtui.tasks.metrics.metric import ChosenMetric

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_KANA = "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HANGUL = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3"
_THAI_AND_LIKE = "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"
_NO_SPACES = f"{_KANA}{_THAI_AND_LIKE}"
_WORDS_NOT_FOUND = {
    ("bleu", "zh"): f"{_NO_SPACES}{_HANGUL}",
    ("bleu", "char"): "",
    ("bleu", ""): f"{_HAN}{_NO_SPACES}{_HANGUL}",
    ("f1", "words"): f"{_HAN}{_NO_SPACES}",
    ("contains", "True"): f"{_HAN}{_NO_SPACES}",
}
"""Letters whose words a metric does not find, by the parameter that says how it looks for them."""
_LETTER = re.compile(r"[^\W\d_]")
_ROUGE_KEEPS = re.compile(r"[a-zA-Z]")
_MOST_LOST = 0.10
"""The share of letters that a metric may lose before it is refused. Some 2 to 5 % of the letters in French, German and
Spanish have marks that ROUGE cuts at; in Czech and Vietnamese they are more."""


@dataclass
class Letters:
    """Counts the letters of references that one metric does not see, while the references are read."""

    chosen: ChosenMetric
    there: int = 0
    lost: int = 0

    def add(self, place: str, text: str) -> None:
        """Count those of one reference. Raises UsageError where ROUGE keeps none of them: it would always be 0."""
        there = len(_LETTER.findall(text))
        lost = self._lost(text, there)
        self.there += there
        self.lost += lost
        if self._is_rouge and there and lost == there:
            raise UsageError(
                f"{place}: {self.chosen.metric.name} keeps only the letters a to z, and this reference has none of "
                "them: whatever the model says would score 0.",
                "Name chrf instead, which scores every language.",
            )

    def check(self) -> None:
        """Raises UsageError where too many letters are lost for the score to mean anything."""
        if self.lost <= _MOST_LOST * self.there:
            return
        share = f"{100 * self.lost / self.there:.0f} %"
        if self._is_rouge:
            raise UsageError(
                f"{self.chosen.metric.name} keeps only the letters a to z and cuts words at others, which are {share} "
                "of the references' letters.",
                "Name chrf instead, which scores every language.",
            )
        fixes = {"bleu": "bleu:tokenize=zh for Chinese, bleu:tokenize=char for others", "f1": "f1:tokens=characters"}
        fix = fixes.get(self.chosen.metric.name, "contains without words=yes")
        raise UsageError(
            f"{self.chosen.written} finds words at spaces, and {share} of the references' letters are of languages "
            "written otherwise.",
            f"Name chrf, which scores every language, or {fix}.",
        )

    @property
    def _is_rouge(self) -> bool:
        return self.chosen.metric.name.startswith("rouge")

    def _lost(self, text: str, there: int) -> int:
        if self._is_rouge:
            return there - len(_ROUGE_KEEPS.findall(text))
        if text.isascii():
            return 0
        options = self.chosen.options
        how = str(options.get("tokenize") or options.get("tokens") or options.get("words", ""))
        name = self.chosen.metric.name
        letters = _WORDS_NOT_FOUND.get((name, how), _WORDS_NOT_FOUND.get((name, ""), ""))
        return len(re.findall(f"[{letters}]", text)) if letters else 0
