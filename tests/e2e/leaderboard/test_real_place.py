"""The leaderboard of real runs: base, merged model, adapter, four checkpoints, two GGUF files and a second model."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import msgspec
import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.history.history import all_history
from benchtui.compare.leaderboard.assemble import assemble, complete
from benchtui.compare.leaderboard.records import MEAN, Leaderboard
from benchtui.demo.workspace import BASE_NAME, MODEL_NAME, TASKS
from benchtui.results.read import read_run
from tests.e2e.commands import benchtui
from tests.e2e.leaderboard.place import CHECKPOINTS, OTHER_NAME, evaluate, make_place

pytestmark = [pytest.mark.gguf, pytest.mark.slow, pytest.mark.long, pytest.mark.usefixtures("llama_cpp")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_place(tmp_path_factory.mktemp("leaderboard") / "place")


def whole(outputs: Path, models: tuple[str, ...] = (), reference: str = "base") -> Leaderboard:
    for found in complete(assemble(outputs, models, reference=reference)):
        board = found.board()
    assert board.pending == 0
    return board


def test_every_model_form_and_base_is_a_row(place: Path) -> None:
    board = whole(place / "outputs")
    names = {candidate.name for candidate in board.candidates}
    forms = ("merged_16bit", "lora", *CHECKPOINTS, "F32.gguf", "Q8_0.gguf")
    assert names == {BASE_NAME, "islands-80k", OTHER_NAME, *(f"{MODEL_NAME}/{form}" for form in forms)}
    assert all(c.facts.size and c.facts.speed for c in board.candidates)
    assert [c.step for c in board.candidates if c.step] == [10, 20, 30, 40]


@pytest.mark.parametrize("reference", ["base", f"{MODEL_NAME}/checkpoint-20"])
def test_figures_are_those_of_compare_pair_by_pair(place: Path, reference: str) -> None:
    board = whole(place / "outputs", reference=reference)
    seen = 0
    for (number, candidate), (at, column) in itertools.product(enumerate(board.candidates), enumerate(board.columns)):
        cell, other = board.cells[number][at], board.references[number]
        if column.task == MEAN or other is None:
            continue
        theirs = candidate.base_runs[column.task] if reference == "base" else board.candidates[other].runs[column.task]
        alone = compare_runs(read_run(theirs), read_run(candidate.runs[column.task]))
        row = next(row for row in alone.headlines if row.task == column.task)
        assert cell.row is not None
        assert row.difference is not None
        assert cell.row.difference is not None
        mine, expected = (
            msgspec.structs.replace(found, p_holm=None, detectable=None, units=None, draws=None, completions=())
            for found in (cell.row.difference, row.difference)
        )
        assert (cell.value, cell.interval, cell.n) == (row.second.value, row.second.interval, row.second.n)
        assert mine == expected
        seen += 1
    assert seen == len(TASKS) * (9 if reference == "base" else 10)


def test_figures_are_what_the_commands_print(place: Path) -> None:
    ran = benchtui("leaderboard", "--format", "json", cwd=place)
    assert ran.code == 0, ran.err
    told = json.dumps(json.loads(ran.out))
    for experiment in all_history(place / "outputs"):
        for outcome in experiment.outcomes:
            assert json.dumps(outcome.value) in told


def test_partial_limited_and_other_runs_are_shown_as_what_they_are(place: Path, tmp_path: Path) -> None:
    root = tmp_path / "place"
    shutil.copytree(place, root, symlinks=True)
    limited = evaluate(root, MODEL_NAME, "--format", "merged_16bit", "--limit", "20")
    bare = evaluate(root, OTHER_NAME, "--chat-template", "off", base="")
    assert (limited.code, bare.code) == (0, 0), limited.err + bare.err
    board = whole(root / "outputs")
    cells = dict(zip((c.name for c in board.candidates), board.cells, strict=True))
    rows = {c.name: c for c in board.candidates}
    assert [cell.n for cell in cells[f"{MODEL_NAME}/merged_16bit"][:2]] == [
        cell.total for cell in cells[f"{MODEL_NAME}/lora"][:2]
    ], "the full run stays the model's result"
    assert len(rows[f"{MODEL_NAME}/merged_16bit"].others) == 1
    other = [cell for cell, column in zip(cells[OTHER_NAME], board.columns, strict=True) if column.task in TASKS]
    assert {cell.state for cell in other} == {"not comparable"}, "its newest run has other prompts than its base"
    assert all(cell.why for cell in other)
