"""Workers that are killed while a run goes on: afterwards it holds what an undisturbed one holds.

The task's few-shot examples are sampled: those of a document depend on it alone, whoever asks it and after whatever
(https://github.com/EleutherAI/lm-evaluation-harness/issues/1308).
"""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from benchtui.runs.directory import RunDirectory
from tests.conftest import FULL
from tests.e2e.commands import samples_in
from tests.e2e.local_tasks import write_data
from tests.e2e.workers.pooled_runs import (
    Place,
    assert_equal,
    kill_driver,
    kill_one,
    shards_answered,
    tiny_place,
    worker_ids,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DOCUMENTS, SHOTS = 24, 5
KILLS, KILLED_DOCUMENTS = (30, 160) if FULL else (12, 80)
WORDS = ("quick", "brown", "fox", "jumps", "over", "lazy", "dog", "counts", "ten", "while", "cats", "sleep")


def told(folder: Path, count: int) -> Place:
    """A task of so many documents, each with five of forty examples before it, and long answers one by one."""
    place = tiny_place(folder, "--tasks", "told", "--batch-size", "1")
    chance = random.Random(5)  # noqa: S311 - no secret

    def documents(count: int) -> list[dict[str, str]]:
        return [{"q": " ".join(chance.sample(WORDS, 3)), "a": chance.choice(WORDS)} for _ in range(count)]

    test = write_data(place.folder / "data" / "test.jsonl", documents(count))
    train = write_data(place.folder / "data" / "train.jsonl", documents(40))
    (place.folder / "tasks" / "told.yaml").write_text(
        f"task: told\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {test}\n    train: {train}\n"
        f"test_split: test\nfewshot_split: train\nnum_fewshot: {SHOTS}\noutput_type: generate_until\n"
        "doc_to_text: '{{q}} is'\ndoc_to_target: ' {{a}}'\n"
        "generation_kwargs: {until: ['@@@@'], max_gen_toks: 200}\nmetric_list:\n  - metric: exact_match\n"
    )
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return told(tmp_path_factory.mktemp("struck"), DOCUMENTS)


@pytest.fixture(scope="module")
def alone(place: Place) -> RunDirectory:
    run = place.run(1)
    prompts = [sample["arguments"]["gen_args_0"]["arg_0"] for sample in samples_in(run.lm_eval, "told")]
    examples = {prompt.rpartition("\n\n")[0] for prompt in prompts}
    assert len(examples) > DOCUMENTS / 2, "each document has examples of its own"
    return run


def prompt_hashes(run: RunDirectory) -> list[str]:
    return [sample["prompt_hash"] for sample in samples_in(run.lm_eval, "told")]


def assert_same(alone: RunDirectory, other: RunDirectory) -> None:
    assert prompt_hashes(other) == prompt_hashes(alone), "prompts do not depend on who asks"
    assert_equal(alone, other)


@pytest.mark.parametrize(
    "workers", [2, pytest.param(3, marks=pytest.mark.long), pytest.param(5, marks=pytest.mark.long)]
)
def test_sampled_examples_depend_on_the_document_alone(place: Place, alone: RunDirectory, workers: int) -> None:
    assert_same(alone, place.run(workers))


def test_one_worker_is_killed_and_replaced(place: Place, alone: RunDirectory) -> None:
    run = place.struck(2, lambda run, _: kill_one(run, after=4))
    assert_same(alone, run)


@pytest.mark.long
def test_the_supervisor_is_killed_and_another_number_of_workers_resumes(place: Place, alone: RunDirectory) -> None:
    run = place.struck(3, kill_driver(after=5))
    place.resume(run, 2)
    assert_same(alone, run)


class _Killer:
    """Kills a worker that is drawn by chance, again and again: each time once a few more answers are on disk."""

    def __init__(self, times: int) -> None:
        self.left = times
        self._chance = random.Random(11)  # noqa: S311 - no secret
        self._answered = 0

    def __call__(self, run: RunDirectory, _: object) -> bool:
        alive, answered = worker_ids(run), shards_answered(run)
        if self.left and alive and answered > self._answered:
            self._answered = answered + self._chance.randrange(2)
            with suppress(ProcessLookupError):
                os.kill(self._chance.choice(alive), signal.SIGKILL)
                self.left -= 1
        return self.left == 0


@pytest.mark.long
def test_many_kills_of_any_worker(tmp_path: Path) -> None:
    place = told(tmp_path, KILLED_DOCUMENTS)
    alone = place.run(1)
    killer = _Killer(KILLS)
    run = place.struck(3, killer)
    assert killer.left == 0
    assert_same(alone, run)
