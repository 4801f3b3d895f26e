"""The leaderboard on terminals of any width, in any order."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from benchtui.compare.leaderboard.order import ordered
from benchtui.compare.leaderboard.records import Leaderboard
from benchtui.errors import UsageError
from benchtui.reports.leaderboard.page import lines_of, page_of
from benchtui.reports.leaderboard.tables import leaderboard_lines, plain_leaderboard
from benchtui.reports.wording.glyphs import ASCII
from benchtui.text import printable
from tests.reports.leaderboard.boards import board


def wide(columns: int = 12) -> Leaderboard:
    """A leaderboard of many tasks."""
    narrow = board()
    first = narrow.columns[0]
    return msgspec.structs.replace(
        narrow,
        columns=tuple(
            msgspec.structs.replace(first, task=f"t{n}", title=f"A Task of Number {n}") for n in range(columns)
        ),
        cells=tuple((cells[0],) * columns for cells in narrow.cells),
        best=(narrow.best[0],) * columns,
    )


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_task_is_left_out(width: int) -> None:
    found = leaderboard_lines(page_of(wide()), width=width)
    assert max(cell_len(line.plain.rstrip()) for line in found) <= width
    text = "\n".join(line.plain for line in found)
    assert text.count("60.0%") == 12
    repeated = sum(line.plain.startswith("good") for line in found)
    assert (repeated == 1) == (width > 300) or repeated > 1


def test_more_width_shows_more() -> None:
    page = page_of(board())
    assert "excellent" not in plain_leaderboard(page, width=60)
    assert "excellent" in plain_leaderboard(page, width=100)
    assert "56.0 to 64.0" in plain_leaderboard(page, width=200)
    assert "p 0.004" in plain_leaderboard(page)


def test_long_names_are_whole() -> None:
    names = ("a-model/" + "x" * 70 + ".Q4_K_M.gguf", "b", "c", "d")
    text = plain_leaderboard(page_of(board(names)), width=60)
    assert (
        "x" * 70 in text.replace("\n  ", "").replace(" ", "")
        or text.replace("\n", "").replace(" ", "").count("x") >= 70
    )
    assert "Q4_K_M.gguf" in text.replace("\n  ", "")


def test_a_terminal_without_signs_has_others() -> None:
    text = plain_leaderboard(page_of(board()), glyphs=ASCII)
    assert text.isascii()
    assert "* " in text


def test_rows_are_sorted_the_best_first_and_those_without_a_score_last() -> None:
    found = board()
    names = [found.candidates[place].name for place in ordered(found, "knows")]
    assert names == ["good", "new", "odd", "base", "worse"]
    names = [found.candidates[place].name for place in ordered(found, "reads")]
    assert names == ["good", "odd", "base", "worse", "new"]  # less is better
    names = [found.candidates[place].name for place in ordered(found, "reads", reverse=True)]
    assert names == ["worse", "base", "odd", "good", "new"]
    assert ordered(found, "size")[-1] == 0  # the base, whose size is not known
    with pytest.raises(UsageError, match="no column 'mmlu'"):
        ordered(found, "mmlu")


def test_groups_begin_with_their_base() -> None:
    lines = list(lines_of(page_of(board(), group="base")))
    assert [(line.kind, line.name) for line in lines[:3]] == [
        ("heading", "base"),
        ("candidate", "base"),
        ("candidate", "good"),
    ]


def test_seeds_and_other_runs_unfold() -> None:
    scores = {Path("r/2026"): board().candidates[1].seeds[0].outcomes}
    lines = list(lines_of(page_of(board(), all_runs=True, scores=scores)))
    assert [line.name.strip() for line in lines if line.kind != "candidate"] == [
        "seed 1: good-s1",
        "seed 2: good-s2",
        "2026, quick, partial",
    ]
    seed = next(line for line in lines if line.kind == "seed")
    assert seed.cells[0].score == "62.0%"
    run = next(line for line in lines if line.kind == "run")
    assert [cell.score for cell in run.cells] == ["62.0%", "–"]


def test_the_column_that_is_sorted_by_comes_first() -> None:
    text = plain_leaderboard(page_of(board(), sort="reads"), width=60)
    assert text.splitlines()[0].split() == ["Model", "Reading", "Facts"]


def test_each_reason_is_told_once() -> None:
    text = plain_leaderboard(page_of(board()), width=80)
    assert text.count("5 shots, not 0") == 1
    assert "✕ (1) 5 shots, not 0" in text
    row = next(line for line in text.splitlines() if line.startswith("odd"))
    assert row.split()[2:4] == ["✕", "(1)"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=60), min_size=4, max_size=4), st.integers(40, 160))
def test_any_name_stays_one_row_of_the_width(names: list[str], width: int) -> None:
    page = page_of(board((names[0], names[1], names[2], names[3]), why=names[0]))
    for line in leaderboard_lines(page, width=width):
        assert cell_len(line.plain.rstrip()) <= width
        assert line.plain == printable(line.plain)
        assert "\n" not in line.plain
