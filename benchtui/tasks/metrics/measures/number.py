"""The metric of numbers within a tolerance."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from benchtui.tasks.metrics.answer import Answer, Options
from benchtui.tasks.metrics.measures.numerals import numbers_in, the_number
from benchtui.tasks.metrics.measures.patterns import first_found


def number(answer: Answer, options: Options) -> float:
    """Return 1 where the last (or first) number of the answer is that of a reference, within the tolerance.

    With a pattern, the numbers are those in what its first match finds.
    """
    text: str | None = answer.text
    if options["pattern"]:
        text = first_found(options["pattern"], answer.text)
    found = numbers_in(text or "", options["decimal"])
    if not found:
        return 0.0
    given = found[0 if options["which"] == "first" else -1]
    absolute, relative = (Fraction(Decimal(str(options[name]))) for name in ("tolerance", "relative"))
    wanted = [the_number(reference, options["decimal"]) for reference in answer.references]
    return float(any(w is not None and abs(given - w) <= max(absolute, relative * abs(w)) for w in wanted))
