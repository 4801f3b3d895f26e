from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.history.history import outcomes_of
from benchtui.compare.leaderboard import contrasts
from benchtui.compare.leaderboard.assemble import Assembly, assembly_of, complete
from benchtui.compare.leaderboard.records import Best, Candidate, Key
from benchtui.reports.wording.leaderboard import best_sentences
from benchtui.results.read import read_run
from tests.compare.leaderboard.written import checkpoints, follows, solves, write_candidate
from tests.synthetic import Task, write_run


def judged(candidates: list[Candidate], reference: str = "base") -> Assembly:
    found = assembly_of(candidates, reference=reference)
    for newer in complete(found):
        found = newer
    return found


def best_of(candidates: list[Candidate], column: int = 0) -> Best:
    found = judged(candidates).board().best[column]
    assert found is not None
    return found


def test_the_leader_is_best_where_it_is_shown_to_be_better_than_all_others(tmp_path: Path) -> None:
    found = best_of(checkpoints(tmp_path, (0.4, 0.7, 0.5)))
    assert (found.leader, found.shown, found.tied, found.of, found.pending) == (2, True, (2,), 4, 0)
    assert found.shrinkage == pytest.approx(0, abs=0.003)


def test_those_that_are_not_shown_to_be_worse_cannot_be_told_apart(tmp_path: Path) -> None:
    found = best_of(checkpoints(tmp_path, (0.62, 0.65, 0.61, 0.4)))
    assert (found.leader, found.shown, found.tied) == (2, False, (2, 1, 3))
    assert found.shrinkage is not None
    assert 0.002 < found.shrinkage < 0.03


def test_it_is_decided_by_the_p_values_of_compare_at_a_level_for_all_that_could_lead(tmp_path: Path) -> None:
    """The second one is shown to be worse for 5 %, and for 5 % / 4, but not for 5 % / (4 x 2 tasks)."""
    few = checkpoints(tmp_path, (0.5, 0.61, 0.4, 0.3))
    p = compare_runs(*(read_run(few[place].runs["ifeval"]) for place in (1, 2))).headlines[0]
    assert p.tested is not None
    assert 0.05 / 8 > p.tested.p > 0.05 / 40
    assert best_of(few).shown
    other = {
        number: write_candidate(tmp_path / "more", candidate.key, {"gsm8k": solves(0.3, 90 + number)})
        for number, candidate in enumerate(few)
    }
    many = [
        msgspec.structs.replace(
            candidate,
            outcomes=(*candidate.outcomes, *other[number].outcomes),
            runs=candidate.runs | other[number].runs,
        )
        for number, candidate in enumerate(few)
    ]
    assert best_of(many).shown is (p.tested.p < 0.05 / (4 * 2))
    crowd = many + [
        write_candidate(tmp_path / "crowd", Key(f"m{number}"), {"ifeval": follows(0.1, 200 + number)})
        for number in range(20)
    ]
    found = best_of(crowd)
    assert not found.shown
    assert found.tied == (2, 1)


def test_a_run_that_cannot_be_compared_with_the_leader_does_not_take_part(tmp_path: Path) -> None:
    candidates = checkpoints(tmp_path, (0.4, 0.7))
    other = {"ifeval": follows(0.9, 7, prompt="another ")}
    candidates.append(write_candidate(tmp_path, Key("other"), other, base=candidates[0]))
    found = best_of(candidates)
    assert (found.leader, found.shown, found.of) == (2, True, 3)


def test_scores_that_cannot_be_compared_with_the_leader_are_told(tmp_path: Path) -> None:
    """A model of another base, with other prompts: its own comparison stands, one with the leader is impossible."""
    candidates = checkpoints(tmp_path, (0.4, 0.7))
    asked = {"prompt": "another "}
    base = write_candidate(tmp_path, Key("org/other", base=True), {"ifeval": follows(0.2, 6, **asked)})
    candidates += [base, write_candidate(tmp_path, Key("other"), {"ifeval": follows(0.5, 7, **asked)}, base=base)]
    board = judged(candidates).board()
    (found,) = board.best
    assert found is not None
    assert board.cells[4][0].state == "compared"
    assert (found.leader, found.shown, found.of, set(found.apart)) == (2, True, 3, {3, 4})
    assert "2 more cannot be compared with it." in best_sentences(board)[0]


