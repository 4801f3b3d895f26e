"""`benchtui hybrid run` in real processes, on a pair that was really trained: the demo's base and its small sibling."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths, open_workspace
from benchtui.interpreter import this_python
from benchtui.runs.directory import RunDirectory
from tests.e2e.commands import Finished, benchtui, results_in

pytestmark = pytest.mark.slow
PAIR = f"{SMALL_NAME}+{BASE_NAME}"
ASKED = ("--include-path", str(demo_paths().tasks), "--dtype", "float32", "--limit", "8")
BOTH = ("--tasks", "demo_knowledge,demo_instructions")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_workspace(tmp_path_factory.mktemp("hybrid") / "d").root


def hybrid(demo: Path, *more: str, small: str = "--small", large: str = "--large") -> Finished:
    models = (small, f"models/{SMALL_NAME}", large, f"models/{BASE_NAME}")
    done = benchtui("hybrid", "run", *models, *ASKED, *more, cwd=demo)
    assert done.code == 0, done.err
    return done


def newest(demo: Path) -> RunDirectory:
    """The newest run; in a folder without any, one that is not there."""
    folder = demo / "outputs" / PAIR / "benchmarks" / "fine-tuned"
    return RunDirectory(max(folder.iterdir() if folder.is_dir() else [], default=folder / "none"))


def journaled(run: RunDirectory) -> Iterator[tuple[str, dict[str, Any]]]:
    """Task and facts of every answer, read without anything of benchtui."""
    with closing(sqlite3.connect(f"file:{run.journal}?mode=ro", uri=True)) as db:
        for task, facts in db.execute("SELECT task, facts FROM answers"):
            yield task, json.loads(facts)


def told_answers(run: RunDirectory) -> int:
    """How many requests are answered, by the run's own events."""
    lines = run.events.read_bytes().split(b"\n")[:-1] if run.events.exists() else []
    told = [event for event in map(json.loads, lines) if event["event"] == "progress"]
    return int(told[-1]["requests"]) if told else 0


def summed(run: RunDirectory, *tasks: str) -> dict[str, list[float]]:
    found = [facts["routed"] for task, facts in journaled(run) if task in tasks]
    return {
        side: [sum(column) for column in zip(*(part[side] for part in found), strict=True)]
        for side in ("small", "large")
    }


def test_results_tell_the_sums_of_the_journal_in_the_words_of_the_seed(demo: Path) -> None:
    said = hybrid(demo, *BOTH, "--strategy", "uncertainty", "--threshold", "0.3").out
    run = newest(demo)
    told = results_in(run.lm_eval)["metadata"]
    asked = {
        "slm_model_id": str(demo / "models" / SMALL_NAME), "llm_model_id": str(demo / "models" / BASE_NAME),
        "strategy": "uncertainty", "threshold": 0.3, "num_drafts": None, "use_slm_only": False, "device": "cpu",
        "dtype": "float32", "tasks": ["demo_knowledge", "demo_instructions"], "num_fewshot": None,
        "batch_size": "auto", "limit": 8.0, "apply_chat_template": True, "report_routing_metrics": True,
        "report_content": False,
    }  # fmt: skip
    assert {name: told[name] for name in asked} == asked
    sums = summed(run, "demo_knowledge", "demo_instructions")
    small, large = (int(sums[side][2]) for side in ("small", "large"))
    assert told["routing_metrics"]["slm_tokens"] == small > 0
    assert told["routing_metrics"]["llm_tokens"] == large > 0
    assert told["routing_metrics"]["total_tokens"] == small + large
    for side in ("small", "large"):
        cost = told["costs"][side]
        assert [cost["calls"], cost["positions"], cost["chosen"]] == sums[side][:3]
        (calls, *_), by_task = summed(run, "demo_instructions")[side], told["costs_by_task"]["demo_instructions"]
        assert by_task[side]["calls"] == calls
    files = {"small": demo / "models" / SMALL_NAME, "large": demo / "models" / BASE_NAME}
    assert told["bytes_on_disk"] == {
        side: sum(file.stat().st_size for file in folder.glob("*.safetensors")) for side, folder in files.items()
    }
    texts = told["costs_by_task"]["demo_instructions"]
    seconds = texts["small"]["seconds"] + texts["large"]["seconds"]
    chosen = texts["small"]["chosen"] + texts["large"]["chosen"]
    assert texts["tokens_per_second"] == pytest.approx(chosen / seconds)
    words = " ".join(said.split())
    assert "uncertainty, threshold 0.3" in words
    assert f"{100 * large / (small + large):.1f} % of {small + large} tokens by the large model. That is not" in words
    assert "Log-likelihoods by token mixture" in words


