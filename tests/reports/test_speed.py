"""How fast each model answered stands beside the scores, in every form; and a smaller model that is slower here."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.compare.records import Comparison
from benchtui.compare.speed import smaller_but_slower
from benchtui.compare.summary import write_summary
from benchtui.compare.verdicts.gate import gate
from benchtui.reports.exports import comparison_csv, comparison_json
from benchtui.reports.html import comparison_html
from benchtui.reports.markdown import comparison_markdown
from benchtui.reports.readme.section import results_section
from benchtui.reports.tables import plain_table, print_summary
from benchtui.results.choose import ChosenRuns
from benchtui.results.read import read_run
from benchtui.runs.directory import RunDirectory
from tests.synthetic import ifeval, write_run

HERE = ["An Old Processor, 2 processors"]
WORDS = (
    "Speed of Base: reads 3,120 tokens/s (2,900 to 3,300), writes 55 tokens/s (53 to 56), prompts of 412 tokens",
    "540 MB of memory, on An Old Processor, 2 processors",
)
SLOWER = (
    "Fine-tuned is smaller (98.0 MB against 540 MB) but slower here: "
    "it writes 40 tokens/s (38 to 42), Base 55 tokens/s (53 to 56)"
)


def rate(low: float, median: float, high: float) -> dict[str, Any]:
    return {"tokens": 1000, "seconds": 1000 / median, "measured": 9, "median": median, "low": low, "high": high}


LARGE = {
    "prefill": rate(2900, 3120, 3300),
    "decode": rate(53, 55, 56),
    "prompt_tokens": 412.0,
    "memory": 540_000_000,
    "weights": 540_000_000,
    "machines": HERE,
}
SMALL = {"prefill": rate(2000, 3000, 4000), "decode": rate(38, 40, 42), "weights": 98_000_000, "machines": HERE}


def compared(tmp_path: Path, first: dict[str, Any] | None, second: dict[str, Any] | None) -> Comparison:
    runs = []
    for place, speed in (("base", first), ("fine-tuned/x", second)):
        block = {"speed": speed} if speed is not None else {}
        folder = write_run(tmp_path / "benchmarks" / place, {"ifeval": ifeval([True, False] * 20)}, block=block)
        runs.append(read_run(folder))
    return compare_runs(*runs)


def test_every_form_says_it(tmp_path: Path) -> None:
    comparison = compared(tmp_path, LARGE, SMALL)
    forms = {
        "table": plain_table(comparison, width=100),
        "markdown": comparison_markdown(comparison),
        "README": results_section(comparison.second, comparison.first, comparison),
    }
    for name, text in forms.items():
        told = " ".join(text.replace("\\", "").replace("! ", "").split())
        for words in (*WORDS, SLOWER):
            assert words in told, (name, words)
    page = comparison_html(comparison)
    assert WORDS[0].removeprefix("Speed of Base: ") in page
    assert SLOWER in page
    document = json.loads(comparison_json(comparison))
    assert document["first"]["speed"]["decode"]["median"] == 55
    assert document["smaller_but_slower"] == SLOWER
    line = next(csv.DictReader(io.StringIO(comparison_csv(comparison))))
    assert (line["first_decode_tokens_per_second"], line["second_weights"]) == ("55.0", "98000000")
    assert (line["first_memory"], line["second_memory"]) == ("540000000", "")


def test_a_single_run_and_benchmark_json_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared(tmp_path, LARGE, SMALL)
    runs = ChosenRuns(None, RunDirectory(tmp_path / "benchmarks" / "fine-tuned" / "x"))
    summary = write_summary(tmp_path, runs)
    print_summary(summary)
    assert "Speed: reads 3,000 tokens/s (2,000 to 4,000), writes 40 tokens/s (38 to 42)" in capsys.readouterr().out
    assert json.loads(summary.path.read_text())["fine_tuned_model"]["speed"]["weights"] == 98_000_000


def test_what_was_not_measured_says_nothing(tmp_path: Path) -> None:
    comparison = compared(tmp_path, None, {"weights": 5})
    for text in (plain_table(comparison), comparison_markdown(comparison)):
        assert "peed of" not in text
    assert smaller_but_slower(comparison) is None
    assert json.loads(comparison_json(comparison))["first"]["speed"] is None


def test_a_single_pass_shows_no_spread(tmp_path: Path) -> None:
    once = {"decode": rate(40, 40, 40) | {"measured": 1}}
    assert "writes 40 tokens/s (measured once)" in plain_table(compared(tmp_path, LARGE, once))


def test_of_several_workers_the_speed_is_that_of_each(tmp_path: Path) -> None:
    several = {"decode": rate(38, 40, 42), "workers": 4, "machines": ["One GPU", "Another"]}
    text = " ".join(plain_table(compared(tmp_path, LARGE, several)).split())
    assert "each of 4 workers writes 40 tokens/s (38 to 42), on One GPU and Another" in text


def test_speed_is_no_reason_for_a_gate(tmp_path: Path) -> None:
    assert "slower" not in gate(compared(tmp_path, LARGE, SMALL), max_loss=3).reason


@pytest.mark.parametrize(
    "other",
    [
        SMALL | {"decode": rate(50, 52, 54)},
        SMALL | {"machines": ["Another"]},
        SMALL | {"each": "answer"},
        SMALL | {"workers": 2},
        SMALL | {"decode": rate(38, 40, 42) | {"measured": 4}},
        SMALL | {"weights": None},
        SMALL | {"weights": LARGE["weights"]},
        SMALL | {"weights": 600_000_000},
        SMALL | {"decode": rate(58, 60, 62)},
    ],
    ids=[
        "within the spread",
        "elsewhere",
        "measured otherwise",
        "by several workers",
        "measured too little",
        "of no known size",
        "equal",
        "larger",
        "faster",
    ],
)
def test_nothing_is_slower(tmp_path: Path, other: dict[str, Any]) -> None:
    assert smaller_but_slower(compared(tmp_path, LARGE, other)) is None
