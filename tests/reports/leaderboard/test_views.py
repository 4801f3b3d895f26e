"""The pairwise matrix, the steps and the costs as tables, files and drawings."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from benchtui.compare.leaderboard.assemble import Assembly, assembly_of, compare_missing
from benchtui.compare.leaderboard.records import Candidate, Facts, Key
from benchtui.compare.leaderboard.views import of_matrix, of_pareto, of_steps
from benchtui.errors import UsageError
from benchtui.reports.leaderboard.sheets import sheets_view
from benchtui.reports.leaderboard.views import Report, column_named, pairwise_report, pareto_report, steps_report
from benchtui.reports.wording.glyphs import ASCII
from tests.compare.leaderboard.written import checkpoints, follows, write_candidate

SHARES = (0.4, 0.6, 0.55, 0.61, 0.4)
HOSTILE = '=cmd|<script>alert(1)</script>\x1b[31m[bold]`|"&'


def whole(candidates: list[Candidate]) -> Assembly:
    found = assembly_of(candidates)
    column = found.columns[0]
    for missing in (of_steps(), of_matrix(column), of_pareto(column)):
        for newer in compare_missing(found, missing):
            found = newer
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    candidates = checkpoints(tmp_path_factory.mktemp("runs"), SHARES)
    facts = [Facts(size=(7 - place) << 30, speed=10.0 + place) for place in range(len(candidates) - 1)]
    return whole([msgspec.structs.replace(c, facts=f) for c, f in zip(candidates, [*facts, Facts()], strict=True)])


def shown(report: Report, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(sheets_view(report.sheets))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_matrix_has_differences_above_its_diagonal_and_p_below(found: Assembly) -> None:
    lines = shown(pairwise_report(found, found.columns[0], width=78), 78)
    first = next(line for line in lines if "checkpoint-40" in line)
    last = next(line for line in lines if "org/base" in line)
    assert first.split()[2:] == ["61.0%", "+1.0", "·", "+6.0", "·", "+21.0", "▲", "+21.0", "▲"]
    assert last.split()[3:6] == ["<0.001"] * 3
    assert any("all 15 pairs of 6 models" in line for line in lines)
    assert any("No room for 1 column:" in line for line in lines)
    assert max(map(len, lines)) <= 78
    assert not any("No room" in line for line in shown(pairwise_report(found, found.columns[0], width=200), 200))


def test_the_steps_say_where_the_first_drop_is(found: Assembly) -> None:
    lines = shown(steps_report(found, width=80))
    assert max(map(len, lines)) <= 80
    drop = next(line for line in lines if line.startswith("  50"))
    assert "▼" in drop
    assert drop.endswith("40: −21.0 ▼ p <0.001")
    assert "Best score: step 40. First drop that is shown: step 50." in lines
    assert "┊ base org/base: 30.0%." in lines
    assert next(line for line in lines if line.startswith("  30")).endswith("20: −5.0 · p 1.00")


def test_the_costs_say_who_is_dominated_and_whether_the_scores_show_it(found: Assembly) -> None:
    lines = shown(pareto_report(found, found.columns[0]))
    assert max(map(len, lines)) <= 80
    told = [line.split() for line in lines if line.startswith("tuned/checkpoint") and "GB" in line]
    assert ["tuned/checkpoint-20", "60.0%", "5.4", "GB", "tuned/checkpoint-40", "+1.0", "·", "1.00"] in told
    assert ["tuned/checkpoint-10", "40.0%", "6.4", "GB", "tuned/checkpoint-40", "+21.0", "▲", "<0.001"] in told
    assert "Size on disk not known: tuned/checkpoint-50." in lines


@pytest.mark.parametrize("name", ["pairwise", "steps", "pareto"])
def test_every_format_has_the_same_figures(found: Assembly, name: str) -> None:
    reports = {"pairwise": pairwise_report, "pareto": pareto_report}
    report = steps_report(found) if name == "steps" else reports[name](found, found.columns[0])
    records = json.loads(report.written("json"))["rows"]
    lines = list(csv.DictReader(io.StringIO(report.written("csv"))))
    assert len(records) == len(lines) == len(report.records) > 0
    assert list(records[0]) == list(lines[0]) == list(report.columns)
    for record, line in zip(records, lines, strict=True):
        for key, value in record.items():
            if isinstance(value, float):
                assert float(line[key]) == value
    assert report.written("markdown").count("| ---") >= len(report.sheets)
    page = report.written("html")
    assert "<script" not in page
    assert "default-src 'none'" in page
    ET.fromstring(report.written("svg"))  # noqa: S314 - our own
    written = report.written("latex")
    assert written.count(r"\begin{tabular}") == len(report.sheets)
    assert written.isascii()


def test_records_are_the_comparisons(found: Assembly) -> None:
    record = next(
        each
        for each in pairwise_report(found, found.columns[0]).records
        if (each["first"], each["second"]) == ("tuned/checkpoint-40", "tuned/checkpoint-50")
    )
    assert record["change"] == pytest.approx(-0.21)
    assert record["better"] == "tuned/checkpoint-40"
    assert record["low"] < record["change"] < record["high"] < 0
    assert record["p"] < record["p_holm"] < 0.05


def test_foreign_names_are_text_in_every_format(tmp_path: Path) -> None:
    names = (HOSTILE, "other")
    made = [
        write_candidate(tmp_path, Key(f"m{n}"), {"ifeval": follows(0.4 + n / 10, n)}, facts=Facts(size=1 << 30))
        for n in range(2)
    ]
    found = whole([msgspec.structs.replace(c, name=name) for c, name in zip(made, names, strict=True)])
    for report in (pairwise_report(found, found.columns[0]), pareto_report(found, found.columns[0])):
        for form in ("markdown", "csv", "json", "html", "svg"):
            assert "\x1b" not in report.written(form)
        assert "<script>" not in report.written("html") + report.written("svg") + report.written("markdown")
        assert ",=cmd" not in report.written("csv")
        ET.fromstring(report.written("svg"))  # noqa: S314 - our own
        assert any("[bold]" in line for line in shown(report, 120))


def test_signs_carry_the_meaning_without_unicode(found: Assembly) -> None:
    for report in (
        pairwise_report(found, found.columns[0], glyphs=ASCII),
        steps_report(found, glyphs=ASCII),
        pareto_report(found, found.columns[0], glyphs=ASCII),
    ):
        "".join(words.text for sheet in report.sheets for row in sheet.rows for words in row).encode("ascii")
        "".join(sentence for sheet in report.sheets for sentence in sheet.sentences).encode("ascii")


def test_what_is_not_there_is_an_error_that_says_what_to_type(tmp_path: Path) -> None:
    found = whole([write_candidate(tmp_path, Key("one"), {"ifeval": follows(0.5, 1)})])
    with pytest.raises(UsageError, match="two checkpoints"):
        steps_report(found)
    with pytest.raises(UsageError, match="Neither size"):
        pareto_report(found, found.columns[0])
    with pytest.raises(UsageError, match="No model here has a score of 'mmlu'"):
        column_named(found.columns, "mmlu")


def test_of_two_that_are_not_comparable_it_is_said_why(tmp_path: Path) -> None:
    found = whole(
        [
            write_candidate(tmp_path, Key("whole"), {"ifeval": follows(0.5, 1)}),
            write_candidate(tmp_path, Key("short"), {"ifeval": follows(0.5, 1, 40)}),
        ]
    )
    lines = shown(pairwise_report(found, found.columns[0]), 200)
    assert any("✕ whole and short: not comparable:" in line for line in lines)


@pytest.mark.parametrize("form", ["markdown", "html", "svg", "latex"])
def test_what_is_passed_on_has_no_folders_of_this_disk(found: Assembly, form: str) -> None:
    candidates = [msgspec.structs.replace(each, name=f"/home/ada/secret/{each.name}") for each in found.candidates]
    moved = msgspec.structs.replace(found, candidates=tuple(candidates))
    for report in (pairwise_report(moved, moved.columns[0]), pareto_report(moved, moved.columns[0])):
        written = report.written(form)
        assert "checkpoint" in written
        assert "ada" not in written
