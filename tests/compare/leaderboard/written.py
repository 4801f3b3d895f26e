"""Candidates with real runs on disk, for what is compared between any two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchtui.compare.history.history import outcomes_of
from benchtui.compare.leaderboard.cells import pairs_of, plan_cells
from benchtui.compare.leaderboard.leaderboard import columns_of, make_leaderboard, references_of
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns, compare_pairs
from benchtui.compare.leaderboard.records import OWN_BASE, Candidate, Facts, Key, Leaderboard
from benchtui.results.read import read_run
from tests.synthetic import Task, ifeval, write_run

N = 400


def right(share: float, seed: int, n: int = N) -> list[bool]:
    """Return answers of documents, exactly `share` of them right."""
    found = np.arange(n) < round(share * n)
    return [bool(each) for each in np.random.default_rng(seed).permutation(found)]


def follows(share: float, seed: int, n: int = N, **more: Any) -> Task:
    return ifeval(right(share, seed, n), total=n, **more)


def solves(share: float, seed: int, n: int = N, **more: Any) -> Task:
    return Task({("exact_match", "strict-match"): [float(each) for each in right(share, seed, n)]}, **more)


def write_candidate(
    folder: Path,
    key: Key,
    tasks: Mapping[str, Task],
    *,
    base: Candidate | None = None,
    step: float | None = None,
    facts: Facts | None = None,
    **more: Any,
) -> Candidate:
    """Write a run and return it as a candidate named by its model and format."""
    name = f"{key.model}/{key.format}" if key.format else key.model
    run = write_run(folder / name.replace("/", "-"), tasks, model=key.model, **more)
    results = read_run(run)
    bases = {task: base.runs[task] for task in tasks if base is not None and task in base.runs}
    theirs = read_run(next(iter(bases.values()))) if bases else None
    return Candidate(
        key,
        name,
        None,
        base.key.model if base is not None else "",
        tuple(outcomes_of(results, theirs)),
        dict.fromkeys(tasks, run),
        bases,
        facts=facts or Facts(),
        step=step,
    )


def checkpoints(folder: Path, shares: Sequence[float], *, base_share: float = 0.3, **more: Any) -> list[Candidate]:
    """Return a base and a model with a checkpoint for each share of IFEval's prompts that it follows."""
    base = write_candidate(folder, Key("org/base", base=True), {"ifeval": follows(base_share, 1)})
    found = [base]
    for number, share in enumerate(shares):
        step = 10 * (number + 1)
        key = Key("tuned", f"checkpoint-{step}")
        found.append(
            write_candidate(folder, key, {"ifeval": follows(share, 50 + number)}, base=base, step=step, **more)
        )
    return found


def board_of(candidates: Sequence[Candidate]) -> tuple[Leaderboard, dict[Pair, PairedRuns]]:
    """Return the whole leaderboard, and the pairs that it took."""
    references, columns = references_of(candidates, OWN_BASE), columns_of(candidates)
    compared = dict(compare_pairs(pairs_of(plan_cells(candidates, references, columns), columns)))
    return make_leaderboard(candidates, references, columns, compared), compared
