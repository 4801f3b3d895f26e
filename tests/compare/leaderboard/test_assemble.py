from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import binomtest

from benchtui.compare.compare import compare_runs
from benchtui.compare.leaderboard.assemble import Assembly, assemble, complete
from benchtui.compare.leaderboard.records import MEAN
from benchtui.errors import UsageError
from benchtui.results.read import read_run
from tests.compare.leaderboard.models import right, three_models, write_model
from tests.synthetic import ifeval


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return three_models(tmp_path / "outputs")


def last(found: Assembly) -> Assembly:
    for newer in complete(found):
        found = newer
    return found


def test_every_score_has_its_interval_that_of_the_base_too(outputs: Path) -> None:
    found = last(assemble(outputs))
    base = read_run(outputs / "good" / "benchmarks" / "base")
    board = found.board()
    cells = dict(zip((column.task for column in board.columns), board.cells[place(found, "org/base")], strict=True))
    correct = round(base.scores_of("gsm8k")[0].value * 400)
    interval = cells["gsm8k"].interval
    assert interval is not None
    expected = binomtest(correct, 400).proportion_ci(method="wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    mean = cells[MEAN]
    assert mean.interval is not None
    assert mean.value is not None
    assert mean.interval.low < mean.value < mean.interval.high


def test_models_without_a_base_have_intervals(tmp_path: Path) -> None:
    write_model(tmp_path, "alone", {"ifeval": ifeval(right(0.5, 1), total=400)})
    ((cell,),) = last(assemble(tmp_path)).board().cells
    assert cell.state == "reference"
    assert cell.interval is not None


def place(found: Assembly, name: str) -> int:
    return next(number for number, candidate in enumerate(found.candidates) if candidate.name == name)


def test_nothing_is_compared_at_first_and_everything_at_the_end(outputs: Path) -> None:
    found = assemble(outputs)
    states = {cell.state for cells in found.board().cells for cell in cells}
    assert states == {"reference", "pending"}
    assert found.board().pending == 9  # three models, two tasks and their mean
    whole = last(found)
    assert whole.board().pending == 0
    assert not whole.missing()


def test_figures_are_those_of_the_comparison_of_the_two_runs(outputs: Path) -> None:
    found = last(assemble(outputs))
    board = found.board()
    for number, cells in enumerate(board.cells):
        for column, cell in zip(board.columns, cells, strict=True):
            if cell.state == "reference" or column.task == MEAN:
                continue
            model = outputs / found.candidates[number].name / "benchmarks"
            alone = compare_runs(read_run(model / "base"), read_run(model / "fine-tuned" / "2026-11-20T10-00-00"))
            row = next(row for row in alone.headlines if row.task == column.task)
            assert cell.row is not None
            assert row.difference is not None
            mine = cell.row.difference
            assert mine is not None
            assert (cell.value, cell.interval) == (row.second.value, row.second.interval)
            assert (mine.value, mine.p, mine.interval, mine.flips) == (
                row.difference.value,
                row.difference.p,
                row.difference.interval,
                row.difference.flips,
            )


def test_visible_rows_come_first(outputs: Path) -> None:
    found = assemble(outputs)
    wanted = place(found, "same")
    nothing, first, *_ = complete(found, first=lambda: (wanted,), every=0.0)
    assert not nothing.compared
    (pair,) = first.compared
    assert isinstance(pair, tuple)
    assert pair[1] == found.candidates[wanted].runs["ifeval"]


def test_a_damaged_run_is_a_cell_that_says_so(outputs: Path) -> None:
    lm_eval = outputs / "same" / "benchmarks" / "fine-tuned" / "2026-11-20T10-00-00" / "lm-eval"
    file = next(lm_eval.glob("samples_gsm8k*"))
    file.write_text("{\n" + file.read_text(), encoding="utf-8")
    board = last(assemble(outputs)).board()
    cells = {c.name: cells for c, cells in zip(board.candidates, board.cells, strict=True)}
    assert {cell.state for cell in cells["same"]} == {"not comparable"}
    assert "damaged in line 1" in cells["same"][0].why
    assert {cell.state for cell in cells["good"]} == {"compared"}


def test_tasks_and_reference_are_named(outputs: Path) -> None:
    found = assemble(outputs, tasks=("gsm8k",), reference="bad")
    assert [column.task for column in found.columns] == ["gsm8k"]
    assert len(found.pairs) == len(found.candidates) - 1
    assert [column.task for column in assemble(outputs, tasks=("gsm8k", "ifeval")).columns] == ["gsm8k", "ifeval", MEAN]
    with pytest.raises(UsageError, match="No candidate has a score of 'mmlu'"):
        assemble(outputs, tasks=("mmlu",))
