"""Several training seeds of one recipe: one row, with the error between seeds in it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.stats import t as student

from benchtui.compare.leaderboard.assemble import Assembly, assembly_of, complete
from benchtui.compare.leaderboard.candidates import find_candidates
from benchtui.compare.leaderboard.records import MEAN, Candidate, Cell, Leaderboard
from benchtui.compare.leaderboard.seeds import join_seeds
from benchtui.compare.records import Kind
from tests.compare.leaderboard.models import gsm8k, right, write_model
from tests.synthetic import Task, ifeval

SHARES = (0.45, 0.52, 0.60)
N = 400


def seeds_of(found: list[Candidate]) -> list[Candidate]:
    return [
        each if each.key.base else msgspec.structs.replace(each, recipe="the same", seed=int(each.name[-1]))
        for each in found
    ]


def write(outputs: Path) -> list[Candidate]:
    base = {"gsm8k": gsm8k(0.3, 1, N), "ifeval": ifeval(right(0.3, 2, N), total=N)}
    for number, share in enumerate(SHARES):
        tuned = {"gsm8k": gsm8k(share, 10 + number, N), "ifeval": ifeval(right(share, 20 + number, N), total=N)}
        write_model(outputs, f"seed-{number}", tuned, base)
    return seeds_of(find_candidates(outputs))


def whole(candidates: list[Candidate], reference: str = "base") -> Assembly:
    *_, last = complete(assembly_of(candidates, reference=reference))
    return last


def cell(board: Leaderboard, name: str, task: str) -> Cell:
    place = next(number for number, each in enumerate(board.candidates) if each.name == name)
    return board.cells[place][[column.task for column in board.columns].index(task)]


def test_seeds_of_one_recipe_are_one_row_with_both_errors(tmp_path: Path) -> None:
    board = whole(write(tmp_path)).board()
    assert [each.name for each in board.candidates] == ["org/base", "seed-0 (3 seeds)"]
    found = cell(board, "seed-0 (3 seeds)", "gsm8k")
    base = np.array(right(0.3, 1, N), float)
    tuned = np.array([right(share, 10 + number, N) for number, share in enumerate(SHARES)], float)
    moved = tuned - base
    assert found.value == pytest.approx(tuned.mean())
    assert found.between is not None
    assert (found.between.seeds, found.between.deviation) == (3, pytest.approx(tuned.mean(axis=1).std(ddof=1)))
    assert found.row is not None
    difference = found.row.difference
    assert difference is not None
    assert difference.interval is not None
    of_seeds = moved.mean(axis=1).std(ddof=1) / np.sqrt(3)
    of_documents = moved.mean(axis=0).std(ddof=1) / np.sqrt(N)
    half = np.hypot(student.ppf(0.975, 2) * of_seeds, student.ppf(0.975, N - 1) * of_documents)
    assert difference.value == pytest.approx(moved.mean())
    assert difference.stderr == pytest.approx(np.hypot(of_seeds, of_documents))
    assert (difference.interval.low, difference.interval.high) == pytest.approx(
        (moved.mean() - half, moved.mean() + half)
    )
    assert found.interval is not None
    assert found.interval.low < tuned.mean(axis=1).min()


def test_the_mean_over_tasks_of_seeds(tmp_path: Path) -> None:
    found = cell(whole(write(tmp_path)).board(), "seed-0 (3 seeds)", MEAN)
    assert found.row is not None
    assert found.row.difference is not None
    moved = [
        np.array([right(s, start + k, N) for k, s in enumerate(SHARES)], float) - np.array(right(0.3, seed, N), float)
        for start, seed in ((10, 1), (20, 2))
    ]
    together = np.concatenate(moved, axis=1)
    of_seeds = together.mean(axis=1).std(ddof=1) / np.sqrt(3)
    of_documents = together.mean(axis=0).std(ddof=1) / np.sqrt(2 * N)
    assert found.row.difference.value == pytest.approx(together.mean())
    assert found.row.difference.stderr == pytest.approx(np.hypot(of_seeds, of_documents), rel=1e-6)


def test_a_recipe_of_which_the_seeds_differ_much_is_not_shown_to_be_better(tmp_path: Path) -> None:
    """Each seed alone is shown to be better or worse by far; that other seeds would be better is not."""
    base = {"gsm8k": gsm8k(0.4, 1, N)}
    for number, share in enumerate((0.2, 0.7)):
        write_model(tmp_path, f"seed-{number}", {"gsm8k": gsm8k(share, 10 + number, N)}, base)
    alone = whole(find_candidates(tmp_path)).board()
    kinds = {cells[0].row.verdict.kind for cells in alone.cells if cells[0].row and cells[0].row.verdict}
    assert kinds == {Kind.EXCELLENT, Kind.FORGETTING}
    found = cell(whole(seeds_of(find_candidates(tmp_path))).board(), "seed-0 (2 seeds)", "gsm8k")
    assert found.row is not None
    assert found.row.verdict is not None
    assert found.row.verdict.kind is Kind.NO_DIFFERENCE


def test_equal_seeds_and_other_samples_are_told(tmp_path: Path) -> None:
    same = {"gsm8k": gsm8k(0.5, 3, N)}
    for number in range(2):
        write_model(tmp_path / "a", f"seed-{number}", same, {"gsm8k": gsm8k(0.3, 1, N)})
    found = cell(whole(seeds_of(find_candidates(tmp_path / "a"))).board(), "seed-0 (2 seeds)", "gsm8k")
    assert (found.state, found.why) == (
        "not comparable",
        "the seeds have equal scores, which does not say how others would differ",
    )
    values = {("exact_match", "strict-match"): [0.0, 1.0] * 200}
    write_model(tmp_path / "b", "seed-0", same, {"gsm8k": gsm8k(0.3, 1, N)})
    write_model(tmp_path / "b", "seed-1", {"gsm8k": Task(values, shots=5, prompt="x")}, {"gsm8k": gsm8k(0.3, 1, N)})
    found = cell(whole(seeds_of(find_candidates(tmp_path / "b"))).board(), "seed-0 (2 seeds)", "gsm8k")
    assert found.state == "not comparable"
    assert "5 shots, not 0" in found.why


def test_another_model_against_the_seeds(tmp_path: Path) -> None:
    """Named as the reference, the seeds' mean has its error too."""
    candidates = write(tmp_path)
    write_model(tmp_path, "other", {"gsm8k": gsm8k(0.5, 50, N)}, {"gsm8k": gsm8k(0.3, 1, N)})
    other = next(each for each in find_candidates(tmp_path) if each.name == "other")
    board = whole([*candidates, other], "seed-0 (3 seeds)").board()
    found = cell(board, "other", "gsm8k")
    tuned = np.array([right(share, 10 + number, N) for number, share in enumerate(SHARES)], float)
    assert found.row is not None
    assert found.row.difference is not None
    assert found.row.difference.value == pytest.approx(np.mean(right(0.5, 50, N)) - tuned.mean())
    assert cell(board, "seed-0 (3 seeds)", "gsm8k").interval is not None


