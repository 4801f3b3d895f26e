"""`benchtui rescore`: stored answers scored again by other rules, without a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.history.notes import read_note
from benchtui.results.read import read_run
from benchtui.runs.directory import RunDirectory, fine_tuned_runs
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.runs.records import run_state
from tests.cli.results_commands import benchtui
from tests.e2e.local_tasks import QUESTIONS, write_choice_task, write_data
from tests.worker.tiny_models import make_base


def test_answers_are_taken_into_a_journal_that_is_bound_to_something_else(tmp_path: Path) -> None:
    with Journal(tmp_path / "old.sqlite") as old, Journal(tmp_path / "new.sqlite") as new:
        old.bind({"fingerprint": "a", "metric": "x"})
        old.note("dtype in use", "float32")
        for doc in range(3):
            old.record(RequestKey("t", doc, 0), f"digest {doc}", [doc, True])
        new.bind({"fingerprint": "b", "metric": "y"})
        new.take(old)
        assert new.answers("t") == old.answers("t")
        assert new.damaged == 0, "their checksums are those of this journal"
        assert new.noted("dtype in use") == "float32"
        assert (new.noted("metric"), old.noted("metric")) == ("y", "x")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("benchtui.settings.config.user_config_file", lambda: tmp_path / "none.toml")
    shutil.copytree(make_base(tmp_path / "base"), tmp_path / "outputs" / "tuned" / "merged_16bit")
    return tmp_path


def runs(place: Path) -> list[RunDirectory]:
    return fine_tuned_runs(place / "outputs" / "tuned" / "benchmarks")


def score(run: RunDirectory, task: str, metric: str) -> float:
    found: Any = json.loads(next(run.lm_eval.glob("results_*.json")).read_text())["results"][task]
    return float(found[f"{metric},none"])


def samples(run: RunDirectory, task: str) -> list[dict[str, Any]]:
    (file,) = run.lm_eval.glob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.slow
def test_a_corrected_task_and_another_metric(place: Path) -> None:
    yaml = write_choice_task(place / "tasks", "counting", write_data(place / "counting.jsonl"))
    own = write_data(
        place / "own.jsonl", [{"prompt": "the cat counts to", "answer": "e"}, {"prompt": "x", "answer": "zq"}]
    )
    done = benchtui("run", "--isolated", "--model", "tuned", "--no-base", "--num-gpus", "0", "--include-path", "tasks",
                    "--tasks", "counting", "--data", own, "--gen-kwargs", "max_gen_toks=8", "--resume")  # fmt: skip
    assert done.code == 0, done.err
    (source,) = runs(place)
    before = {file: file.read_bytes() for file in source.path.rglob("*") if file.is_file()}
    corrected = place / "fixed" / "counting.yaml"
    corrected.parent.mkdir()
    corrected.write_text(yaml.read_text().replace("'{{gold}}'", "'{{(gold + 1) % 3}}'"))
    again = benchtui("rescore", "tuned", "--include-path", "tasks", "--task-yaml", corrected)
    assert again.code == 0, again.err
    new = runs(place)[-1]
    assert new != source
    assert [name in again.out for name in (source.path.name, new.path.name, "counting", "same, to the last digit")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert run_state(new) == "finished"
    chosen = [
        max(range(3), key=lambda k, s=sample: float(s["filtered_resps"][k][0]))
        for sample in samples(source, "counting")
    ]
    right = [choice == (question["gold"] + 1) % 3 for choice, question in zip(chosen, QUESTIONS, strict=True)]
    assert score(new, "counting", "acc") == pytest.approx(sum(right) / len(right))
    assert score(source, "counting", "acc") != score(new, "counting", "acc")
    assert "scored again with" in read_note(new)
    assert source.path.name in read_note(new)
    assert [task.name for task in read_run(new).tasks] == [task.name for task in read_run(source).tasks]
    assert {file: file.read_bytes() for file in before if "journal" not in file.name} == {
        file: content for file, content in before.items() if "journal" not in file.name
    }, "the old result is as it was"

    contained = benchtui("rescore", source.path, "--include-path", "tasks", "--metric", "contains")
    assert contained.code == 0, contained.err
    found = runs(place)[-1]
    texts = {sample["doc"]["prompt"]: sample["filtered_resps"][0] for sample in samples(found, "own")}
    expected = sum(("e" in texts["the cat counts to"].lower(), "zq" in texts["x"].lower())) / 2
    assert score(found, "own", "contains") == expected
    assert samples(found, "own")[0]["resps"] == samples(source, "own")[0]["resps"]
    asked, scored = read_run(source).data["own"], read_run(found).data["own"]
    assert scored.documents != asked.documents, "the documents say how they are scored"

    without_references = benchtui("rescore", source.path, "--include-path", "tasks", "--metric", "length")
    assert without_references.code == 0, without_references.err
    assert samples(runs(place)[-1], "own")[0]["doc"]["targets"] == []
    of_now = benchtui("rescore", runs(place)[-1].path, "--include-path", "tasks", "--metric", "contains")
    assert "had no references: they are those of own.jsonl as it is now." in of_now.err
    assert "as it is now" in read_note(runs(place)[-1])
    assert "as it is now" not in contained.err + read_note(found)

    there = runs(place)
    write_data(place / "own.jsonl", [{"prompt": "the cat counts to", "answer": "e"}, {"prompt": "x", "answer": "yq"}])
    changed = benchtui("rescore", source.path, "--include-path", "tasks", "--metric", "contains")
    assert changed.code == 1
    assert "line 2 of own.jsonl is not what it was when" in changed.err
    assert runs(place) == there, "nothing is left of what was refused"

    corrected.write_text(yaml.read_text().replace("'{{question}}'", "'Q: {{question}}'"))
    there = runs(place)
    other = benchtui("rescore", source.path, "--include-path", "tasks", "--task-yaml", corrected)
    assert other.code == 1
    assert "the journal answers a different prompt than is asked now" in other.err
    (place / "fixed" / "foreign.yaml").write_text(yaml.read_text().replace("task: counting", "task: foreign"))
    refused = benchtui("rescore", source.path, "--include-path", "tasks", "--task-yaml", "fixed/foreign.yaml")
    assert refused.code == 2
    assert "defines foreign, which" in refused.err
    assert runs(place) == there, "nothing is left of what was refused"
