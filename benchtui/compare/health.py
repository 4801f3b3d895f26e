"""Notes about the answers on both sides of a comparison, and about the models that gave them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchtui.compare.documents import tasks_of
from benchtui.compare.names import Names
from benchtui.compare.records import Comparison, Row
from benchtui.compare.titles import title_of
from benchtui.compare.tokenised import unlike_prompts
from benchtui.results.health import health_words, unlike_lengths
from benchtui.results.records import RunResults


def row_health(row: Row, comparison: Comparison) -> list[str]:
    """Return sentences without a full stop about the answers behind one row: "Base: 31 of 40 answers were cut …"."""
    found = []
    for side, name in ((row.first, comparison.first_name), (row.second, comparison.second_name)):
        found += [f"{name}: {words}" for words in health_words(side.health)]
    counts = _prompt_tokens(row, comparison)
    tokens = _unlike_prompts(row, comparison, counts) or counts
    found += [words for words in (_lengths(row, comparison), tokens) if words is not None]
    return found


def _lengths(row: Row, comparison: Comparison) -> str | None:
    first, second = row.first.health, row.second.health
    if first is None or second is None or not unlike_lengths(first, second):
        return None
    return (
        f"answers have {first.mean_tokens:.0f} tokens on average ({comparison.first_name}), "
        f"{second.mean_tokens:.0f} ({comparison.second_name})"
    )


def _unlike_prompts(row: Row, comparison: Comparison, counts: str | None) -> str | None:
    """Return how many of the same prompts are tokenised differently, by what the journals keep of each; None where they
    keep nothing, or nothing differs. They are read where two backends answered, or where the `counts` differ."""
    first, second = comparison.first, comparison.second
    if row.level != "headline" or (counts is None and _made_by(first) == _made_by(second)):
        return None
    found = unlike_prompts(first, second, tasks_of(first, second, row))
    if found is None or not found.samples:
        return None
    one, other = found.told
    return (
        f"{found.samples:,} of {found.compared:,} samples are tokenised differently; first: sample {found.sample}, "
        f"{one} ({comparison.first_name}), {other} ({comparison.second_name})"
    )


def _made_by(results: RunResults) -> str:
    return next((setting.value for setting in results.settings if setting.name == "backend"), "")


def _prompt_tokens(row: Row, comparison: Comparison) -> str | None:
    """Return that the same prompts have not the same number of tokens on both sides, None where they have or where that
    is not known: then two tokenizers, or two ways to begin a text, are compared with the models."""
    first, second = row.first.health, row.second.health
    if first is None or second is None or first.prompts_unknown or second.prompts_unknown:
        return None
    counts = first.all_prompt_tokens, second.all_prompt_tokens
    same_prompts = row.pairing.missing == 0 and first.prompts == second.prompts
    if not same_prompts or None in counts or counts[0] == counts[1]:
        return None
    how = ", one more for each" if abs((counts[0] or 0) - (counts[1] or 0)) == first.prompts else ""
    return (
        f"the same {first.prompts:,} prompts have {counts[0]:,} tokens ({comparison.first_name}), {counts[1]:,} "
        f"({comparison.second_name}){how}: they are tokenised differently"
    )


def run_health(results: RunResults) -> Iterator[str]:
    """Return the same for a single run."""
    yield from (caveat.rstrip(".") for caveat in results.caveats)
    for task in results.top_level:
        for words in health_words(results.health_of(task)):
            yield f"{title_of(task, results)}: {words}"


def health_notes(comparison: Comparison) -> Iterator[str]:
    """Return notes about the models themselves, then about the answers to each task of the suite."""
    yield from caveats(comparison)
    for row in comparison.headlines:
        for words in row_health(row, comparison):
            yield f"{row.title}: {words}"


_WHOLE = 1e-6
"""A share of n answers, times n, is a whole number up to this."""

ENOUGH_TEXT = 500
"""Two different models never generate so many equal tokens; log-likelihoods always differ."""


def same_answers(first: RunResults, second: RunResults, names: Names) -> list[str]:
    """Return one sentence where two models gave the same answers to everything that both were asked, to the last
    bit."""
    shared = [(first.health[task], second.health[task]) for task in second.health if task in first.health]
    same = [one for one, other in shared if one.fingerprint and one.fingerprint == other.fingerprint]
    telling = any(not health.answers or (health.tokens or 0) >= ENOUGH_TEXT for health in same)
    if telling and len(same) == len(shared) and first.model_name != second.model_name:
        same_model = f"the files of {names[1]} may hold the weights of {names[0]}"
        return [f"Every answer of {names[0]} and {names[1]} is the same, to the last digit: {same_model}"]
    return []


def same_figures(rows: Sequence[Row], first: RunResults, second: RunResults) -> Iterator[str]:
    """Return one sentence for each task where two models have the same figure to ten digits, though it is not one of
    the few that n right or wrong answers can give."""
    if first.model_name == second.model_name:
        return
    for row in rows:
        value, n = row.first.value, row.first.n
        shares = row.is_share and abs(value * n - round(value * n)) < _WHOLE
        if row.level == "headline" and value and not shares and f"{value:.10g}" == f"{row.second.value:.10g}":
            yield f"{row.title}: both models have the same figure to ten digits, {value:.10g}: are they two models?"


def caveats(comparison: Comparison) -> Iterator[str]:
    """Return notes about the models themselves: "Base: 12 tensors of the file are not used"."""
    sides = ((comparison.first, comparison.first_name), (comparison.second, comparison.second_name))
    for results, name in sides:
        for caveat in results.caveats:
            yield f"{name}: {caveat.rstrip('.')}"
