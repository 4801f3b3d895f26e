"""Who of two models answered, in a real run of the demo's pair: samples and events say what the journal holds."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths, open_workspace
from benchtui.runs.directory import RunDirectory
from tests.e2e.commands import benchtui

pytestmark = pytest.mark.slow
TEXTS, CHOICES = "demo_instructions", "demo_knowledge"


OTHERS = [pytest.param(name, marks=pytest.mark.long) for name in ("defer", "speculative", "switch")]


@pytest.fixture(scope="module", params=["uncertainty", *OTHERS])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    demo = open_workspace(tmp_path_factory.mktemp("hybrid") / "d").root
    command = ["hybrid", "run", "--small", f"models/{SMALL_NAME}", "--large", f"models/{BASE_NAME}", "--offline"]
    threshold = [] if request.param == "speculative" else ["--threshold", "0.3"]
    command += ["--strategy", request.param, *threshold, "--tasks", f"{TEXTS},{CHOICES}", "--limit", "8"]
    done = benchtui(*command, "--include-path", str(demo_paths().tasks), "--no-readme", cwd=demo)
    assert done.code == 0, done.err
    (found,) = (demo / "outputs" / f"{SMALL_NAME}+{BASE_NAME}" / "benchmarks" / "fine-tuned").iterdir()
    return RunDirectory(found)


def samples(run: RunDirectory, task: str) -> list[dict[str, Any]]:
    (file,) = run.lm_eval.glob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


def journaled(run: RunDirectory, task: str) -> list[dict[str, Any]]:
    """What both models did for each answer, read without anything of benchtui."""
    with sqlite3.connect(f"file:{run.journal}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT facts FROM answers WHERE task = ? ORDER BY doc_id, idx, repeat", (task,))
        return [routed for (facts,) in rows if (routed := json.loads(facts).get("routed"))]


def of(work: dict[str, Any], side: str) -> int:
    """Tokens of one model; what is nothing is not written."""
    return int(work[side][2]) if side in work else 0


def test_samples_have_the_tokens_of_the_journal(run: RunDirectory) -> None:
    for task in (TEXTS, CHOICES):
        told = [answer for line in samples(run, task) for request in line.get("routed", []) for answer in request]
        kept = journaled(run, task)
        assert [(one["small"], one["large"]) for one in told] == [(of(one, "small"), of(one, "large")) for one in kept]


def test_a_text_has_runs_as_long_as_it_is(run: RunDirectory) -> None:
    for line in samples(run, TEXTS):
        answer, by = line["resps"][0][0], line["routed"][0][0]
        assert sum(characters for _, _, characters in by["runs"]) >= len(answer)
        for side in ("small", "large"):
            assert sum(tokens for who, tokens, _ in by["runs"] if who == side) == by[side]


def test_the_last_event_of_a_task_has_the_sums_of_its_samples(run: RunDirectory) -> None:
    events = [json.loads(line) for line in run.events.read_text().splitlines()]
    for task in (TEXTS, CHOICES):
        told = [answer for line in samples(run, task) for request in line.get("routed", []) for answer in request]
        routed = [event for event in events if event["event"] == "routed" and event["task"] == task]
        assert bool(routed) == bool(told), "log-likelihoods of speculative decoding are those of one model"
        if routed:
            work = routed[-1]["work"]
            sums = [sum(one[side] for one in told) for side in ("small", "large")]
            assert [of(work, "small"), of(work, "large")] == sums
            newest = {one["doc_id"]: one for event in routed for one in event["answers"]}
            assert all(len(one["strip"]) <= 40 for one in newest.values())
