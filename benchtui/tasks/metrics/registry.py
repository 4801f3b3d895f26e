"""The metrics that there are, by name, and how a user names one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from benchtui.errors import UsageError
from benchtui.tasks.data.spec import DataKind
from benchtui.tasks.metrics import likelihoods, ngrams, texts
from benchtui.tasks.metrics.metric import ChosenMetric, Metric
from benchtui.tasks.metrics.parameters import LONGEST, Parameter, read_parameters
from benchtui.text import one_line

_WRITTEN: frozenset[DataKind] = frozenset({"generate"})
_PICKED: frozenset[DataKind] = frozenset({"choices", "preference"})
_REFERENCE: frozenset[DataKind] = frozenset({"loglikelihood"})
_WHOLE: frozenset[DataKind] = frozenset({"perplexity"})
_NORMALISE = tuple(texts.NORMALISATIONS)
_FUNCTIONS = "benchtui.tasks.metrics.corpus"


def _normalise(default: str) -> Parameter:
    about = (
        "what both texts lose before they are compared: nothing; space at both ends; case and repeated space as well; "
        "ASCII punctuation and English articles as well (SQuAD)."
    )
    return Parameter("normalise", about, default, "choice", _NORMALISE)


_LOWERCASE = Parameter("lowercase", "ignore case.", default=False, type="switch")
_STEM = Parameter("stem", "compare stems of English words (Porter).", default=False, type="switch")

_TABLE = (
    Metric(
        name="exact_match",
        title="Exact match",
        about="1 where the answer is one of the references, 0 elsewhere.",
        kinds=_WRITTEN,
        needs="reference",
        score=texts.exact_match,
        parameters=(_normalise("strip"),),
        example="exact_match:normalise=lower",
    ),
    Metric(
        name="contains",
        title="Contains the reference",
        about="1 where one of the references occurs in the answer, 0 elsewhere.",
        kinds=_WRITTEN,
        needs="reference",
        score=texts.contains,
        parameters=(_normalise("lower"), Parameter("words", "only as whole words.", default=False, type="switch")),
        example="contains:words=yes",
    ),
    Metric(
        name="f1",
        title="F1 of words",
        about="Precision and recall of the words that answer and reference share, after SQuAD's normalisation; the "
        "best over the references.",
        kinds=_WRITTEN,
        needs="reference",
        score=texts.f1,
        parameters=(
            Parameter(
                "tokens",
                "what is counted; characters for languages without spaces between words.",
                "words",
                "choice",
                ("words", "characters"),
            ),
        ),
        example="f1:tokens=characters",
    ),
    Metric(
        name="bleu",
        title="BLEU",
        about="sacrebleu's BLEU, 0 to 100: n-grams of words of all answers that occur in the references.",
        kinds=_WRITTEN,
        needs="reference",
        score=ngrams.bleu,
        parameters=(
            Parameter(
                "tokenize",
                "how words are found; zh for Chinese, char for Japanese, Korean and Thai.",
                "13a",
                "choice",
                ngrams.BLEU_TOKENS,
            ),
            _LOWERCASE,
        ),
        aggregation=f"{_FUNCTIONS}.bleu",
        high=100.0,
        example="bleu:tokenize=zh",
    ),
    Metric(
        name="chrf",
        title="chrF",
        about="sacrebleu's chrF, 0 to 100: n-grams of characters that answers and references share; any language.",
        kinds=_WRITTEN,
        needs="reference",
        score=ngrams.chrf,
        parameters=(
            Parameter("words", "n-grams of so many words as well; 2 is chrF++.", 0, "whole"),
            _LOWERCASE,
        ),
        aggregation=f"{_FUNCTIONS}.chrf",
        high=100.0,
        example="chrf:words=2",
    ),
    *(
        Metric(
            name=name,
            title=title,
            about=f"rouge-score's F of {what} that answer and reference share, the best over the references. It counts "
            "only the letters a to z and digits.",
            kinds=_WRITTEN,
            needs="reference",
            score=partial(ngrams.rouge, kind),
            parameters=(_STEM,),
            example=f"{name}:stem=yes",
        )
        for name, kind, title, what in (
            ("rouge1", "rouge1", "ROUGE-1", "the words"),
            ("rouge2", "rouge2", "ROUGE-2", "the pairs of words"),
            ("rougeL", "rougeL", "ROUGE-L", "the longest common subsequence of words"),
        )
    ),
    Metric(
        name="length",
        title="Length of the answer",
        about="How long answers are, in characters or words.",
        kinds=_WRITTEN,
        needs="nothing",
        score=texts.length,
        parameters=(
            Parameter("unit", "what is counted.", "characters", "choice", ("characters", "words")),
            Parameter("better", "which change counts as an improvement.", "lower", "choice", ("lower", "higher")),
        ),
        higher_is_better=False,
        high=None,
        example="length:unit=words",
    ),
    Metric(
        name="acc",
        title="Accuracy",
        about="1 where the right choice is the likeliest; for one reference alone, 1 where the model would have "
        "written it by itself. As lm-eval's acc.",
        kinds=_PICKED | _REFERENCE,
        needs="reference",
        likelihood=likelihoods.greedy,
        chance="1/choices",
    ),
    Metric(
        name="acc_norm",
        title="Accuracy, by characters",
        about="1 where the right choice has the largest log-probability a character. As lm-eval's acc_norm.",
        kinds=_PICKED,
        needs="choices",
        chance="1/choices",
    ),
    Metric(
        name="perplexity",
        title="Perplexity of whole references",
        about="exp of the mean negative log-probability of a whole reference. As lm-eval's perplexity.",
        kinds=_REFERENCE,
        needs="reference",
        likelihood=likelihoods.whole,
        aggregation="perplexity",
        higher_is_better=False,
        low=1.0,
        high=None,
    ),
    Metric(
        name="nats_per_byte",
        title="Nats per byte",
        about="Negative log-probability, in nats, a byte of UTF-8: comparable between tokenizers.",
        kinds=_REFERENCE | _WHOLE,
        needs="reference",
        likelihood=likelihoods.by_bytes,
        aggregation=f"{_FUNCTIONS}.nats_per_byte",
        higher_is_better=False,
        high=None,
    ),
    Metric(
        name="bits_per_byte",
        title="Bits per byte",
        about="The same in bits. As lm-eval's bits_per_byte.",
        kinds=_REFERENCE | _WHOLE,
        needs="reference",
        likelihood=likelihoods.by_bytes,
        aggregation="bits_per_byte",
        higher_is_better=False,
        high=None,
    ),
    Metric(
        name="byte_perplexity",
        title="Perplexity by bytes",
        about="exp of the nats per byte. As lm-eval's byte_perplexity.",
        kinds=_REFERENCE | _WHOLE,
        needs="reference",
        likelihood=likelihoods.by_bytes,
        aggregation="weighted_perplexity",
        higher_is_better=False,
        low=1.0,
        high=None,
    ),
    Metric(
        name="word_perplexity",
        title="Perplexity by words",
        about="exp of the negative log-probability a word, where space separates words. As lm-eval's word_perplexity.",
        kinds=_WHOLE,
        needs="reference",
        likelihood=likelihoods.by_words,
        aggregation="weighted_perplexity",
        higher_is_better=False,
        low=1.0,
        high=None,
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""By name, in the order in which they are listed."""

