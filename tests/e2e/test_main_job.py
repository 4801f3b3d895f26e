"""The main job on the shipped models: one command, and everything it promises is on disk and on the screen."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import BASE_NAME
from tests.e2e.commands import Finished, benchtui, results_in, samples_in

pytestmark = pytest.mark.slow

NO_NETWORK = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
HEAVY = ("torch", "transformers", "lm_eval", "datasets", "textual")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(place: Path) -> Finished:
    return benchtui("demo", cwd=place, env=NO_NETWORK)


@pytest.fixture(scope="module")
def model(place: Path, first: Finished) -> Path:
    assert first.code == 0, first.err
    (folder,) = (place / "benchtui-demo" / "outputs").iterdir()
    return folder


def summary(model: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((model / "benchmarks" / "benchmark.json").read_text())
    return content


def test_the_table_is_on_stdout_and_the_prose_on_stderr(first: Finished, model: Path) -> None:
    assert "Base" in first.out
    assert "↗" in first.out
    assert "↘" in first.out
    assert "evaluating" in first.err
    assert "evaluating" not in first.out
    assert "\x1b" not in first.out + first.err


def test_training_helped_one_skill_and_cost_another(model: Path) -> None:
    comparison = summary(model)["comparison"]
    assert comparison["demo_instructions"]["delta"] > 0.2
    assert comparison["demo_knowledge"]["delta"] < -0.05
    assert "excellent" in json.dumps(comparison["demo_instructions"]).lower()
    assert "forgetting" in json.dumps(comparison["demo_knowledge"]).lower()


def test_benchmark_json_keeps_its_contract(model: Path) -> None:
    content = summary(model)
    assert {"model_name", "model_path", "base_model_name", "timestamp", "base_model", "fine_tuned_model"} <= set(
        content
    )
    for side in ("base_model", "fine_tuned_model"):
        assert {"results", "benchmark_dir", "timestamp"} <= set(content[side])
        assert isinstance(content[side]["timestamp"], float)
    for task in content["comparison"].values():
        assert {"metric", "base_accuracy", "finetuned_accuracy", "delta", "delta_percent"} <= set(task)
        assert task["delta"] == pytest.approx(task["finetuned_accuracy"] - task["base_accuracy"])


def test_lm_evals_own_files_lie_directly_in_lm_eval(model: Path) -> None:
    benchmarks = model / "benchmarks"
    for run in (benchmarks / "base", *(benchmarks / "fine-tuned").iterdir()):
        content = results_in(run / "lm-eval")
        assert set(content["results"]) == {"demo_instructions", "demo_knowledge"}
        assert content["benchtui"]["partial"] is False
        for task, counts in content["n-samples"].items():
            samples = samples_in(run / "lm-eval", task)
            assert len(samples) == counts["effective"] * len({sample["filter"] for sample in samples})
        assert json.loads((run / "run" / "done.json").read_text())["status"] == "finished"
        assert "lm_eval run --model hf" in (run / "run" / "lm_eval.sh").read_text()


def test_the_readmes_hold_the_results(model: Path) -> None:
    for readme in (model / "README.md", model / "lora" / "README.md", model / "merged_16bit" / "README.md"):
        assert "Benchmark Results" in readme.read_text()


def test_the_base_is_evaluated_once(place: Path, model: Path) -> None:
    base = model / "benchmarks" / "base" / "run" / "done.json"
    before = base.read_bytes()
    again = benchtui("demo", cwd=place, env=NO_NETWORK)
    assert again.code == 0, again.err
    assert "reused" in again.err
    assert base.read_bytes() == before
    assert len(list((model / "benchmarks" / "fine-tuned").iterdir())) == 2


def test_an_adapter_gives_what_its_merged_weights_give(place: Path, model: Path) -> None:
    """The adapter on its base, in one load; the base's scores come from the same weights with the adapter off."""
    demo = place / "benchtui-demo"
    arguments = ["--outputs", demo / "outputs", "--base", demo / "models" / BASE_NAME, "--offline"]
    arguments += ["--include-path", Path(__file__).parents[2] / "benchtui" / "demo" / "tasks", "--no-readme"]
    arguments += ["--tasks", "demo_instructions,demo_knowledge", "--format", "lora", "--rerun-base"]
    finished = benchtui("run", *arguments, cwd=place)
    assert finished.code == 0, finished.err
    benchmarks = model / "benchmarks"
    newest = max((benchmarks / "fine-tuned").iterdir())
    merged = min((benchmarks / "fine-tuned").iterdir())
    for task, metrics in results_in(merged / "lm-eval")["results"].items():
        for metric, value in metrics.items():
            if isinstance(value, float) and "stderr" not in metric:
                assert results_in(newest / "lm-eval")["results"][task][metric] == pytest.approx(value, abs=0.02)
    (earlier,) = (benchmarks / "base" / "previous").iterdir()
    assert results_in(benchmarks / "base" / "lm-eval")["results"] == results_in(earlier / "lm-eval")["results"]
    workers = {
        line["pid"]
        for run in (benchmarks / "base", newest)
        for line in map(json.loads, (run / "run" / "events.jsonl").read_text().splitlines())
        if line["event"] == "worker-started"
    }
    assert len(workers) == 1


