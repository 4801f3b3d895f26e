from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import ANY

from tests.cli.results_commands import benchtui, one_line_error, write_model
from tests.synthetic import ifeval, write_run


def test_benchmark_json_is_rebuilt_and_shown(tmp_path: Path) -> None:
    model = write_model(tmp_path, "llama-lima", 90, 20)
    ended = benchtui("summarize", "llama-lima", "--outputs", tmp_path)
    assert ended.code == 0
    assert "Instruction-Following" in ended.out
    written = json.loads((model / "benchmarks" / "benchmark.json").read_text())
    assert written["comparison"]["ifeval"]["verdict"] == "good"
    assert written["comparison"]["ifeval"]["verdict_likely"] == "excellent"
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


def test_a_run_of_the_base_is_no_result_of_the_model(tmp_path: Path) -> None:
    model = write_model(tmp_path, "m", 90, 20)
    write_run(model / "benchmarks" / "base" / "previous" / "2026-11-01T00-00-00", {"ifeval": ifeval([True] * 541)})
    benchtui("summarize", "m", "--outputs", tmp_path)
    file = model / "benchmarks" / "benchmark.json"
    before = file.read_bytes()
    bases = ("base", "previous/2026-11-01T00-00-00")
    for arguments in (*((f"m/{name}",) for name in bases), *(("m", "--run", name) for name in bases)):
        ended = benchtui("summarize", *arguments, "--outputs", tmp_path)
        one_line_error(ended, 1, ["is a run of the base model, not of the fine-tuned one"])
    assert file.read_bytes() == before


def test_less_than_a_full_run_is_shown_and_does_not_replace_the_headline(tmp_path: Path) -> None:
    model = write_model(tmp_path, "m", 90, 20, stamp="2026-11-20T00-00-00")
    limited = model / "benchmarks" / "fine-tuned" / "2026-11-21T00-00-00"
    write_run(limited, {"ifeval": ifeval([True] * 5)}, stamp="2026-11-21T00-00-00")
    for arguments in (("m", "--run", limited.name), (f"m/{limited.name}",), (limited,)):
        ended = benchtui("summarize", *arguments, "--outputs", tmp_path)
        assert ended.code == 0
        assert "5/541" in ended.out, "the run that was asked for is the one that is shown"
        assert ended.err.splitlines()[0] == (
            "The run 2026-11-21T00-00-00, which was limited, has 5 of 541 samples. The results of the full run "
            "2026-11-20T00-00-00 stay those of the model."
        )
        written = json.loads((model / "benchmarks" / "benchmark.json").read_text())
        assert written["fine_tuned_model"]["benchmark_dir"].endswith("2026-11-20T00-00-00")
        assert written["comparison"]["ifeval"]["n"] == 541
        assert [(run["run"], run["extent"], run["n"]) for run in written["newer_runs"]] == [
            (limited.name, "limited", 5)
        ]
    assert json.loads(benchtui("summarize", limited, "--json").out) == written | {"timestamp": ANY}