DEFAULTS: Mapping[DataKind, tuple[str, ...]] = MappingProxyType(
    {
        "generate": ("exact_match",),
        "choices": ("acc", "acc_norm"),
        "loglikelihood": ("nats_per_byte", "acc"),
        "perplexity": ("nats_per_byte", "byte_perplexity", "word_perplexity"),
        "preference": ("acc", "acc_norm"),
    }
)
"""The metrics of each kind where nobody names one."""


def choose(text: str) -> ChosenMetric:
    """Return the metric that `text` names, `NAME` or `NAME:PARAMETER=VALUE,…`.

    Raises UsageError for an unknown name or parameter.
    """
    name, _, said = text.partition(":")
    if len(text) > LONGEST:
        raise UsageError(f"A metric of {len(text):,} characters is too long.", f"{LONGEST:,} are allowed.")
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"There is no metric {one_line(name, 60)!r}.", f"{hint}`benchtui metrics list` shows what there is."
        )
    metric = METRICS[name]
    return ChosenMetric(metric, {**metric.defaults, **read_parameters(name, said, metric.parameters)})


def choose_all(names: Sequence[str], kind: DataKind) -> tuple[ChosenMetric, ...]:
    """Return the metrics of a task of this kind: those named, or the kind's own where none is.

    Raises UsageError for a metric that documents of the kind do not have, and for one that is named twice.
    """
    found = tuple(choose(name) for name in names or DEFAULTS[kind])
    for chosen in found:
        if kind not in chosen.metric.kinds:
            raise UsageError(
                f"The metric {chosen.metric.name} is not for data of the kind {kind}.",
                f"There are {', '.join(each.name for each in metrics_of(kind))}.",
            )
    if twice := _repeated(chosen.reported for chosen in found):
        raise UsageError(f"The metric {twice} is named twice.", "Name it once.")
    return found


def metrics_of(kind: DataKind) -> list[Metric]:
    """Return the metrics that documents of this kind have."""
    return [metric for metric in METRICS.values() if kind in metric.kinds]


def _repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