def test_summarize_rebuilds_it_without_the_heavy_libraries(model: Path) -> None:
    file = model / "benchmarks" / "benchmark.json"
    before = summary(model)["comparison"]
    file.unlink()
    code = (
        "import sys\nfrom benchtui.cli.main import main\n"
        "try:\n    main(['summarize', sys.argv[1]])\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == "[]"
    assert summary(model)["comparison"].keys() == before.keys()


def test_events_are_json_lines(place: Path, model: Path) -> None:
    finished = benchtui("demo", "--json", cwd=place, env=NO_NETWORK)
    assert finished.code == 0, finished.err
    events = [json.loads(line) for line in finished.out.splitlines()]
    assert {event["event"] for event in events} >= {"phase", "planned", "progress", "scores", "results", "done"}
    assert {event["role"] for event in events} == {"fine-tuned"}
    marked = [event for event in events if event["event"] == "marked"]
    newest = max((model / "benchmarks" / "fine-tuned").iterdir())
    for task, metric in (("demo_instructions", "prompt_level_strict_acc"), ("demo_knowledge", "acc_norm")):
        marks = {mark["doc_id"]: mark["right"] for event in marked if event["task"] == task for mark in event["marks"]}
        scores = {sample["doc_id"]: bool(sample[metric]) for sample in samples_in(newest / "lm-eval", task)}
        assert len(marks) >= 20
        assert marks == {doc_id: scores[doc_id] for doc_id in marks}


def run_again(place: Path, *flags: str) -> Finished:
    demo = place / "benchtui-demo"
    arguments = ["--outputs", demo / "outputs", "--base", demo / "models" / BASE_NAME, "--offline"]
    arguments += ["--include-path", Path(__file__).parents[2] / "benchtui" / "demo" / "tasks", "--no-readme"]
    return benchtui("run", *arguments, "--tasks", "demo_instructions,demo_knowledge", *flags, cwd=place)


def asked(run: Path) -> dict[str, list[int]]:
    tasks = ("demo_instructions", "demo_knowledge")
    return {task: [sample["doc_id"] for sample in samples_in(run / "lm-eval", task)] for task in tasks}


@pytest.mark.long
def test_decide_early_stops_once_the_sign_is_certain(place: Path, model: Path) -> None:
    finished = run_again(place, "--decide-early")
    assert finished.code == 0, finished.err
    assert "Base results are reused" in finished.err
    newest = max((model / "benchmarks" / "fine-tuned").iterdir())
    content = results_in(newest / "lm-eval")
    assert content["benchtui"]["partial"] is False
    stopped = content["benchtui"]["decide_early"]
    assert stopped["demo_instructions"]["decision"] == "higher"
    assert stopped["demo_knowledge"]["decision"] == "lower"
    for task, stop in stopped.items():
        assert stop["n"] == content["n-samples"][task]["effective"] < stop["total"]
        assert (stop["asked"], stop["max_loss"]) == (["sign", "loss"], 0.03)
        documents = asked(newest)[task]
        assert documents != list(range(len(documents))), "documents are drawn at random, not from the top"
    assert "when the sign of the difference was certain" in " ".join(finished.out.split())
    gated = benchtui("gate", newest, "--max-loss", "3", cwd=place)
    assert gated.code == 4, "the run went on until the loss was surely over three points"
    assert "loss of at most 3 points refuted" in " ".join((gated.out + gated.err).split())
    before = summary(model)
    assert Path(before["fine_tuned_model"]["benchmark_dir"]) != newest, "the full run of before stays the headline"
    assert before["newer_runs"][0]["run"] == newest.name
    assert {row["test"] for row in before["comparison"].values()} == {"exact McNemar"}
    exported = benchtui("compare", newest, "--format", "csv", cwd=place)
    rows = list(csv.DictReader(io.StringIO(exported.out)))
    assert len(rows) == 4
    assert {row["p"] for row in rows} == {""}
    assert {row["difference_low"] for row in rows if row["level"] == "detail"} == {""}
    for row in json.loads(benchtui("compare", newest, "--format", "json", cwd=place).out)["rows"]:
        assert row["p"] is None, "a p-value would hold for one look, and there were many"
        if row["level"] == "headline":
            assert row["test"] == "confidence sequence"
            stop = stopped[row["task"]]
            assert (row["difference_low"], row["difference_high"]) == (stop["low"], stop["high"])


@pytest.mark.parametrize("form", ["merged_16bit", pytest.param("lora", marks=pytest.mark.long)])
def test_side_by_side_both_stop_where_one_does_after_a_finished_base(place: Path, model: Path, form: str) -> None:
    """Two models in memory, or one with the adapter off and on."""
    tuned = model / "benchmarks" / "fine-tuned"
    after_base = run_again(place, "--decide-early", "--format", form)
    assert "Base results are reused" in after_base.err, after_base.err
    expected = max(tuned.iterdir())
    together = run_again(place, "--decide-early", "--rerun-base", "--format", form)
    assert together.code == 0, together.err
    assert "side by side" in together.err
    newest, base = max(tuned.iterdir()), model / "benchmarks" / "base"
    assert newest != expected
    stops = results_in(newest / "lm-eval")["benchtui"]["decide_early"]
    assert stops == results_in(expected / "lm-eval")["benchtui"]["decide_early"]
    assert results_in(newest / "lm-eval")["results"] == results_in(expected / "lm-eval")["results"]
    assert asked(base) == asked(newest) == asked(expected), "the base answers what is compared, and no more"
    content = results_in(base / "lm-eval")
    assert content["benchtui"]["decide_early"] == stops
    assert content["benchtui"]["partial"] is False


@pytest.mark.long
def test_a_base_that_stopped_early_goes_on_where_all_of_it_is_needed(place: Path, model: Path) -> None:
    base, other = model / "benchmarks" / "base", ("--max-length", "250")
    early = run_again(place, "--decide-early", *other)
    assert early.code == 0, early.err
    before = asked(base)
    assert sum(map(len, before.values())) < 392
    finished = run_again(place, *other)
    assert finished.code == 0, finished.err
    assert "only what is missing is asked" in finished.err
    assert "requests were answered before" in finished.err
    assert [len(documents) for documents in asked(base).values()] == [192, 200]
    assert results_in(base / "lm-eval")["benchtui"]["decide_early"] == {}
    assert json.loads((base / "run" / "done.json").read_text())["early"] is False
    comparison = summary(model)["comparison"]["demo_knowledge"]
    assert comparison["test"] != "confidence sequence"


@pytest.mark.long
def test_results_written_without_a_model_name_the_same_settings(place: Path, model: Path) -> None:
    """As after a worker that was killed; a setting left out would look like one that differs."""
    run = max((model / "benchmarks" / "fine-tuned").iterdir())
    before = results_in(run / "lm-eval")
    subprocess.run([sys.executable, "-m", "benchtui.worker", "--score", str(run)], check=True, cwd=place)
    after = results_in(run / "lm-eval")
    assert after["benchtui"]["resolved"] == before["benchtui"]["resolved"]
    for name in ("max_length", "tokenizer_eos_token", "eot_token_id"):
        assert after[name] == before[name], name
    assert after["results"] == before["results"]


@pytest.mark.long
def test_a_base_that_lost_lines_decides_nothing(place: Path, model: Path) -> None:
    other = ("--max-length", "250", "--tasks", "demo_knowledge")
    assert run_again(place, *other).code == 0  # a base for these settings
    (file,) = (model / "benchmarks" / "base" / "lm-eval").glob("samples_demo_knowledge_*")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    finished = run_again(place, "--decide-early", *other)
    assert "demo_knowledge cannot stop early: the base run has no complete scores on it" in finished.err
    newest = max((model / "benchmarks" / "fine-tuned").iterdir())
    assert results_in(newest / "lm-eval")["benchtui"]["decide_early"] == {}
