"""`benchtui quantizations` on a tiny model: runs made, resumed, used again; and one model through two backends."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchtui.runs.directory import RunDirectory, fine_tuned_runs
from benchtui.runs.records import run_state
from tests.e2e.commands import Finished, benchtui, results_in
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = [pytest.mark.gguf, pytest.mark.slow, pytest.mark.usefixtures("llama_cpp")]


@dataclass(frozen=True)
class Place:
    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / "outputs" / "m"

    def runs(self) -> list[RunDirectory]:
        return fine_tuned_runs(self.model / "benchmarks")

    def type(self, *arguments: str) -> Finished:
        return benchtui(*arguments, cwd=self.folder, env={"COLUMNS": "80"})

    def quantizations(self, *arguments: str) -> Finished:
        tasks = ("--tasks", "mine,pages", "--include-path", "tasks", "--threads", "1")
        return self.type("quantizations", "m", *tasks, *arguments)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    from tests.worker.answering.gguf.files import write_gguf

    place = Place(tmp_path_factory.mktemp("quantizations"))
    make_tiny_model(place.model)
    (place.model / "gguf").mkdir()
    write_gguf(place.model, place.model / "gguf" / "m.F32.gguf")
    write_gguf(place.model, place.model / "gguf" / "m.Q8_0.gguf", quantized=True)
    write_choice_task(place.folder / "tasks", "mine", write_data(place.folder / "data" / "mine.jsonl"))
    pages = write_data(
        place.folder / "data" / "pages.jsonl", [{"text": f"the {n} lazy dogs " * n} for n in range(1, 26)]
    )
    (place.folder / "tasks" / "pages.yaml").write_text(
        f"task: pages\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {pages}\ntest_split: test\n"
        "output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{text}}'\n"
        "metric_list:\n  - metric: word_perplexity\n"
    )
    return place


@pytest.fixture(scope="module")
def once(place: Place) -> Finished:
    return place.quantizations("--once")


def test_every_file_is_evaluated_and_compared_with_the_widest(place: Place, once: Finished) -> None:
    assert once.code == 0, once.err
    assert [run_state(run) for run in place.runs()] == ["finished", "finished"]
    assert {Path(run.plan().source.path).name for run in place.runs()} == {"m.F32.gguf", "m.Q8_0.gguf"}
    assert max(map(len, once.out.splitlines())) <= 80
    words = " ".join(once.out.split())
    assert "Q8_0 0.05 8.60 - 0 of 6 worse in 1 of 2" in words, once.out
    assert "Every file that was tested is shown to be worse than F32 in some task." in words
    assert (
        "By the scores alone, without perplexity: Q8_0 (0.05 MiB). Not shown to be worse does not mean equal" in words
    )
    assert "Noise floor: not measured" in words
    kept = json.loads((place.model / "benchmarks" / "quantizations.json").read_text())
    assert [each["label"] for each in kept["quantizations"]] == ["Q8_0"]
    ratio = next(task for task in kept["quantizations"][0]["tasks"] if task["task"] == "pages")["perplexity_ratio"]
    assert 1 < ratio["interval"]["low"] < ratio["value"] < ratio["interval"]["high"] < 1.01
    assert not (place.model / "benchmarks" / "benchmark.json").exists(), "a quantisation became the model's result"


def test_finished_runs_are_used_again_and_an_unfinished_one_is_resumed(place: Place, once: Finished) -> None:
    small = next(run for run in place.runs() if run.plan().source.path.endswith("Q8_0.gguf"))
    before = {file.name.split("_2026")[0]: file.read_bytes() for file in small.lm_eval.glob("samples_*")}
    small.done.unlink()  # as after a kill: only the journal is left
    shutil.rmtree(small.lm_eval)
    again = place.quantizations("--json")
    assert again.code == 0, again.err
    assert f"{small.path.name} is resumed" in again.err
    assert "F32: results of m/" in again.err
    assert {file.name.split("_2026")[0]: file.read_bytes() for file in small.lm_eval.glob("samples_*")} == before
    assert len(place.runs()) == 3, "the second run of the parent, and no other"
    found: dict[str, Any] = json.loads(again.out)
    assert found["noise"] == {
        "texts": 0, "other_texts": 0, "choices": 6, "other_choices": 0, "values": 25, "other_values": 0,
    }  # fmt: skip
    assert found["noise_perplexity"]["pages"]["value"] == 1


def test_one_model_through_two_backends_is_compared_and_what_differs_is_named(place: Place, once: Finished) -> None:
    known = {run.path for run in place.runs()}
    ran = place.type(
        "run", "--model", str(place.model), "--no-base", "--tasks", "mine", "--include-path", "tasks", "--no-readme"
    )
    assert ran.code == 0, ran.err
    (theirs,) = (run for run in place.runs() if run.path not in known)
    small = next(run for run in place.runs() if run.plan().source.path.endswith("Q8_0.gguf"))
    compared = place.type("compare", str(theirs.path), str(small.path), "--format", "json")
    assert compared.code == 0, compared.err
    found = json.loads(compared.out)
    (row,) = found["rows"]
    assert (row["task"], row["paired_n"]) == ("mine", 6), row
    assert any(words.startswith("backend: hf") and "gguf" in words for words in found["settings"]), found["settings"]
    assert any("Q8_0" in words for words in found["settings"]), found["settings"]
    assert not any("tokenised" in words for words in found["health"]), "the same tokenizer on both sides"
    for run in (theirs, small):
        health = next(iter(results_in(run.lm_eval)["benchtui"]["health"].values()))
        assert health["all_prompt_tokens"] > 20
