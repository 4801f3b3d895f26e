"""benchmark.json: the keys that scripts know, and ours beside them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchtui.compare.summary import write_summary
from benchtui.errors import BenchtuiError
from benchtui.results.choose import ChosenRuns
from benchtui.runs.directory import RunDirectory
from tests.lm_eval_runs import RealRuns
from tests.synthetic import Task, ifeval, write_run


@pytest.fixture
def model(real_runs: RealRuns, tmp_path: Path) -> Path:
    folder = tmp_path / "llama-lima"
    shutil.copytree(next(real_runs.first.iterdir()), folder / "benchmarks" / "base" / "lm-eval")
    run = folder / "benchmarks" / "fine-tuned" / "2026-11-20T10-30-15"
    shutil.copytree(next(real_runs.second.iterdir()), run / "lm-eval")
    return folder


def test_the_keys_of_old_are_there_and_mean_the_same(model: Path) -> None:
    summary = write_summary(model)
    written = json.loads(summary.path.read_text())
    assert summary.path == model / "benchmarks" / "benchmark.json"
    assert written["model_name"] == "llama-lima"
    assert written["model_path"] == str(model)
    assert written["base_model_name"] == "tiny-first"
    assert isinstance(written["timestamp"], str)
    for side, run in (("base_model", summary.base), ("fine_tuned_model", summary.fine_tuned)):
        assert run is not None
        assert written[side]["results"] == json.loads(run.file.read_text())["results"]
        assert written[side]["benchmark_dir"] == str(run.run)
        assert written[side]["timestamp"] == run.file.stat().st_mtime
    for task, entry in written["comparison"].items():
        base, tuned = entry["base_accuracy"], entry["finetuned_accuracy"]
        assert entry["metric"].count(",") == 1
        assert entry["delta"] == pytest.approx(tuned - base)
        assert entry["paired_on"] is None
        assert entry["delta_percent"] == (pytest.approx(100 * (tuned - base) / base) if base else None)
        if task in written["base_model"]["results"]:
            assert base == written["base_model"]["results"][task][entry["metric"]]


def test_what_makes_the_numbers_worth_something_is_beside_them(model: Path) -> None:
    written = json.loads(write_summary(model).path.read_text())
    entry = written["comparison"]["obey"]
    assert list(entry["metrics"]) == [
        f"{level}_level_{kind}_acc,none" for kind in ("strict", "loose") for level in ("prompt", "inst")
    ]
    assert (entry["n"], entry["limit"], entry["matched"], entry["unmatched"]) == (12, None, 12, 0)
    low, high = entry["delta_interval"]
    assert low <= entry["delta"] <= high
    assert 0 <= entry["p_value"] <= entry["p_value_holm"] <= 1
    assert entry["verdict"] == "no difference shown"
    assert list(written["comparison"]["say"]["metrics"]) == ["exact_match,strict-match", "exact_match,flexible-extract"]
    assert written["schema_version"] == 1
    assert written["verdict"].startswith("No evidence")


def test_gsm8k_is_no_zero(tmp_path: Path) -> None:
    """The first implementation looked for "exact_match,none" and wrote zeros."""
    for run, score in (("base", 0.0), ("fine-tuned/a", 1.0)):
        task = Task({("exact_match", "strict-match"): [score] * 4, ("exact_match", "flexible-extract"): [1.0] * 4})
        write_run(tmp_path / "benchmarks" / run, {"gsm8k": task})
    entry = json.loads(write_summary(tmp_path).path.read_text())["comparison"]["gsm8k"]
    assert (entry["metric"], entry["base_accuracy"], entry["finetuned_accuracy"]) == ("exact_match,strict-match", 0, 1)


def test_a_model_without_a_base_run_has_an_empty_base(tmp_path: Path) -> None:
    write_run(tmp_path / "benchmarks" / "fine-tuned" / "a", {"ifeval": ifeval([True, False])})
    written = json.loads(write_summary(tmp_path).path.read_text())
    assert written["base_model"] == {}
    assert written["comparison"] == {}
    assert written["verdict"] is None
    assert written["fine_tuned_model"]["tasks"]["ifeval"]["n"] == 2


def test_the_latest_run_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    write_run(tmp_path / "benchmarks" / "base", {"ifeval": ifeval([False] * 8)})
    early = write_run(
        tmp_path / "benchmarks" / "fine-tuned" / "z", {"ifeval": ifeval([True] * 8)}, stamp="2026-11-01T00-00-00"
    )
    write_run(
        tmp_path / "benchmarks" / "fine-tuned" / "a", {"ifeval": ifeval([False] * 8)}, stamp="2026-11-02T00-00-00"
    )
    assert json.loads(write_summary(tmp_path).path.read_text())["comparison"]["ifeval"]["delta"] == 0
    base = RunDirectory(tmp_path / "benchmarks" / "base")
    named = write_summary(tmp_path, ChosenRuns(base, RunDirectory(early)))
    assert json.loads(named.path.read_text())["comparison"]["ifeval"]["delta"] == 1


def test_partial_results_are_marked(tmp_path: Path) -> None:
    block = {"partial": True, "documents": {"ifeval": {"done": 4, "total": 8}}}
    write_run(tmp_path / "benchmarks" / "base", {"ifeval": ifeval([True] * 8)})
    write_run(tmp_path / "benchmarks" / "fine-tuned" / "a", {"ifeval": ifeval([True] * 4)}, block=block)
    written = json.loads(write_summary(tmp_path).path.read_text())
    assert written["fine_tuned_model"]["partial"] == {"ifeval": {"done": 4, "total": 8}}
    assert written["comparison"]["ifeval"]["fine_tuned"]["partial"] == {"done": 4, "total": 8}
    assert written["comparison"]["ifeval"]["verdict"] == "not comparable"


def test_a_delta_over_part_of_the_documents_says_so(tmp_path: Path) -> None:
    """Each side keeps its own score; the difference is between answers to the same documents."""
    write_run(
        tmp_path / "benchmarks" / "base", {"ifeval": ifeval([True, True, False, False, False, False, False, False])}
    )
    write_run(tmp_path / "benchmarks" / "fine-tuned" / "a", {"ifeval": ifeval([True, False, True, True])})
    entry = json.loads(write_summary(tmp_path).path.read_text())["comparison"]["ifeval"]
    assert (entry["base_accuracy"], entry["finetuned_accuracy"]) == (0.25, 0.75)
    assert (entry["delta"], entry["delta_percent"], entry["paired_on"]) == (0.25, 50.0, 4)


def test_nothing_to_summarize_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="has no benchmark results yet"):
        write_summary(tmp_path)


def test_a_failed_write_leaves_the_old_file(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_summary(model).path
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BenchtuiError, match="No space left on device"):
        write_summary(model)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.glob(".*")] == []


def test_no_heavy_library_is_needed(model: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from benchtui.compare.summary import write_summary\n"
        "from benchtui.reports.tables import plain_table\n"
        f"plain_table(write_summary(Path({str(model)!r})).comparison)\n"
        "print([m for m in ('torch', 'transformers', 'lm_eval', 'datasets', 'textual') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
