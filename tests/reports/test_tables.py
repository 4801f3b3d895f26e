"""The comparison as people see it in a terminal, and as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison
from benchtui.compare.summary import Summary
from benchtui.reports.exports import comparison_csv, comparison_json
from benchtui.reports.markdown import comparison_markdown
from benchtui.reports.tables import plain_table, print_comparison, print_summary
from benchtui.reports.wording.glyphs import ASCII, glyphs_for
from benchtui.results.read import read_run
from tests.synthetic import Task, ifeval, write_run

SUBJECTS = {"mmlu_stem": 19, "mmlu_other": 13, "mmlu_social_sciences": 12, "mmlu_humanities": 13}


def flips(n: int, fixed: int, broken: int) -> tuple[list[bool], list[bool]]:
    first = [i % 2 == 0 for i in range(n)]
    wrong, right = [i for i, v in enumerate(first) if not v], [i for i, v in enumerate(first) if v]
    second = list(first)
    for i in wrong[:fixed]:
        second[i] = True
    for i in right[:broken]:
        second[i] = False
    return first, second


def full_suite(folder: Path, side: int) -> Path:
    """The suite "full" with invented outcomes: a gain, a loss, nothing, and a knowledge of 57 subjects."""
    names = [f"{group}_{i}" for group, count in SUBJECTS.items() for i in range(count)]
    hellaswag = flips(2000, 130, 120)[side]
    tasks = {
        "ifeval": ifeval(flips(541, 120, 22)[side]),
        "gsm8k": Task(
            {
                ("exact_match", "strict-match"): flips(1319, 20, 130)[side],
                ("exact_match", "flexible-extract"): flips(1319, 30, 90)[side],
            }
        ),
        "hellaswag": Task({("acc", "none"): hellaswag, ("acc_norm", "none"): hellaswag}),
        **{name: Task({("acc", "none"): flips(20, 2, 2)[side]}) for name in names},
    }
    groups = {group: [name for name in names if name.startswith(group)] for group in SUBJECTS}
    return write_run(folder, tasks, groups=groups, nested={"mmlu": list(groups)})


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("full")
    return compare_runs(read_run(full_suite(folder / "base", 0)), read_run(full_suite(folder / "fine-tuned" / "1", 1)))


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_keeps_within_the_terminal(comparison: Comparison, width: int) -> None:
    text = plain_table(comparison, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text.split("\n\n")[0]


def test_every_part_the_seed_shows_is_there(comparison: Comparison) -> None:
    text = plain_table(comparison, width=120)
    for words in ("Strict Inst", "Loose Prompt", "Loose Inst", "flexible-extract", "acc", "Social Sciences"):
        assert words in text
    assert "50.09%       68.21%   ↗ +18.11 (+36.2%)" in text
    assert "↘ −8.34 (−16.7%)" in text
    assert text.count("mmlu_") == 0


def test_verdicts_are_a_sign_and_a_word(comparison: Comparison) -> None:
    text = plain_table(comparison, width=80)
    assert "▲ excellent" in text
    assert "▼ forgetting?" in text
    assert "· no loss > 3" in text
    assert "The fine-tuned model is better at Instruction-Following +18.1 (95 % CI" in text


def test_without_colour_nothing_is_lost(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = io.StringIO(), io.StringIO()
    print_comparison(comparison, Console(file=coloured, width=80, force_terminal=True, color_system="standard"))
    monkeypatch.setenv("NO_COLOR", "1")
    print_comparison(comparison, Console(file=plain, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[32m" in coloured.getvalue()
    assert "\x1b[32m" not in plain.getvalue()


def test_a_terminal_without_arrows_gets_letters(comparison: Comparison) -> None:
    assert glyphs_for("cp437") is ASCII
    assert glyphs_for("ascii") is ASCII
    text = plain_table(comparison, width=80, glyphs=ASCII)
    assert "^ +18.1 (+36%)" in text
    assert "+ excellent" in text
    assert not any(sign in text.split("\n\n")[0] for sign in "↗↘→▲▼")


def test_foreign_text_is_never_markup(tmp_path: Path) -> None:
    name = "evil[bold red]task[/bold red]\x1b[31m"
    runs = [read_run(write_run(tmp_path / side, {name: Task({("acc", "none"): [True] * 8})})) for side in "ab"]
    text = plain_table(compare_runs(*runs), width=100)
    assert "evil[bold red]task[/bold red]" in text
    assert "\x1b" not in text


def test_partial_results_are_marked_wherever_they_appear(tmp_path: Path) -> None:
    block = {"partial": True, "documents": {"ifeval": {"done": 3, "total": 8}}}
    first = read_run(write_run(tmp_path / "a", {"ifeval": ifeval([True] * 8)}))
    second = read_run(write_run(tmp_path / "b", {"ifeval": ifeval([True] * 3)}, block=block))
    found = compare_runs(first, second)
    table = plain_table(found, width=80)
    assert "◐ 8/541 | 3/541" in table
    assert "partial: 3/8 samples" in table
    assert "the change is over the 3 samples in both runs" in " ".join(table.split())
    assert "3/541" in comparison_markdown(found)
    assert next(csv.DictReader(io.StringIO(comparison_csv(found))))["partial"] == "True"
    assert json.loads(comparison_json(found))["second"]["partial"][0]["done"] == 3


def test_a_model_without_base_is_shown_by_itself(tmp_path: Path) -> None:
    results = read_run(write_run(tmp_path, {"ifeval": ifeval([True, False] * 20)}))
    out = io.StringIO()
    print_summary(Summary(tmp_path, None, results, None), Console(file=out, width=80))
    assert "50.00%" in out.getvalue()
    assert "35.2 to 64.8" in out.getvalue()
    assert "No base results: nothing to compare with." in out.getvalue()


def test_markdown_is_one_table_that_foreign_text_cannot_break(tmp_path: Path) -> None:
    name = "a|b_*<script>_"
    runs = [read_run(write_run(tmp_path / side, {name: Task({("acc", "none"): [True] * 8})})) for side in "ab"]
    text = comparison_markdown(compare_runs(*runs))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(line.replace("\\|", "").split("|")) for line in lines} == {10}
    assert "<script>" not in text


def test_exports_hold_every_row_with_full_precision(comparison: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_csv(comparison))))
    document = json.loads(comparison_json(comparison))
    assert len(rows) == len(document["rows"]) == len(comparison.rows) == 4 + 2 + 2 + 1 + 4 + 57
    for row, exported, also in zip(comparison.rows, rows, document["rows"], strict=True):
        assert row.difference is not None
        assert float(exported["second"]) == also["second"] == row.second.value
        assert float(exported["p"]) == also["p"] == row.difference.p
    assert document["sentence"] == comparison.sentence
