"""Every format says the same, and what is foreign text in it stays text."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.reports.leaderboard.exports import leaderboard_csv, leaderboard_json
from benchtui.reports.leaderboard.html import leaderboard_html
from benchtui.reports.leaderboard.latex import latex, leaderboard_latex
from benchtui.reports.leaderboard.markdown import leaderboard_markdown
from benchtui.reports.leaderboard.page import page_of
from benchtui.reports.leaderboard.picture import leaderboard_svg
from benchtui.reports.leaderboard.tables import plain_leaderboard
from tests.reports.leaderboard.boards import board
from tests.reports.leaderboard.latex_syntax import tables_of
from tests.reports.test_html import parsed

HOSTILE = (
    "=HYPERLINK(1)|</td><script>alert(1)</script>",
    "[x](javascript:a)*_`$&#%\\~^{}\x1b[31m\u202e",
    "*starred & [bracketed",
    "日本 é \ufffe ł -- '' ``",
)


def test_each_format_has_every_score_and_what_it_means() -> None:
    page = page_of(board())
    written = {
        "table": plain_leaderboard(page),
        "markdown": leaderboard_markdown(page),
        "html": " ".join(parsed(leaderboard_html(page)).text),
        "latex": leaderboard_latex(page).replace("\\%", "%"),
    }
    for name, whole in written.items():
        text = " ".join(whole.split())
        for expected in ("60.0%", "30.0%", "55.0%", "10.25", "12.75", "5 shots, not 0", "n = 50 of 100"):
            assert expected in text, (name, expected)
        assert re.search(r"Facts: good is best, shown to be better than each of the 4 others\.", text), name
        assert "these 2 cannot be told apart: good, odd" in text, name
        assert "it is expected to score 1.3 points lower on new samples" in text, name
        assert "the first is expected to score 0.25 higher on new samples" in text, name
        assert "corrected together for 7 tests" in text, name


def test_signs_carry_what_colours_do() -> None:
    text = plain_leaderboard(page_of(board()))
    lines = {line.split()[0]: line for line in text.splitlines() if line[:1].strip()}
    assert "★ 60.0%" in lines["good"]
    assert "≈  10.25" in lines["good"]
    assert "▲ +20.0" in lines["good"]
    assert "▼ −10.0" in lines["worse"]
    assert "✕" in lines["odd"]
    assert "◐" in lines["odd"]
    assert "…" in lines["new"]
    assert "–" in lines["new"]


def test_json_has_the_scores_to_the_last_digit() -> None:
    found = json.loads(leaderboard_json(page_of(board())))
    by_name = {each["name"]: each for each in found["candidates"]}
    assert by_name["good"]["tasks"][0]["value"] == 0.6
    assert by_name["good"]["tasks"][0]["best"] == "best"
    assert by_name["odd"]["tasks"][1]["best"] == "cannot be told apart from the leader"
    assert (
        by_name["odd"]["tasks"][0] | {"state": "not comparable", "change": None, "p_holm": None}
        == by_name["odd"]["tasks"][0]
    )
    assert found["columns"][1]["best"]["expected_shrinkage"] == 0.25
    assert len(by_name["good"]["seeds"]) == 2


def test_csv_has_a_line_for_each_candidate_and_task() -> None:
    rows = list(csv.DictReader(io.StringIO(leaderboard_csv(page_of(board(HOSTILE))))))
    assert len(rows) == 10
    assert not any(value.startswith(("=", "+", "@")) for row in rows for value in row.values())
    assert not any("\x1b" in value for row in rows for value in row.values())


def test_hostile_names_stay_text_in_html_and_svg() -> None:
    page = page_of(board(HOSTILE, why="</small><img src=x onerror=alert(1)>"), all_runs=True, group="base")
    html = leaderboard_html(page)
    tags = [tag for tag, _ in parsed(html).seen]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert "http" not in html.replace("http-equiv", "")
    svg = ET.fromstring(leaderboard_svg(page))  # noqa: S314 - written by us
    assert not [node for node in svg.iter() if node.tag.endswith("script")]


def test_hostile_names_stay_text_in_markdown() -> None:
    from markdown_it import MarkdownIt

    text = leaderboard_markdown(page_of(board(HOSTILE)))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<script" not in html
    assert "<a " not in html
    assert html.count("<tr>") == 6


def test_hostile_names_compile_in_latex() -> None:
    text = leaderboard_latex(page_of(board(HOSTILE), all_runs=True, group="model"))
    rows = tables_of(text)
    assert any("{[}x{]}" in row[0] for row in rows)
    assert "{[}U+65E5{]}{[}U+672C{]} \\'{e}" in text


@given(st.text(max_size=40))
def test_any_text_compiles_in_latex(text: str) -> None:
    tables_of(
        "\\begin{table}\n\\begin{tabular}{l}\n"
        + latex(text)
        + "x \\\\\n\\end{tabular}\n"
        + latex(text)
        + "\n\\end{table}\n"
    )


@pytest.mark.parametrize("text", ["a & b", "50%", "a_b", "{", "$", "\\input{x}", "#1"])
def test_the_reader_of_latex_is_strict(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        tables_of(_document("x", text))


def _document(cell: str, below: str) -> str:
    return f"\\begin{{table}}\n\\begin{{tabular}}{{l}}\n{cell} \\\\\n\\end{{tabular}}\n{below}\n\\end{{table}}\n"
