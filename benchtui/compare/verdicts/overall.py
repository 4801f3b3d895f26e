"""One sentence for a whole comparison."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.compare.names import BASE, FINE_TUNED, Names
from benchtui.compare.records import Kind, Row
from benchtui.compare.wording import between, points, rough_size, too_few_words
from benchtui.evidence.matched_pairs import fewest


def overall(rows: Sequence[Row], names: Names, tests: int) -> str:
    """Return one sentence for the whole comparison: which model is better, where, at what cost, and how sure. Never
    that training helps: one fine-tuned model is one draw of its recipe."""
    judged = [row for row in rows if row.level == "headline" and row.verdict is not None]
    if not judged:
        return "Nothing could be compared."
    gains = [row for row in judged if row.verdict is not None and row.verdict.kind.is_gain]
    losses = [row for row in judged if row.verdict is not None and row.verdict.kind.is_loss]
    rest = [row for row in judged if row not in gains and row not in losses]
    subject = "The fine-tuned model" if names == (BASE, FINE_TUNED) else names[1]
    if not gains and not losses:
        return _no_evidence(rest)
    parts = []
    if gains:
        parts.append(f"{subject} is better at {_listed(gains)}")
    if losses:
        worst = any(row.verdict is not None and row.verdict.tone is Kind.FORGETTING for row in losses)
        cost = f"worse at {_listed(losses)}" if gains else f"{subject} is worse at {_listed(losses)}"
        parts.append(cost + (", possible catastrophic forgetting" if worst else ""))
    if rest:
        parts.append(_rest(rest))
    return f"{'; '.join(parts)}. {_how_sure(tests)}"


def _how_sure(tests: int) -> str:
    if tests < 2:
        return "Significant at 5 %."
    return f"Significant at 5 % across {'both' if tests == 2 else f'all {tests}'} tests."


def _listed(rows: Sequence[Row]) -> str:
    words = []
    for row in rows:
        size = f"{points(row.change)}" if row.is_share else f"{row.change:+.3g}".replace("-", "−")
        ends = row.interval
        level = row.level_of_interval
        shown = f" ({100 * level:.3g} % CI {between(ends, is_share=row.is_share)})" if ends and level else ""
        words.append(f"{row.title} {size}{shown}{_of_how_many(row)}")
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _of_how_many(row: Row) -> str:
    """Return which part of the task a change is about, where not all of it: a sentence is read without the table beside
    it."""
    n, total = min((side.n, side.total) for side in (row.first, row.second))
    n = min(n, row.paired_on or n)
    return "" if n >= total else f" on {n:,} of {total:,} samples"


def _rest(rows: Sequence[Row]) -> str:
    shown = _comparable(rows)
    not_shown = [row for row in rows if row not in shown]
    parts = []
    within = [row for row in shown if row.verdict is not None and row.verdict.kind is Kind.WITHIN]
    undecided = [row for row in shown if row not in within]
    if within:
        parts.append(f"no relevant difference on {_names(within)}")
    if undecided:
        parts.append(f"inconclusive on {_names(undecided)}{_no_loss(undecided)}")
    if not_shown:
        parts.append(f"not comparable: {_names(not_shown)}")
    return "; ".join(parts)


def _no_loss(rows: Sequence[Row]) -> str:
    """Return what is shown about rows that are inconclusive otherwise: " (no loss over 3 points)", with names if not
    all."""
    spared = [row for row in rows if row.no_loss is not None]
    if not spared or spared[0].no_loss is None:
        return ""
    return f" ({spared[0].no_loss.words}{f' on {_names(spared)}' if len(spared) < len(rows) else ''})"


def _names(rows: Sequence[Row]) -> str:
    titles = [row.title for row in rows]
    return " and ".join([", ".join(titles[:-1]), titles[-1]] if len(titles) > 1 else titles)


def _comparable(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.verdict is not None and row.verdict.kind is not Kind.NOT_COMPARABLE]


def _no_evidence(rows: Sequence[Row]) -> str:
    comparable = _comparable(rows)
    none = "No evidence of a difference"
    if not comparable:
        return _incomparable(rows)
    few = [row for row in comparable if row.difference and row.difference.n < fewest(row.difference.alpha)]
    if len(few) == len(comparable):
        n = max(row.difference.n for row in few if row.difference is not None)
        return f"{none}: {n} samples a task can never show a difference."
    if all(row.verdict is not None and row.verdict.kind is Kind.WITHIN for row in comparable):
        told = _rest(rows)
        return f"{told[0].upper()}{told[1:]}."
    return f"{none}: {_rest(rows)}.{_limits(comparable)}"


def _limits(rows: Sequence[Row]) -> str:
    """Return the smallest and largest difference that the tests could have seen."""
    seen = sorted(
        row.tested.detectable
        for row in rows
        if row.is_share and row.tested is not None and row.tested.detectable is not None
    )
    if not seen:
        return ""
    sizes = list(dict.fromkeys(rough_size(size, is_share=True) for size in (seen[0], seen[-1])))
    told = too_few_words(" to ~".join(sizes))
    return f" {told[0].upper()}{told[1:]}{', depending on the task' if len(sizes) > 1 else ''}."


def _incomparable(rows: Sequence[Row]) -> str:
    """Return why nothing can be compared: the reason where all have the same, else the tasks' names."""
    reasons = {row.verdict.sentence for row in rows if row.verdict is not None}
    return reasons.pop() if len(reasons) == 1 else f"Not comparable: {_names(rows)}. Each verdict says why."
