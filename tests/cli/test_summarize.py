from __future__ import annotations

import json
from pathlib import Path

from tests.cli.results_commands import benchtui, one_line_error, write_model


def test_benchmark_json_is_rebuilt_and_shown(tmp_path: Path) -> None:
    model = write_model(tmp_path, "llama-lima", 90, 20)
    ended = benchtui("summarize", "llama-lima", "--outputs", tmp_path)
    assert ended.code == 0
    assert "Instruction-Following" in ended.out
    written = json.loads((model / "benchmarks" / "benchmark.json").read_text())
    assert written["comparison"]["ifeval"]["verdict"] == "excellent"
    printed = benchtui("summarize", model, "--json").out
    assert json.loads(printed)["comparison"] == written["comparison"]


def test_without_a_name_the_model_benchmarked_last_is_taken(tmp_path: Path) -> None:
    write_model(tmp_path, "newer", 1, 0, stamp="2026-11-21T00-00-00")
    write_model(tmp_path, "older", 1, 0, stamp="2026-11-20T00-00-00")
    benchtui("summarize", "--outputs", tmp_path)
    assert (tmp_path / "newer" / "benchmarks" / "benchmark.json").exists()
    assert not (tmp_path / "older" / "benchmarks" / "benchmark.json").exists()


def test_a_run_may_be_named(tmp_path: Path) -> None:
    write_model(tmp_path, "m", 90, 20, stamp="2026-11-20T00-00-00")
    write_model(tmp_path, "m", 0, 0, stamp="2026-11-21T00-00-00")
    benchtui("summarize", "m", "--outputs", tmp_path, "--run", "2026-11-21T00-00-00")
    file = tmp_path / "m" / "benchmarks" / "benchmark.json"
    assert json.loads(file.read_text())["comparison"]["ifeval"]["delta"] == 0
    wrong = benchtui("summarize", "m", "--outputs", tmp_path, "--run", "2020")
    one_line_error(wrong, 1, ["no run '2020' of m", "2026-11-20T00-00-00"])


def test_an_empty_outputs_folder_says_what_to_do(tmp_path: Path) -> None:
    one_line_error(benchtui("summarize", "--outputs", tmp_path), 1, ["has been benchmarked yet", "benchtui run"])
    one_line_error(benchtui("summarize", "--outputs", tmp_path / "no"), 2, ["There is no folder"])
