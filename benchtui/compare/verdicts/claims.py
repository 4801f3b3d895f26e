"""Claims that nothing bad happened: no loss over a margin (non-inferiority), no relevant difference (equivalence).

Each is a one-sided test, or two, with the same p-value function as the row's interval (D. Schuirmann 1987 for two
one-sided tests). Each kind of claim is corrected by Holm within itself over every task that was asked. Only for shares:
points mean nothing on other scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchtui.compare.differences.difference import chance_of_no_less, chance_of_no_more
from benchtui.compare.records import Difference, Kind, Row, Verdict
from benchtui.compare.verdicts.margins import Claim, Margins
from benchtui.compare.verdicts.verdicts import evidence_words, missing_words
from benchtui.compare.wording import p_words, size_words
from benchtui.evidence.corrections import holm
from benchtui.evidence.matched_pairs import fewest
from benchtui.evidence.records import ALPHA, PRICE_OF_LOOKS
from benchtui.points import point_words


def with_claims(rows: Sequence[Row], tests: int, margins: Margins, *, watched: bool) -> tuple[Row, ...]:
    """Add both claims to each headline of `rows` that is a share, and let the verdicts name those that are shown."""
    price = PRICE_OF_LOOKS if watched else 1.0
    tested = [row for row in rows if _tested(row) is not None]
    losses = _corrected([_no_loss(row, margins.loss) for row in tested], tests, price)
    differences = _corrected([_no_difference(row, margins.difference) for row in tested], tests, price)
    found = {
        (row.task, row.key): (
            Claim("no loss", margins.loss, *loss, loss[1] < ALPHA),
            Claim("no difference", margins.difference, *difference, difference[1] < ALPHA),
        )
        for row, loss, difference in zip(tested, losses, differences, strict=True)
    }
    found |= {(row.task, row.key): _early(row, margins) for row in rows if _decided(row)}
    return tuple(
        _said(row, found[row.task, row.key]) if row.level == "headline" and (row.task, row.key) in found else row
        for row in rows
    )


def _tested(row: Row) -> Difference | None:
    """The difference that a claim can be about."""
    comparable = row.verdict is not None and row.verdict.kind is not Kind.NOT_COMPARABLE
    found = row.tested if row.level == "headline" and row.is_share and comparable else None
    return found if found is not None and found.clusters >= fewest(found.alpha) and found.interval is not None else None


def _decided(row: Row) -> bool:
    return row.level == "headline" and row.is_share and row.early is not None


def _no_loss(row: Row, margin: float) -> float:
    found = _tested(row)
    assert found is not None  # noqa: S101 - only such rows are asked
    if row.higher_is_better:
        return chance_of_no_more(found, -margin / 100)
    return chance_of_no_less(found, margin / 100)


def _no_difference(row: Row, margin: float) -> float:
    found = _tested(row)
    assert found is not None  # noqa: S101 - only such rows are asked
    return max(chance_of_no_more(found, -margin / 100), chance_of_no_less(found, margin / 100))


def _corrected(p_values: Sequence[float], tests: int, price: float) -> list[tuple[float, float]]:
    """Return each p-value with the corrected one; tasks that have none count as p = 1."""
    dear = [min(1.0, price * p) for p in p_values]
    return list(zip(p_values, holm(dear, tests=tests), strict=True))


def _early(row: Row, margins: Margins) -> tuple[Claim, Claim]:
    """Return what the interval of a task decided early shows: it holds at every look, at its share of the error."""
    assert row.early is not None  # noqa: S101 - only such rows are asked
    low, high = 100 * row.early.low, 100 * row.early.high  # these samples, as the verdict "no relevant difference"
    least, most = (100 * end for end in row.early.ends)
    worst = least if row.higher_is_better else -most
    within = -margins.difference <= low and high <= margins.difference
    return (
        Claim("no loss", margins.loss, None, None, worst >= -margins.loss),
        Claim("no difference", margins.difference, None, None, within),
    )


def _said(row: Row, claims: tuple[Claim, Claim]) -> Row:
    """The row with its claims, and with a sentence that says what they show beside the verdict. What was inconclusive
    and is surely within the margin is called so."""
    loss, difference = claims
    verdict, found = row.verdict, row.tested
    assert verdict is not None  # noqa: S101 - headlines have been judged
    if verdict.kind is Kind.NO_DIFFERENCE and found is not None and difference.shown:
        detail = f"{size_words(found.value, is_share=True)} ({evidence_words(found, is_share=True)})"
        margin = f"none over {point_words(difference.margin)}: shown{_p(difference)}"
        sentence = f"No relevant difference, {margin}: {detail}.{missing_words(found, is_share=True)}"
        verdict = Verdict(Kind.WITHIN, Kind.WITHIN.value, sentence)
    shown = [f"{claim.words}: shown{_p(claim)}" for claim in _beside(verdict, loss, difference) if row.early is None]
    if shown:
        sentence = f"{verdict.sentence} {'; '.join(shown).capitalize()}."
        verdict = msgspec.structs.replace(verdict, sentence=sentence)
    return msgspec.structs.replace(row, verdict=verdict, claims=claims)


def _beside(verdict: Verdict, loss: Claim, difference: Claim) -> list[Claim]:
    """The claims that are shown and that the verdict has not made itself: no relevant difference is no loss either."""
    told = [loss, difference]
    if verdict.kind is Kind.WITHIN:
        told = [loss] if loss.margin < difference.margin else []
    elif verdict.kind.is_gain:
        told = [difference]
    return [claim for claim in told if claim.shown]


def _p(claim: Claim) -> str:
    return "" if claim.p_holm is None else f" ({p_words(claim.p_holm)})"