def test_speculative_tells_what_was_accepted_and_whose_log_likelihoods_they_are(demo: Path) -> None:
    said = hybrid(demo, *BOTH, "--strategy", "speculative", "--num-drafts", "3").out
    run = newest(demo)
    told = results_in(run.lm_eval)["metadata"]
    facts = [found["routed"] for task, found in journaled(run) if task == "demo_instructions"]
    drafted, accepted = (sum(part[name] for part in facts) for name in ("drafted", "accepted"))
    assert 0 < accepted <= drafted
    assert (told["costs"]["drafted"], told["costs"]["accepted"], told["num_drafts"]) == (drafted, accepted, 3)
    words = " ".join(said.split())
    assert f"{100 * accepted / drafted:.1f} % of {drafted} drafted tokens accepted" in words
    assert "Log-likelihoods by the large model alone" in words
    assert "token mixture" not in words


def test_a_line_of_the_seed_writes_its_file_with_questions_and_answers(demo: Path) -> None:
    settings = '{"temperature": 0.8, "do_sample": true, "max_gen_toks": 6}'
    said = hybrid(
        demo, *BOTH, "--num_drafts", "4", "--gen_kwargs", settings, "--log_samples", "--report-content",
        "--output_name", "mine.json", small="--slm", large="--llm",
    )  # fmt: skip
    assert "Written: eval_results/mine.json" in said.err
    run, folder = newest(demo), demo / "eval_results"
    written = json.loads((folder / "mine.json").read_text())
    own = results_in(run.lm_eval)
    told = written["metadata"].pop("content_metrics")
    assert written.pop("metadata") == own.pop("metadata") | {"report_content": True}
    assert written == own
    samples = [json.loads(line) for line in (folder / "mine_samples_demo_instructions.jsonl").read_text().splitlines()]
    questions = [(sample["arguments"]["gen_args_0"]["arg_0"], sample["resps"][0][0]) for sample in samples]
    assert [(each["question"], each["answer"]) for each in told["detailed_content"]] == questions
    assert told["total_questions"] == 8
    assert max(each["num_tokens"] for each in told["detailed_content"]) <= 6
    assert told["total_generation_time"] == pytest.approx(
        sum(each["generation_time"] for each in told["detailed_content"])
    )
    for replaced in ("temperature of {} 0.8 (0.0", "do_sample of {} true (false", "max_gen_toks of {} 6 (32"):
        assert f"{replaced.format('demo_instructions')} in the task)" in said.err


def test_a_resumed_run_tells_the_sum_of_both_workers(demo: Path) -> None:
    before = newest(demo)
    models = ("--small", f"models/{SMALL_NAME}", "--large", f"models/{BASE_NAME}")
    asked = ("--tasks", "demo_instructions", "--threshold", "0.2", *ASKED[:-1], "150")
    process = subprocess.Popen(
        this_python("-m", "benchtui", "hybrid", "run", *models, *asked),
        cwd=demo, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while (run := newest(demo)) == before or not 10 <= told_answers(run) < 140:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert 10 <= told_answers(run) < 150
    done = benchtui("resume", f"{PAIR}/{run.path.name}", cwd=demo)
    assert done.code == 0, done.err
    told = results_in(run.lm_eval)["metadata"]["costs"]
    sums = summed(run, "demo_instructions")
    assert sum(1 for _ in journaled(run)) == 150
    assert [told[side]["calls"] for side in ("small", "large")] == [sums[side][0] for side in ("small", "large")]


def test_a_run_of_two_models_is_compared_judged_and_listed_like_any_other(demo: Path) -> None:
    hybrid(demo, *BOTH, "--strategy", "margin", "--threshold", "0.5")
    run = newest(demo)
    alone = benchtui("run", "--model", f"models/{BASE_NAME}", "--no-base", *BOTH, *ASKED, cwd=demo)
    assert alone.code == 0, alone.err
    (large,) = (demo / "models" / BASE_NAME / "benchmarks" / "fine-tuned").iterdir()
    compared = benchtui("compare", large, f"{PAIR}/{run.path.name}", cwd=demo)
    assert compared.code == 0, compared.err
    assert "margin, threshold 0.5" in " ".join(compared.out.split())
    assert "Runs differ" not in compared.out, "the small model and the strategy are what they are meant to differ in"
    judged = benchtui("gate", large, f"{PAIR}/{run.path.name}", "--max-loss", "100", cwd=demo)
    assert judged.code in (0, 3), judged.err
    assert "differ in" not in judged.out
    assert PAIR not in benchtui("models", cwd=demo).out
    assert f"{PAIR}/{run.path.name}" in benchtui("runs", cwd=demo).out
    assert PAIR in benchtui("history", PAIR, cwd=demo, env={"COLUMNS": "200"}).out
    narrow = benchtui("history", PAIR, cwd=demo, env={"COLUMNS": "80"}).out
    assert PAIR[:20] in narrow, "a long name is folded, not cut"
    assert benchtui("readme", PAIR, "--run", run.path.name, cwd=demo).code == 0
    readme = (demo / "outputs" / PAIR / "README.md").read_text()
    assert "A small and a large model that answer as one." in readme
    assert "not compute" in readme
    assert "by token mixture" in readme
