"""Offline connects to nothing: not the worker, not a library in it, not the process the user types into."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchtui.doctor.examine import run_checks
from benchtui.plans.choice import Choice
from benchtui.wizard.preflight import preflight
from tests.conftest import Hub
from tests.e2e.canary import listening
from tests.e2e.commands import benchtui, results_in
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

RUN = ("run", "--device", "cpu", "--no-readme", "--offline")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("offline")
    make_tiny_model(place / "base")
    make_tiny_model(place / "outputs" / "tuned" / "merged_16bit", seed=1)
    tasks = place / "tasks"
    write_choice_task(tasks, "mine", write_data(place / "data.jsonl"))
    write_choice_task(tasks, "nosy", place / "data.jsonl", "process_docs: !function nosy.ask\n")
    (tasks / "nosy.py").write_text(
        "import urllib.request\n\n"
        "def ask(docs):\n"
        "    try:\n        urllib.request.urlopen('http://example.com/more', timeout=2)\n"
        "    except OSError:\n        pass\n    return docs\n"
    )
    write_choice_task(tasks, "wordy", place / "data.jsonl", "process_docs: !function wordy.cut\n")
    (tasks / "wordy.py").write_text("import nltk\nnltk.download('punkt_tab')\n\ndef cut(docs):\n    return docs\n")
    return place


def test_an_offline_run_connects_to_nothing(workspace: Path, tmp_path: Path) -> None:
    with listening() as canary:
        env = {**canary.env, "HF_HOME": str(tmp_path / "hf")}
        done = benchtui(
            *RUN, "--base", workspace / "base", "--tasks", "mine", "--include-path", "tasks", cwd=workspace, env=env
        )
    assert done.code == 0, done.err
    assert canary.heard == []
    results = results_in(workspace / "outputs" / "tuned" / "benchmarks" / "base" / "lm-eval")
    assert results["n-samples"]["mine"]["effective"] == 6


@pytest.mark.parametrize(
    ("task", "says"),
    [("nosy", "wanted to connect to "), ("wordy", "python -m nltk.downloader punkt_tab")],
)
def test_a_task_that_connects_by_itself_is_stopped_before_the_model_loads(
    workspace: Path, tmp_path: Path, task: str, says: str
) -> None:
    with listening() as canary:
        env = {**canary.env, "HF_HOME": str(tmp_path / "hf"), "NLTK_DATA": str(tmp_path)}
        done = benchtui(
            *RUN, "--no-base", "--no-resume", "--tasks", task, "--include-path", "tasks", cwd=workspace, env=env
        )
    assert done.code == 1
    assert says in done.err
    assert "loading model" not in done.err
    assert canary.heard == []


def test_a_hub_data_set_that_is_not_cached_is_named(workspace: Path, tmp_path: Path) -> None:
    with listening() as canary:
        env = {**canary.env, "HF_HOME": str(tmp_path / "hf")}
        done = benchtui(*RUN, "--no-base", "--no-resume", "--tasks", "gsm8k", cwd=workspace, env=env)
    assert done.code == 1
    assert "openai/gsm8k is not in the cache, and this run is offline" in done.err
    assert "without --offline" in done.err
    assert "Traceback" not in done.err
    assert canary.heard == []


def test_the_environment_alone_makes_a_run_offline(workspace: Path, tmp_path: Path) -> None:
    with listening() as canary:
        env = {**canary.env, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
        done = benchtui(*RUN[:-1], "--no-base", "--no-resume", "--tasks", "gsm8k", cwd=workspace, env=env)
    assert "openai/gsm8k is not in the cache, and this run is offline" in done.err
    assert canary.heard == []


def test_checking_before_the_start_connects_to_nothing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = Choice(
        outputs=workspace / "outputs",
        base=str(workspace / "base"),
        tasks=("mine",),
        include_paths=(workspace / "tasks",),
        offline=True,
    )
    with listening() as canary:
        for name, value in canary.env.items():
            monkeypatch.setenv(name, value)
        found = preflight(choice)
        assert canary.heard == []
        assert not any(check.name == "Plan" for check in found), found
        run_checks(workspace / "outputs")
        assert canary.heard, (
            "the doctor asks the hub where nothing forbids it, so the canary would have heard preflight"
        )


@pytest.mark.hub
def without_speed(said: str) -> str:
    """What a run printed, up to how fast it was."""
    table, speed, _ = said.partition("Speed of Base:")
    assert speed
    return table


@pytest.mark.long
def test_what_is_cached_is_found_offline(workspace: Path, hub: Hub, tmp_path: Path) -> None:
    home = {"HF_HOME": str(tmp_path / "hf"), "NLTK_DATA": hub.env["NLTK_DATA"]}
    shutil.rmtree(workspace / "outputs" / "tuned" / "benchmarks", ignore_errors=True)
    arguments = (
        "--base",
        "tinyllamas/stories260K",
        "--tasks",
        "ifeval,hellaswag",
        "--limit",
        "2",
        "--max-length",
        "2048",
    )
    online = benchtui(*RUN[:-1], *arguments, cwd=workspace, env={**hub.env, **home})
    assert online.code == 0, online.err
    shutil.rmtree(workspace / "outputs" / "tuned" / "benchmarks")
    with listening() as canary:
        offline = benchtui(*RUN, *arguments, cwd=workspace, env={**canary.env, **home})
    assert offline.code == 0, offline.err
    assert canary.heard == []
    assert without_speed(offline.out) == without_speed(online.out)
