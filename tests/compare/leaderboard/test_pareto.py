"""Scores against costs: who is dominated, by whom, and whether the scores show it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.compare.history.history import Outcome
from benchtui.compare.leaderboard import matrix as matrix_module
from benchtui.compare.leaderboard import pareto as pareto_module
from benchtui.compare.leaderboard.leaderboard import columns_of
from benchtui.compare.leaderboard.matrix import make_matrix
from benchtui.compare.leaderboard.pairs import Pair, PairedRuns, compare_pairs
from benchtui.compare.leaderboard.pareto import Front, make_fronts, pareto_pairs
from benchtui.compare.leaderboard.records import Candidate, Facts, Key
from tests.compare.leaderboard.written import follows, write_candidate


def candidate(folder: Path, name: str, share: float, seed: int, n: int = 400, **facts: float) -> Candidate:
    return write_candidate(folder, Key(name), {"ifeval": follows(share, seed, n)}, facts=Facts(**facts))  # type: ignore[arg-type]


@pytest.fixture
def candidates(tmp_path: Path) -> list[Candidate]:
    return [
        candidate(tmp_path, "large", 0.6, 1, size=800, speed=10.0),
        candidate(tmp_path, "small", 0.58, 2, size=200, speed=40.0),
        candidate(tmp_path, "poor", 0.3, 3, size=400, speed=5.0),
        candidate(tmp_path, "close", 0.57, 4, size=300),
    ]


def fronts(candidates: list[Candidate]) -> dict[str, Front]:
    (column,) = columns_of(candidates)
    compared: dict[Pair, PairedRuns] = {}
    while missing := pareto_pairs(candidates, column, compared):
        compared |= compare_pairs(missing)
    return {front.axis: front for front in make_fronts(candidates, column, compared)}


def test_dominated_is_what_costs_more_and_scores_less(candidates: list[Candidate]) -> None:
    found = fronts(candidates)
    assert set(found) == {"size", "speed"}
    size = {spot.candidate: (spot.dominated_by, spot.shown) for spot in found["size"].spots}
    assert size == {0: (None, False), 1: (None, False), 2: (1, True), 3: (1, False)}
    assert found["size"].front == (0, 1)
    speed = {spot.candidate: spot.dominated_by for spot in found["speed"].spots}
    assert speed == {0: None, 1: None, 2: 0}
    assert found["speed"].unknown == (3,)


def test_figures_are_those_of_the_matrix(candidates: list[Candidate]) -> None:
    (column,) = columns_of(candidates)
    compared = compare_pairs(pareto_pairs(candidates, column, {}))
    matrix = make_matrix(candidates, column, compared)
    contrasts = [spot.contrast for front in make_fronts(candidates, column, compared) for spot in front.spots]
    for contrast in contrasts:
        if contrast is not None:
            assert contrast == matrix.contrast(contrast.first, contrast.second)
    assert any(contrasts)


def test_of_very_many_only_what_is_dominated_is_compared(
    candidates: list[Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    all_of_them = fronts(candidates)
    monkeypatch.setattr(matrix_module, "MOST", 2)
    monkeypatch.setattr(pareto_module, "MOST", 2)
    assert len(pareto_pairs(candidates, columns_of(candidates)[0], {})) == 3  # poor by small and by large, close
    for axis, front in fronts(candidates).items():
        assert [(s.candidate, s.dominated_by) for s in front.spots] == [
            (s.candidate, s.dominated_by) for s in all_of_them[axis].spots
        ]


def test_a_score_of_fewer_documents_dominates_nothing(tmp_path: Path) -> None:
    found = fronts(
        [
            candidate(tmp_path, "short", 0.9, 1, n=40, size=100),
            candidate(tmp_path, "whole", 0.6, 2, size=200),
            candidate(tmp_path, "other", 0.5, 3, size=300),
        ]
    )
    assert {spot.candidate: spot.dominated_by for spot in found["size"].spots} == {0: None, 1: None, 2: 1}


def test_equals_do_not_dominate_each_other(tmp_path: Path) -> None:
    found = fronts([candidate(tmp_path, name, 0.5, 1, size=100) for name in ("one", "two")])
    assert found["size"].front == (0, 1)


scores = st.sampled_from([0.1, 0.2, 0.3, 0.4])


@given(st.lists(st.tuples(scores, st.sampled_from([1, 2, 3, 4])), min_size=2, max_size=8), st.booleans())
def test_the_front_is_what_the_definition_says(points: list[tuple[float, int]], higher: bool) -> None:
    candidates = [
        Candidate(
            Key(str(number)),
            str(number),
            None,
            outcomes=(Outcome("t", "acc,none", score, None, 10, 10, higher, True, False),),
            runs={"t": Path(str(number))},
            facts=Facts(size=size),
        )
        for number, (score, size) in enumerate(points)
    ]
    (front,) = make_fronts(candidates, columns_of(candidates)[0], {})
    sign = 1 if higher else -1

    def dominates(one: tuple[float, int], other: tuple[float, int]) -> bool:
        gain = sign * (one[0] - other[0])
        return gain >= 0 and one[1] <= other[1] and (gain > 0 or one[1] < other[1])

    expected = {place for place, each in enumerate(points) if not any(dominates(other, each) for other in points)}
    assert set(front.front) == expected
    for spot in front.spots:
        if spot.dominated_by is not None:
            assert dominates(points[spot.dominated_by], points[spot.candidate])
