"""What a document adds to scores of n-grams: BLEU and chrF by sacrebleu, ROUGE by rouge-score."""

from __future__ import annotations

import functools
from typing import Any

from benchtui.tasks.metrics.answer import Answer, Options

BLEU_TOKENS = ("13a", "intl", "zh", "char", "none")
"""Tokenisations of sacrebleu that need no other package and no download."""


def bleu(answer: Answer, options: Options) -> tuple[float, ...]:
    """Return lengths of answer and nearest reference, matching n-grams of 1 to 4, and n-grams of 1 to 4 there are."""
    return _summands(_bleu(options["tokenize"], options["lowercase"]), answer)


def chrf(answer: Answer, options: Options) -> tuple[float, ...]:
    """Return for each order the n-grams of the answer, of the best reference, and those in both."""
    return _summands(_chrf(options["words"], options["lowercase"]), answer)


def rouge(kind: str, answer: Answer, options: Options) -> float:
    """Return ROUGE's F of the answer, 0 to 1, the best over the references; `kind` is rouge1, rouge2 or rougeL."""
    scorer = _rouge(kind, options["stem"])
    return max(float(scorer.score(reference, answer.text)[kind].fmeasure) for reference in answer.references)


def _summands(metric: Any, answer: Answer) -> tuple[float, ...]:
    # sacrebleu's own way to score a corpus more than once; it has no public name.
    stats = metric._extract_corpus_statistics([answer.text], [[reference] for reference in answer.references])  # noqa: SLF001
    return tuple(map(float, stats[0]))


@functools.cache
def _bleu(tokenize: str, lowercase: bool) -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(tokenize=tokenize, lowercase=lowercase, force=True)


@functools.cache
def _chrf(words: int, lowercase: bool) -> Any:
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=words, lowercase=lowercase)


@functools.cache
def _rouge(kind: str, stem: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], use_stemmer=stem)