def test_what_no_test_can_compare_with_the_leader_cannot_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(checkpoints(tmp_path, (0.4, 0.7)))
    real = contrasts.pair_of_couple
    monkeypatch.setattr(contrasts, "pair_of_couple", lambda c, both, k: None if both == (1, 2) else real(c, both, k))
    best = found.board().best[0]
    assert best is not None
    assert (best.shown, best.tied) == (False, (2, 1))


def test_a_column_with_one_score_has_no_best(tmp_path: Path) -> None:
    assert judged(checkpoints(tmp_path, ())).board().best == (None,)


def test_nobody_is_best_while_pairs_are_pending(tmp_path: Path) -> None:
    found = assembly_of(checkpoints(tmp_path, (0.4, 0.7, 0.5)))
    shown = [each.board().best[0] for each in (found, *complete(found, every=0.0))]
    assert [best.shown for best in shown if best] == [False] * (len(shown) - 2) + [True, True]
    assert all(best.pending for best in shown[:-2] if best)


def loss(mean: float, seed: int) -> Task:
    values = np.random.default_rng(seed).normal(mean, 0.1, 300)
    return Task({("nll", "none"): values.tolist()}, higher_is_better=False)


def test_where_less_is_better_the_least_leads(tmp_path: Path) -> None:
    means = (2.0, 1.5, 1.9)
    candidates = [
        write_candidate(tmp_path, Key(f"m{number}"), {"toy": loss(mean, number)}) for number, mean in enumerate(means)
    ]
    assert (best_of(candidates).leader, best_of(candidates).shown) == (1, True)


def test_a_group_is_chosen_from_all_its_tasks(tmp_path: Path) -> None:
    def tasks(share: float, seed: int) -> dict[str, Task]:
        return {name: solves(share, seed + number, 200) for number, name in enumerate(("mmlu_a", "mmlu_b"))}

    candidates = []
    for number, share in enumerate((0.50, 0.52, 0.51)):
        run = write_run(tmp_path / f"run{number}", tasks(share, 10 * number), groups={"mmlu": ("mmlu_a", "mmlu_b")})
        outcomes = tuple(outcomes_of(read_run(run), None))
        candidates.append(Candidate(Key(f"m{number}"), f"m{number}", None, outcomes=outcomes, runs={"mmlu": run}))
    found = best_of(candidates)
    assert (found.leader, found.tied) == (1, (1, 2, 0))
    assert found.shrinkage == pytest.approx(0.85 * np.sqrt(0.25 / 400), rel=0.5)  # the greatest of three


def test_a_leader_without_samples_is_compared_with_nobody(tmp_path: Path) -> None:
    candidates = checkpoints(tmp_path, (0.4, 0.7))
    for file in (candidates[2].runs["ifeval"] / "lm-eval").glob("samples_*"):
        file.unlink()
    found = judged(candidates).board()
    assert found.cells[2][0].state == "not comparable"
    best = found.best[0]
    assert best is not None
    assert (best.leader, best.of) == (1, 2)


def test_seeds_of_a_recipe_lead_by_their_mean_and_cannot_be_told_apart_from_those_of_another(tmp_path: Path) -> None:
    base = write_candidate(tmp_path, Key("org/base", base=True), {"ifeval": follows(0.3, 1)})
    made = [base]
    for recipe, shares in (("a", (0.70, 0.71, 0.72)), ("b", (0.5, 0.51, 0.52))):
        for seed, share in enumerate(shares):
            one = write_candidate(
                tmp_path, Key(f"{recipe}{seed}"), {"ifeval": follows(share, 30 + seed + ord(recipe))}, base=base
            )
            made.append(msgspec.structs.replace(one, recipe=recipe, seed=seed))
    board = judged(made).board()
    (best,) = board.best
    assert best is not None
    assert [len(candidate.seeds) for candidate in board.candidates] == [0, 3, 3]
    assert (best.leader, best.shown, best.tied, best.of) == (1, False, (1, 2), 3)
    assert best.shrinkage == pytest.approx(0, abs=0.003)
    alone = best_of(made[:4])
    assert (alone.leader, alone.shown) == (1, True)
