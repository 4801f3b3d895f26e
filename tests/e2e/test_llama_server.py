"""A model at a real llama-server through the whole command: the same scores as its file read in the worker."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchtui.runs.directory import RunDirectory
from tests.conftest import absent
from tests.e2e.commands import Finished, benchtui, results_in, samples_in
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.llama_server import LlamaServer, llama_server
from tests.worker.answering.openai.llama_asking import S260

pytestmark = [pytest.mark.llama_server, pytest.mark.hub, pytest.mark.slow]

STORIES: list[dict[str, Any]] = [
    {"question": f"Once upon a time, {who} went to the", "choices": [" park.", " store", " zoo"], "gold": number % 3}
    for number, who in enumerate(("Lily", "Tom", "the dog", "a girl"))
]


@pytest.fixture(scope="module", autouse=True)
def _here() -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        absent("llama_server", "no llama-server: install xllamacpp")
    if not S260.is_file():
        absent("hub", "no hub beside the checkout")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tasks and the model's file."""
    found = tmp_path_factory.mktemp("served")
    data = write_data(found / "tasks" / "data.jsonl", STORIES)
    write_choice_task(found / "tasks", "places", data)
    (found / "tasks" / "goes_on.yaml").write_text(
        f"task: goes_on\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        "output_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: ' park'\n"
        "generation_kwargs: {until: ['.'], max_gen_toks: 24}\nmetric_list:\n  - metric: exact_match\n"
    )
    shutil.copy(S260, found / "stories.gguf")
    return found


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[LlamaServer]:
    with llama_server(folder / "stories.gguf") as found:
        yield found


def run(folder: Path, outputs: str, *more: str | Path) -> Finished:
    return benchtui(
        "run", "--outputs", folder / outputs, "--no-base", "--include-path", folder / "tasks", *more, cwd=folder
    )


def directory(folder: Path, outputs: str) -> RunDirectory:
    (found,) = (folder / outputs).glob("*/benchmarks/fine-tuned/*")
    return RunDirectory(found)


def test_a_served_model_scores_as_its_file_does(folder: Path, server: LlamaServer, llama_cpp: None) -> None:
    tasks = ("--tasks", "places,goes_on")
    served = run(folder, "served", "--backend", "openai", "--server", server.url, *tasks)
    assert served.code == 0, served.err
    assert "Log-likelihoods cost llama-server one request for each token of a continuation" in served.err
    assert f"--backend gguf --model {folder / 'stories.gguf'}" in " ".join(served.err.split())
    alone = run(
        folder, "alone", "--backend", "gguf", "--model", folder / "stories.gguf", "--kv-type", "f32",
        "--threads", "1", *tasks,
    )  # fmt: skip
    assert alone.code == 0, alone.err
    theirs, ours = directory(folder, "served"), directory(folder, "alone")
    found, right = results_in(theirs.lm_eval)["results"], results_in(ours.lm_eval)["results"]
    assert found["places"]["acc,none"] == right["places"]["acc,none"]
    for one, other in zip(samples_in(theirs.lm_eval, "places"), samples_in(ours.lm_eval, "places"), strict=True):
        for (mine,), (its,) in zip(one["resps"], other["resps"], strict=True):
            assert float(mine[0]) == pytest.approx(float(its[0]), abs=1e-3)
            assert mine[1] == its[1]
    texts = [[sample["resps"] for sample in samples_in(place.lm_eval, "goes_on")] for place in (theirs, ours)]
    assert texts[0] == texts[1]
    assert len(texts[0]) == len(STORIES)
    records = "".join(file.read_text() for file in (theirs.path / "run").rglob("events.jsonl"))
    assert "one request a token" in records
