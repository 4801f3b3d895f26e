"""Joins models of one recipe and several training seeds to one row, and compares their mean.

Difference, interval and p-value are those of `evidence.variance.recipe_mean`: over the documents, and over the seeds
with one degree of freedom less than there are seeds, so that they hold for another training of the recipe too. A
document's part of each seed's score is as in `mean.py`; where documents do not count alike, what is left of it after
its share of the mean is used (H. White's errors).
"""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard.mean import MeanPart, bare_row, contributions, why_not
from benchtui.compare.leaderboard.records import BetweenSeeds, Candidate
from benchtui.compare.records import Difference, Row, Side
from benchtui.compare.verdicts.verdicts import not_comparable
from benchtui.evidence.records import ALPHA, FINAL_ALPHA, Floats, Interval
from benchtui.evidence.variance import RecipeMean, recipe_mean

SEEDS = "seeds and documents as two sources"
"""The name of the test."""
_GGUF_TYPE = re.compile(r"(?i)(?:^|[-_.])(I?Q\d[A-Z0-9_]*|BF16|F16|F32)\.gguf$")


def join_seeds(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates with those of one recipe and different seeds in one row, at the place of the first one.

    Where two of a recipe have the same seed it is not known which belong together: all stay as they are.
    """
    alike: dict[tuple[str, ...], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.recipe and candidate.seed is not None and candidate.outcomes and not candidate.seeds:
            alike[_recipe(candidate)].append(candidate)
    joined: dict[str, Candidate] = {}
    for members in alike.values():
        if len(members) > 1 and len({member.seed for member in members}) == len(members):
            joined |= dict.fromkeys((member.name for member in members), _joined(members))
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        row = joined.get(candidate.name, candidate)
        found.setdefault(row.name, row)
    return list(found.values())


def _recipe(candidate: Candidate) -> tuple[str, ...]:
    gguf = _GGUF_TYPE.search(candidate.key.format)
    form = gguf[1].upper() if gguf else candidate.key.format
    return candidate.recipe, candidate.base_name, form, candidate.key.backend, candidate.key.quantization


def _joined(members: Sequence[Candidate]) -> Candidate:
    seeds = tuple(sorted(members, key=lambda member: member.seed or 0))
    first = seeds[0]
    outcomes = [_mean(found) for task in first.runs if len(found := _outcomes(seeds, task)) == len(seeds)]
    return msgspec.structs.replace(
        first,
        name=f"{first.name} ({len(seeds)} seeds)",
        outcomes=tuple(outcomes),
        runs={outcome.task: first.runs[outcome.task] for outcome in outcomes},
        others=tuple(run for seed in seeds for run in seed.others),
        seed=None,
        seeds=seeds,
    )


def _outcomes(seeds: Sequence[Candidate], task: str) -> list[Outcome]:
    """Return the scores of a task by the first seed's metric."""
    found = [outcome for seed in seeds if (outcome := seed.outcome(task)) is not None]
    return [outcome for outcome in found if outcome.metric == found[0].metric]


def _mean(outcomes: Sequence[Outcome]) -> Outcome:
    first = outcomes[0]
    bases = [outcome.base for outcome in outcomes if outcome.base is not None]
    changes = [outcome.change for outcome in outcomes if outcome.change is not None]
    return msgspec.structs.replace(
        first,
        value=statistics.fmean(outcome.value for outcome in outcomes),
        base=statistics.fmean(bases) if len(bases) == len(outcomes) else None,
        change=statistics.fmean(changes) if len(changes) == len(outcomes) else None,
        n=min(outcome.n for outcome in outcomes),
        is_share=all(outcome.is_share for outcome in outcomes),
        partial=any(outcome.partial for outcome in outcomes),
        early=any(outcome.early for outcome in outcomes),
        like=first.like if all(outcome.like == first.like for outcome in outcomes) else "",
    )


def between(values: Sequence[float]) -> BetweenSeeds:
    """Return how the scores of at least two seeds vary."""
    return BetweenSeeds(len(values), statistics.stdev(values))


def seeds_row(seeds: Sequence[Sequence[MeanPart]], *, watched: bool) -> tuple[Row, str]:
    """Compare several seeds with the same reference; each is given by the tasks that its score is the mean of. Also
    returns in a few words why they cannot be compared, "" where they can."""
    rows = [bare_row(parts) if len(parts) > 1 else parts[0].row for parts in seeds]
    bare = msgspec.structs.replace(
        rows[0], first=_side([row.first for row in rows]), second=_side([row.second for row in rows]), difference=None
    )
    bare = msgspec.structs.replace(
        bare, verdict=None, early=None, stopped=False, claims=(), new_tasks=None, shrunk=None
    )
    if why := _why_not(seeds):
        return msgspec.structs.replace(bare, verdict=not_comparable(why, None, is_share=bare.is_share)), why
    wholes = [contributions(parts) for parts in seeds]
    alpha = FINAL_ALPHA if watched else ALPHA
    first, second = (np.stack([sides[number] for sides in wholes]) for number in (0, 1))
    shares = np.stack([sides[2] for sides in wholes])
    found = recipe_mean(_residuals(second - first, shares))
    bare = msgspec.structs.replace(
        bare, first=_with_interval(bare, 0, first, shares), second=_with_interval(bare, 1, second, shares)
    )
    if not _vary(found):
        return _not_comparable(bare, "the seeds have equal scores, which does not say how others would differ")
    bare = msgspec.structs.replace(
        bare,
        difference=Difference(
            n=found.documents,
            clusters=found.documents,
            first=float(first.sum(axis=1).mean()),
            second=float(second.sum(axis=1).mean()),
            value=found.value,
            stderr=found.stderr,
            interval=found.interval(alpha),
            p=found.p,
            method=SEEDS,
            detectable=None,
            alpha=alpha,
        ),
    )
    return bare, ""


def _why_not(seeds: Sequence[Sequence[MeanPart]]) -> str:
    for parts in seeds:
        if why := why_not(parts):
            return why
        if any(part.terms.pairing.missing for part in parts):
            return "samples of a seed are missing"
    for of_task in zip(*seeds, strict=True):
        if len({(part.targets, part.row.key, part.terms.pairing.matched) for part in of_task}) > 1:
            return "the seeds were asked different samples"
    return ""


def _residuals(parts: Floats, shares: Floats) -> Floats:
    """Return scores (seeds, documents) whose plain mean over documents is each seed's weighted one. `parts` are what
    documents add to it, `shares` their part of the whole."""
    value = parts.sum(axis=1, keepdims=True)
    return np.asarray(parts.shape[1] * (parts - shares * value) + value)


def _with_interval(row: Row, number: int, parts: Floats, shares: Floats) -> Side:
    """Return one side with the interval of its score alone, for other seeds and documents."""
    side, scores = (row.first, row.second)[number], _residuals(parts, shares)
    found = recipe_mean(scores)
    if not _vary(found):
        return side
    interval = found.interval()
    if row.is_share:
        interval = Interval(max(interval.low, 0.0), min(interval.high, 1.0))
    return msgspec.structs.replace(side, stderr=found.stderr, interval=interval)


def _vary(found: RecipeMean) -> bool:
    """Return whether both sources vary by more than the rounding of a sum."""
    return min(found.between_seeds, found.between_documents) > 1e-12 * (1 + abs(found.value))


def _not_comparable(row: Row, why: str) -> tuple[Row, str]:
    return msgspec.structs.replace(row, verdict=not_comparable(why, None, is_share=row.is_share)), why


def _side(sides: Sequence[Side]) -> Side:
    value = statistics.fmean(side.value for side in sides)
    alike = all(side == sides[0] for side in sides)
    return (
        sides[0] if alike else msgspec.structs.replace(sides[0], value=value, stderr=None, interval=None, health=None)
    )