def test_two_of_one_seed_are_not_joined(tmp_path: Path) -> None:
    candidates = [msgspec.structs.replace(each, seed=None if each.key.base else 1) for each in write(tmp_path)]
    assert join_seeds(candidates) == candidates


def test_ggufs_of_different_types_are_not_seeds_of_one_recipe(tmp_path: Path) -> None:
    base, one, two, _ = write(tmp_path)
    forms = [
        msgspec.structs.replace(each, key=msgspec.structs.replace(each.key, format=f"{each.name}-{kind}.gguf"))
        for each, kind in ((one, "Q4_K_M"), (two, "F16"))
    ]
    assert len(join_seeds([base, *forms])) == 3
    alike = [
        msgspec.structs.replace(each, key=msgspec.structs.replace(each.key, format=f"{each.name}-Q4_K_M.gguf"))
        for each in (one, two)
    ]
    assert len(join_seeds([base, *alike])) == 2


def test_seeds_are_found_in_what_the_trainings_say(tmp_path: Path) -> None:
    write(tmp_path)
    for number in range(3):
        told = {"model_name": "org/base", "dataset_name": "GAIR/lima", "learning_rate": 2e-4, "seed": number + 1}
        file = tmp_path / f"seed-{number}" / "lora" / "training_metrics.json"
        file.write_text(json.dumps({**told, "final_loss": 0.5 + number}), encoding="utf-8")
        long_ago = time.time() - 10 * 365 * 86_400  # the runs' names say that they are from 2026
        os.utime(file, (long_ago, long_ago))
    board = whole(find_candidates(tmp_path)).board()
    assert [each.name for each in board.candidates] == ["org/base", "seed-0 (3 seeds)"]
    assert [each.seed for each in board.candidates[1].seeds] == [1, 2, 3]
