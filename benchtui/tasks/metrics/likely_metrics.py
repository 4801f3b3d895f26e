"""The metrics of log-probabilities: what each is called and means, and of which kinds of data."""

from __future__ import annotations

from benchtui.tasks.data.spec import DataKind
from benchtui.tasks.metrics.measures import likelihoods
from benchtui.tasks.metrics.metric import Metric

_PICKED: frozenset[DataKind] = frozenset({"choices", "preference"})
_REFERENCE: frozenset[DataKind] = frozenset({"loglikelihood"})
_WHOLE: frozenset[DataKind] = frozenset({"perplexity"})
_FUNCTIONS = "benchtui.tasks.metrics.corpus"

LIKELY = (
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
        about="Negative log-probability, in nats, a byte of UTF-8: comparable between tokenizers. A space before a "
        "reference is scored with it and not counted.",
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
"""Of log-probabilities."""
