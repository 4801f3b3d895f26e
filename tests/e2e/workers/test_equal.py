"""One, two and four workers find the same: texts, log-likelihoods, scores and files."""

from __future__ import annotations

import pytest

from benchtui.demo.workspace import demo_paths, open_workspace
from benchtui.runs.directory import RunDirectory
from tests.e2e.commands import results_in
from tests.e2e.workers.pooled_runs import Place, answers, assert_equal

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = open_workspace(tmp_path_factory.mktemp("equal") / "demo").root
    (folder / "tasks").symlink_to(demo_paths().tasks)
    return Place(folder, ("--tasks", "demo_knowledge,demo_instructions"))


@pytest.fixture(scope="module")
def alone(place: Place) -> RunDirectory:
    return place.run(1)


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.long)])
def test_several_workers_find_what_one_finds(place: Place, alone: RunDirectory, workers: int) -> None:
    shared = place.run(workers)
    assert_equal(alone, shared)
    parts = [files for files in shared.shards() if files.chunks.read_text().strip() != "null"]
    assert len(shared.shards()) == workers
    assert len(parts) > 1, "one worker answered all: nothing was shared"
    speed = results_in(shared.lm_eval)["benchtui"]["speed"]
    assert speed["prefill"]["measured"], "of all workers"


@pytest.mark.parametrize(("documents", "workers"), [(13, 4), pytest.param(3, 5, marks=pytest.mark.long), (1, 2)])
def test_documents_that_cannot_be_shared_evenly(place: Place, documents: int, workers: int) -> None:
    few = place.run(workers, "--limit", str(documents))
    assert_equal(place.run(1, "--limit", str(documents)), few)
    assert len({(key.task, key.doc_id) for key in answers(few)}) == 2 * documents


@pytest.mark.long
def test_drawn_answers_are_the_same_whoever_draws_them(place: Place) -> None:
    drawn = (
        *("--limit", "24", "--repeats", "3", "--gen-kwargs", "do_sample=true,temperature=1.0"),
        *("--tasks", "demo_instructions"),
    )
    one, three = place.run(1, *drawn), place.run(3, *drawn)
    assert_equal(one, three)
    assert len({answer for _, answer in answers(one).values()}) > 24, "they are drawn"
