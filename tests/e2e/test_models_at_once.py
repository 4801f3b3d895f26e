"""`benchtui run --model all --models-at-once 2`: the same results as one after another, whatever happens to one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from benchtui.api import run_benchmark
from benchtui.demo.workspace import demo_paths, open_workspace
from benchtui.interpreter import this_python
from benchtui.plans.choice import Choice
from benchtui.runs.directory import RunDirectory, fine_tuned_runs
from benchtui.runs.records import read_done
from tests.e2e.commands import Finished, benchtui, results_in

pytestmark = pytest.mark.slow

FLAGS = ["run", "--isolated", "--model", "all", "--offline", "--no-readme", "--include-path", demo_paths().tasks]
FEW = ["--tasks", "demo_knowledge,demo_instructions", "--limit", "12"]
ALPHA, BETA, SMALL, BROKEN = "alpha", "beta", "small", "broken"


def make_place(folder: Path, *, of_small: bool = True) -> Path:
    """Two fine-tuned models of one base, one of another base, and a folder whose weights are cut short."""
    place = open_workspace(folder)
    merged = place.model / "merged_16bit"
    for name in (ALPHA, BETA, *([SMALL] if of_small else []), BROKEN):
        shutil.copytree(merged, place.outputs / name / "merged_16bit")
    if of_small:
        shutil.rmtree(place.outputs / SMALL / "merged_16bit")
        own, base = place.outputs / SMALL / "merged_16bit", folder / "models" / "islands-80k"
        shutil.copytree(base, own)
        (own / "README.md").write_text(f"---\nbase_model: {base}\n---\n")
    weights = place.outputs / BROKEN / "merged_16bit" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    shutil.rmtree(place.model)
    return folder


def run_all(place: Path, *more: str) -> Finished:
    return benchtui(*FLAGS, *FEW, *more, cwd=place, env={"XDG_STATE_HOME": str(place / "state")})


def scores(place: Path) -> dict[str, Any]:
    found = {}
    for name in (ALPHA, BETA, SMALL):
        benchmarks = place / "outputs" / name / "benchmarks"
        (tuned,) = fine_tuned_runs(benchmarks)
        for run in (RunDirectory(benchmarks / "base"), tuned):
            results = results_in(run.lm_eval)["results"]
            found[f"{name} {run.plan().role}"] = {
                task: {key: value for key, value in of_task.items() if key.startswith(("acc", "prompt", "inst"))}
                for task, of_task in results.items()
            }
            for file in sorted(run.lm_eval.glob("samples_*.jsonl")):
                lines = [json.loads(line) for line in file.read_text().splitlines()]
                texts = [line["resps"] for line in lines if "demo_instructions" in file.name]
                found[f"{name} {run.plan().role} {file.name.rsplit('_', 1)[0]}"] = texts
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished, Path, Finished]:
    in_turn, at_once = (make_place(tmp_path_factory.mktemp(name) / "place") for name in ("turn", "once"))
    return in_turn, run_all(in_turn), at_once, run_all(at_once, "--models-at-once", "2", "--json")


@pytest.mark.long
def test_results_are_those_of_one_after_another(places: tuple[Path, Finished, Path, Finished]) -> None:
    in_turn, first, at_once, second = places
    assert first.code == second.code == 3, second.err
    assert scores(in_turn) == scores(at_once)
    for ended in (first, second):
        *closing, total = ended.err.splitlines()[-5:]
        assert total == "3 of 4 models evaluated."
        assert sorted(line.split(":")[0] for line in closing) == [ALPHA, BETA, BROKEN, SMALL]
        assert sum("skipped" in line for line in closing) == 1


@pytest.mark.long
def test_each_base_is_evaluated_once_and_two_models_were_at_work(
    places: tuple[Path, Finished, Path, Finished],
) -> None:
    place, ended = places[2:]
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert {event["model"] for event in events} == {ALPHA, BETA, SMALL}, "each line names its model"
    started = [event for event in events if event["event"] == "worker-started"]
    assert sum(event["role"] == "base" for event in started) == 2, "of two bases, not three"
    copied = [
        name for name in (ALPHA, BETA) if (place / "outputs" / name / "benchmarks/base/run/copied-from.json").exists()
    ]
    assert len(copied) == 1
    spans = {}
    for name in (ALPHA, BETA, SMALL):
        times = [event["t"] for event in events if event["model"] == name]
        spans[name] = (min(times), max(times))
    assert any(
        spans[one][0] < spans[other][1] and spans[other][0] < spans[one][1]
        for one, other in ((ALPHA, BETA), (ALPHA, SMALL), (BETA, SMALL))
    )


def start(place: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        this_python("-m", "benchtui", *map(str, FLAGS), "--tasks", "demo_instructions", *more),
        cwd=place,
        env={**os.environ, "XDG_STATE_HOME": str(place / "state")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def workers(place: Path) -> dict[str, int]:
    """The latest worker of each model that has begun to answer."""
    found = {}
    for journal in place.glob("outputs/*/benchmarks/**/run/journal.sqlite"):
        events = journal.with_name("events.jsonl").read_text().splitlines()
        started = [json.loads(line) for line in events if '"worker-started"' in line]
        if started and any('"progress"' in line and json.loads(line)["documents"] for line in events):
            found[journal.relative_to(place / "outputs").parts[0]] = int(started[-1]["pid"])
    return found


def wait_for_two(place: Path, process: subprocess.Popen[str]) -> dict[str, int]:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        if len(found := workers(place)) == 2:
            return found
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"two models were not at work: {process.communicate()}")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def two_models(place: Path) -> Path:
    """Two models without bases, whose every text is long enough to be interrupted."""
    made = make_place(place)
    for name in (BETA, BROKEN):
        shutil.rmtree(made / "outputs" / name)
    return made


def test_ctrl_c_once_stops_all_and_keeps_what_was_answered(tmp_path: Path) -> None:
    place = two_models(tmp_path / "place")
    process = start(place, "--no-base", "--models-at-once", "2", "--repeats", "8", "--temperature", "0.7")
    pids = wait_for_two(place, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.count("Stopping: what was answered is kept and scored.") == 1
    assert not any(alive(pid) for pid in pids.values())
    for name in (ALPHA, SMALL):
        assert f"{name}: stopped: fine-tuned cancelled" in err
        (run,) = fine_tuned_runs(place / "outputs" / name / "benchmarks")
        assert (done := read_done(run)) is not None
        assert done.status == "cancelled"
        assert done.results, "what was answered is scored"


def test_ctrl_c_twice_kills_all_at_once(tmp_path: Path) -> None:
    place = two_models(tmp_path / "place")
    process = start(place, "--no-base", "--models-at-once", "2", "--repeats", "8", "--temperature", "0.7")
    pids = wait_for_two(place, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert time.monotonic() - began < 15
    assert not any(alive(pid) for pid in pids.values())


def test_one_whose_worker_is_killed_does_not_stop_the_other(tmp_path: Path) -> None:
    place = two_models(tmp_path / "place")
    process = start(place, "--no-base", "--models-at-once", "2", "--repeats", "8", "--temperature", "0.7")
    pids = wait_for_two(place, process)
    os.kill(pids[ALPHA], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 3, err
    closing = err.splitlines()[-3:]
    assert f"{SMALL}: evaluated." in closing
    assert any(line.startswith(f"{ALPHA}: ") and "evaluated." not in line for line in closing)


def test_models_that_do_not_fit_beside_each_other_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("benchtui.benchmark.at_once.free_on", lambda _: 1_000_000_000)
    place, said = two_models(tmp_path / "place"), list[str]()
    choice = Choice(
        outputs=place / "outputs",
        model="all",
        compare=False,
        models_at_once=2,
        tasks=("demo_knowledge",),
        include_paths=(demo_paths().tasks,),
        limit=5.0,
        offline=True,
        readme=False,
    )
    assert run_benchmark(choice, said.append) == 0
    assert sorted(said[-3:-1]) == ["alpha: evaluated.", "small: evaluated."]
    assert said[-1] == "2 of 2 models evaluated."
    spans = []
    for name in (ALPHA, SMALL):
        (run,) = fine_tuned_runs(place / "outputs" / name / "benchmarks")
        times = [json.loads(line)["t"] for line in run.events.read_text().splitlines()]
        spans.append((min(times), max(times)))
    assert spans[0][1] < spans[1][0] or spans[1][1] < spans[0][0]
