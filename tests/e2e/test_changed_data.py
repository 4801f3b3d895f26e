"""Data that change behind a name, on the Hub or on this disk: two models are never compared on different questions."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import HUB, absent
from tests.e2e.commands import Finished, benchtui, results_in
from tests.e2e.local_tasks import QUESTIONS, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = pytest.mark.slow

OTHER_KEY = [QUESTIONS[0] | {"gold": 2}, *QUESTIONS[1:]]
"""What the prompts do not show: the answer that counts as right."""


class Place:
    """Models, and a task whose data are read by its own Python from a file that nothing else names."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        shutil.copytree(models, folder, dirs_exist_ok=True)
        self.data = write_data(folder / "elsewhere" / "data.jsonl")
        tasks = folder / "tasks"
        tasks.mkdir()
        (tasks / "reading.py").write_text(
            f"import datasets, json\ndef load(**_):\n    lines = open({str(self.data)!r}).read().splitlines()\n"
            "    return {'test': datasets.Dataset.from_list([json.loads(line) for line in lines])}\n"
        )
        (tasks / "moving.yaml").write_text(
            "task: moving\ncustom_dataset: !function reading.load\ntest_split: test\noutput_type: multiple_choice\n"
            "doc_to_text: '{{question}}'\ndoc_to_choice: '{{choices}}'\ndoc_to_target: '{{gold}}'\n"
            "metric_list:\n  - metric: acc\n"
        )

    @property
    def benchmarks(self) -> Path:
        return self.folder / "outputs" / "tuned" / "benchmarks"

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Finished:
        common = ("--tasks", "moving", "--include-path", "tasks", "--no-readme")
        base = () if "--no-base" in arguments else ("--base", str(self.folder / "base"))
        return benchtui("run", *common, *base, *arguments, cwd=self.folder, env=env)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_tiny_model(folder / "base")
    make_tiny_model(folder / "outputs" / "tuned" / "merged_16bit", seed=1)
    return folder


@pytest.fixture
def place(tmp_path: Path, models: Path) -> Place:
    return Place(tmp_path, models)


def refused(finished: Finished, *words: str) -> None:
    assert finished.code == 1, finished.err
    lines = [line for line in finished.err.splitlines() if "The data of moving changed" in line]
    assert lines, finished.err
    for word in words:
        assert word in finished.err
    assert "Traceback" not in finished.err


@pytest.mark.long
def test_a_stored_base_is_not_compared_on_other_data(place: Place) -> None:
    assert place.run().code == 0
    before = results_in(place.benchmarks / "base" / "lm-eval")
    write_data(place.data, OTHER_KEY)
    again = place.run()
    refused(again, "since the base was evaluated", "--rerun-base")
    assert len(list(place.benchmarks.glob("fine-tuned/*/lm-eval/results_*.json"))) == 1, "nothing was asked"
    assert results_in(place.benchmarks / "base" / "lm-eval") == before
    anew = place.run("--rerun-base", "--no-resume")
    assert anew.code == 0, anew.err
    base, tuned = place.benchmarks / "base", max((place.benchmarks / "fine-tuned").iterdir())
    data = [results_in(run / "lm-eval")["benchtui"]["data"]["moving"] for run in (base, tuned)]
    assert data[0] == data[1] != before["benchtui"]["data"]["moving"]
    again = place.run()
    assert again.code == 0, again.err
    assert "reused" in again.err, "the same data are no change"


@pytest.mark.long
def test_a_run_is_not_resumed_on_other_data(place: Place) -> None:
    assert place.run("--no-base").code == 0
    (run,) = (place.benchmarks / "fine-tuned").iterdir()
    (run / "run" / "done.json").unlink()  # as if it had been killed before it wrote its results
    shutil.rmtree(run / "lm-eval")
    write_data(place.data, OTHER_KEY)
    again = place.run("--no-base")
    refused(again, "since this run was begun", "--no-resume")
    assert not list(run.glob("lm-eval/results_*.json"))
    resumed = benchtui("resume", run, "--include-path", "tasks", cwd=place.folder)
    refused(resumed, "since this run was begun")


@pytest.mark.long
def test_two_runs_on_different_data_are_not_comparable(place: Place) -> None:
    documents = [QUESTIONS[0] | {"question": f"{QUESTIONS[0]['question']} {n}"} for n in range(40)]
    for gold in (0, 1):  # one document in forty would pass for a missing partner
        write_data(place.data, [*documents[:-1], documents[-1] | {"gold": gold}])
        assert place.run("--no-base", "--no-resume").code == 0
    first, second = sorted((place.benchmarks / "fine-tuned").iterdir())
    compared = benchtui("compare", first, second, cwd=place.folder)
    said = " ".join((compared.out + compared.err).split())
    assert "ot comparable" in said
    assert "the data of moving changed between the runs" in said


# A data set on the Hub whose revision moves.


@pytest.fixture
def moving_hub(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A hub of its own with one data set in it: its file, and what leads the libraries there."""
    if not (HUB / "serve.py").is_file():
        absent("hub", "no hub beside the checkout")
    root = tmp_path / "hub"
    root.mkdir()
    shutil.copy(HUB / "serve.py", root)
    file = write_data(root / "datasets" / "org" / "moving" / "test.jsonl")
    server = subprocess.Popen(
        [sys.executable, str(root / "serve.py"), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    try:
        url = server.stdout.readline().decode().split()[-1]
        yield file, {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hf-home")}
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.long
def test_a_revision_that_moves_on_the_hub_is_seen(place: Place, moving_hub: tuple[Path, dict[str, str]]) -> None:
    file, env = moving_hub
    task = place.folder / "tasks" / "moving.yaml"
    task.write_text(task.read_text().replace("custom_dataset: !function reading.load", "dataset_path: org/moving"))
    first = place.run(env=env)
    assert first.code == 0, first.err
    data = results_in(place.benchmarks / "base" / "lm-eval")["benchtui"]["data"]["moving"]
    assert len(data["revision"]) == 40
    write_data(file, [*QUESTIONS[:-1], QUESTIONS[-1] | {"question": "the cat counts to brown and more"}])
    again = place.run(env=env)
    refused(again, "since the base was evaluated", f"revision {data['revision'][:8]} then", "--rerun-base")
    anew = place.run("--rerun-base", "--no-resume", env=env)
    assert anew.code == 0, anew.err
    new = results_in(place.benchmarks / "base" / "lm-eval")["benchtui"]["data"]["moving"]
    assert len(new["revision"]) == 40
    assert new["revision"] != data["revision"]
