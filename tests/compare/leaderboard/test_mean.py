"""The mean over tasks, against a computation of its own from the documents' scores."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchtui.compare.leaderboard.assemble import assemble, complete
from benchtui.compare.leaderboard.records import MEAN, Cell
from tests.compare.leaderboard.models import gsm8k, right, write_model
from tests.synthetic import Task, ifeval, write_run


def mean_cell(outputs: Path, name: str = "model") -> Cell:
    found = assemble(outputs)
    for newer in complete(found):
        found = newer
    board = found.board()
    place = next(number for number, each in enumerate(board.candidates) if each.name == name)
    return board.cells[place][[column.task for column in board.columns].index(MEAN)]


def gaffke(parts: np.ndarray, shares: np.ndarray, low: float, unseen: float, draws: int = 200_000) -> float:
    """The chance of no more than 0 by drawing the weights, 400 at a time; all are Gamma(1)."""
    rng, above = np.random.default_rng(7), 0
    for _ in range(draws // 400):
        weights = rng.exponential(size=(400, len(parts) + 1))
        above += int(np.sum(weights @ np.append(-parts, unseen * (0 - low)) > 0))
    return above / draws


TASKS: Mapping[str, tuple[float, float, int]] = {"gsm8k": (0.30, 0.36, 500), "arc": (0.50, 0.54, 250)}


def write(outputs: Path) -> dict[str, np.ndarray]:
    tasks: tuple[dict[str, Task], dict[str, Task]] = {}, {}
    moved = {}
    for number, (task, (base, tuned, n)) in enumerate(TASKS.items()):
        both = right(base, number, n), right(tuned, number + 10, n)
        for side, values in zip(tasks, both, strict=True):
            side[task] = Task({("exact_match", "none"): [float(v) for v in values]})
        moved[task] = np.array(both[1], float) - np.array(both[0], float)
    write_model(outputs, "model", tasks[1], tasks[0])
    return moved


def test_it_is_the_plain_mean_and_its_test_gives_each_task_the_same_part(tmp_path: Path) -> None:
    moved = write(tmp_path)
    cell = mean_cell(tmp_path)
    assert cell.row is not None
    found = cell.row.difference
    assert found is not None
    assert found.value == pytest.approx(np.mean([each.mean() for each in moved.values()]))
    assert cell.row.change == pytest.approx(found.value)
    assert cell.n == 750
    parts = np.concatenate([each / len(each) / 2 for each in moved.values()])
    shares = np.concatenate([np.full(len(each), 1 / len(each) / 2) for each in moved.values()])
    one_sided = gaffke(parts, shares, -1.0, float(shares.max()))
    assert 0.0001 < one_sided < 0.2
    assert found.p == pytest.approx(2 * one_sided, rel=0.1)
    stratified = np.sqrt(sum(each.var(ddof=1) / len(each) for each in moved.values())) / 2
    assert found.stderr == pytest.approx(stratified, rel=0.01)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(found.value - 1.96 * stratified, abs=0.006)
    assert found.interval.high == pytest.approx(found.value + 1.96 * stratified, abs=0.006)


def test_it_is_of_those_alone_that_have_all_tasks(tmp_path: Path) -> None:
    write(tmp_path)
    base = {"gsm8k": Task({("exact_match", "none"): [float(v) for v in right(0.3, 0, 500)]})}
    write_model(tmp_path, "half", base, base)
    cell = mean_cell(tmp_path, "half")
    assert (cell.state, cell.why) == ("missing", "no score of arc")


def test_a_task_that_cannot_be_compared_keeps_the_mean_from_being_compared(tmp_path: Path) -> None:
    values = {("exact_match", "none"): [float(v) for v in right(0.3, 1)]}
    base = {"gsm8k": Task(values), "arc": Task(values, documents=[f"arc {i}" for i in range(400)])}
    tuned = {**base, "gsm8k": Task(values, shots=5, prompt="examples")}
    write_model(tmp_path, "model", tuned, base)
    cell = mean_cell(tmp_path)
    assert cell.state == "not comparable"
    assert "5 shots, not 0" in cell.why


def test_tasks_of_less_is_better_and_of_no_share_are_left_out(tmp_path: Path) -> None:
    n = 300
    loss = Task({("perplexity", "none"): list(np.random.default_rng(1).random(n) * 9)}, higher_is_better=False)
    tasks = {"ifeval": ifeval(right(0.4, 3, n), total=n), "gsm8k": gsm8k(0.3, 4, n), "wiki": loss}
    write_model(tmp_path, "model", tasks, tasks)
    (column,) = [column for column in assemble(tmp_path).columns if column.task == MEAN]
    assert set(column.tasks) == {"ifeval", "gsm8k"}


def test_tasks_that_ask_the_same_are_not_two_samples(tmp_path: Path) -> None:
    """The same documents in two tasks: the mean is no surer than one of them alone."""
    targets = [f"answer {i}" for i in range(400)]
    base, tuned = right(0.3, 5), right(0.42, 6)
    runs = [
        {
            name: Task({("exact_match", "none"): [float(v) for v in values]}, targets=targets)
            for name in ("gsm8k", "gsm8k_cot")
        }
        for values in (tuned, base)
    ]
    write_model(tmp_path, "model", *runs)
    found = assemble(tmp_path)
    for newer in complete(found):
        found = newer
    one, other, mean = (cell.row.difference for cell in found.board().cells[1] if cell.row is not None)
    assert one is not None
    assert other is not None
    assert mean is not None
    assert mean.stderr == pytest.approx(one.stderr, rel=0.01)
    assert mean.clusters == 400
    assert mean.p == pytest.approx(one.p, rel=0.3)


def test_a_mean_over_tasks_of_two_runs(tmp_path: Path) -> None:
    """One run of each task gives the very same figures as one run of both."""
    write(tmp_path / "one")
    together = mean_cell(tmp_path / "one")
    one, two = (tmp_path / name / "model" / "benchmarks" for name in ("one", "two"))
    for number, (task, (_, tuned, n)) in enumerate(TASKS.items()):
        values = {("exact_match", "none"): [float(v) for v in right(tuned, number + 10, n)]}
        stamp = f"2026-11-2{number}T10-00-00"
        write_run(two / "fine-tuned" / stamp, {task: Task(values)}, model="model", stamp=f"{stamp}.000001")
    (two.parent / "lora").mkdir()
    shutil.copytree(one / "base", two / "base")
    apart = mean_cell(tmp_path / "two")
    assert together.row is not None
    assert apart.row is not None
    assert together.row.difference == apart.row.difference
    assert (together.interval, apart.run) == (apart.interval, None)
