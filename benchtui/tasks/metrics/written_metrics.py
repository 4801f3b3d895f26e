"""The metrics of answers that a model writes: what each is called, means, needs and takes."""

from __future__ import annotations

from functools import partial

from benchtui.tasks.data.spec import DataKind
from benchtui.tasks.metrics.measures import json_answers, letters, ngrams, number, patterns, texts
from benchtui.tasks.metrics.metric import Metric
from benchtui.tasks.metrics.parameters import Parameter
from benchtui.tasks.metrics.refusals import LANGUAGES, refusal

_WRITTEN: frozenset[DataKind] = frozenset({"generate"})
_NORMALISE = tuple(texts.NORMALISATIONS)
_FUNCTIONS = "benchtui.tasks.metrics.corpus"


def _normalise(default: str) -> Parameter:
    about = (
        "what both texts lose before they are compared: nothing; space at both ends; case and repeated space as well; "
        "ASCII punctuation and English articles as well (SQuAD); or, besides case and space, how numbers are written."
    )
    return Parameter("normalise", about, default, "choice", _NORMALISE)


def _which(default: str, what: str) -> Parameter:
    return Parameter("which", f"which {what} of the answer counts.", default, "choice", ("first", "last"))


_LOWERCASE = Parameter("lowercase", "ignore case.", default=False, type="switch")
_PATTERN = Parameter("pattern", "the regular expression, of all rows.", "")
_FENCE = Parameter("fence", "lines of ``` around the JSON do not matter.", default=False, type="switch")
_STEM = Parameter("stem", "compare stems of English words (Porter).", default=False, type="switch")

WRITTEN = (
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
        name="regex",
        title="Matches a pattern",
        about="1 where the pattern, a regular expression, matches in the answer. Rows may have patterns of their own, "
        "in a column called pattern.",
        kinds=_WRITTEN,
        needs="pattern",
        score=patterns.regex,
        parameters=(
            _PATTERN,
            Parameter("full", "it must match all of the answer.", default=False, type="switch"),
            Parameter("case", "upper and lower case differ.", default=True, type="switch"),
        ),
        example=r"regex:pattern=\b4[12]\b",
    ),
    Metric(
        name="extract",
        title="Extracted text",
        about="1 where what the pattern finds in the answer is one of the references: its first group, or all of the "
        "match where it has none.",
        kinds=_WRITTEN,
        needs="reference",
        score=patterns.extract,
        parameters=(_PATTERN, _which("first", "match"), _normalise("strip")),
        example=r"extract:pattern=#### (-?[0-9.,]+)",
    ),
    Metric(
        name="number",
        title="Number within a tolerance",
        about="1 where the last number in the answer is the reference's. Separators of thousands and signs of currency "
        "and percent do not matter; 3/4 and 1e5 are read.",
        kinds=_WRITTEN,
        needs="reference",
        score=number.number,
        parameters=(
            Parameter("tolerance", "how far it may be off.", 0.0, "number"),
            Parameter("relative", "how far it may be off, as a share of the reference: 0.01 is 1 %.", 0.0, "number"),
            _which("last", "number"),
            Parameter("decimal", "the decimal mark: 1,234.5 or 1.234,5.", "point", "choice", ("point", "comma")),
            Parameter("pattern", "look for numbers only in what this regular expression finds.", ""),
        ),
        example="number:relative=0.01,which=first",
    ),
    Metric(
        name="json_valid",
        title="Valid JSON",
        about="1 where all of the answer is one JSON value.",
        kinds=_WRITTEN,
        needs="nothing",
        score=json_answers.json_valid,
        parameters=(_FENCE,),
        example="json_valid:fence=yes",
    ),
    Metric(
        name="json_schema",
        title="JSON that keeps to a schema",
        about="1 where the answer is JSON that a JSON schema allows. Rows may have schemas of their own, in a column "
        "called schema. Schemas elsewhere are not fetched.",
        kinds=_WRITTEN,
        needs="schema",
        score=json_answers.json_schema,
        parameters=(Parameter("schema", "the file with the schema of all rows.", "", in_name=False), _FENCE),
        example="json_schema:schema=invoice.schema.json",
    ),
    Metric(
        name="json_fields",
        title="Fields of JSON equal",
        about="1 where the answer is a JSON object whose fields are equal to the reference's; 1 and 1.0 are equal, and "
        "the order of fields does not matter.",
        kinds=_WRITTEN,
        needs="JSON reference",
        score=json_answers.json_fields,
        parameters=(
            Parameter(
                "fields", "the fields that are compared, separated by commas; a.b is b in a. All: none named.", ""
            ),
            Parameter("partial", "the share of fields that are equal.", default=False, type="switch"),
            _FENCE,
        ),
        example="json_fields:fields=name,address.city,partial=yes",
    ),
    Metric(
        name="choice_letter",
        title="Choice by letter",
        about='1 where the answer names the right choice, by its letter ("B", "The answer is (B)", "B. Paris") or by '
        "its text; 0 where it names another, several or none.",
        kinds=_WRITTEN,
        needs="choices",
        score=letters.choice_letter,
        chance="1/choices",
        example="choice_letter",
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
        name="refusal",
        title="Refusals",
        about=f"1 where the answer begins like a refusal, by a list of phrases ({', '.join(LANGUAGES)}) that errs "
        "both ways: benchtui/tasks/metrics/refusal_phrases.txt.",
        kinds=_WRITTEN,
        needs="nothing",
        score=refusal,
        parameters=(Parameter("better", "higher where refusing is right.", "lower", "choice", ("lower", "higher")),),
        higher_is_better=False,
        example="refusal:better=higher",
    ),
)
"""Of answers that a model writes."""
