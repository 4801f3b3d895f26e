"""Which run a person means."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.runs.find import find_run
from benchtui.runs.known import known_runs, run_name, started_together
from tests.run_stories import dead_process, finish, launch, make_bench, make_run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """llama: base and fine-tuned finished, an earlier base set aside; qwen: running; empty: never benchmarked."""
    now = time.time()
    for run in make_bench(tmp_path, "llama"):
        launch(run, now - 500)
        finish(run)
    make_run(tmp_path / "llama/benchmarks/base/previous/2026-01-01T00-00-00", "base", bench_id="old")
    for run in make_bench(tmp_path, "qwen"):
        launch(run, now - 100)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("no model")
    return tmp_path


def place(run_path: Path, outputs: Path) -> str:
    return str(run_path.relative_to(outputs))


def test_every_run_has_a_name_that_finds_it_again(outputs: Path) -> None:
    names = {known.name for known in known_runs(outputs)}
    assert names == {
        "llama/base", "llama/previous/2026-01-01T00-00-00", "llama/2026-11-20T10-30-15",
        "qwen/base", "qwen/2026-11-20T10-30-15",
    }  # fmt: skip
    for known in known_runs(outputs):
        assert run_name(known.run) == known.name
        assert find_run(outputs, known.name) == known.run


@pytest.mark.parametrize("below", [".", "run", "lm-eval"])
def test_a_run_by_its_folder_or_what_is_in_it(outputs: Path, below: str) -> None:
    folder = outputs / "llama/benchmarks/base"
    assert find_run(Path("elsewhere"), str(folder / below)).path == folder


def test_nothing_means_the_newest_in_the_states_asked_for(outputs: Path) -> None:
    assert place(find_run(outputs, None, states=("running",)).path, outputs).startswith("qwen/benchmarks/fine-tuned")
    assert place(find_run(outputs, None, states=("finished",)).path, outputs).startswith("llama/benchmarks/fine-tuned")


@pytest.mark.parametrize("selector", ["llama", "llama/"])
def test_a_model_means_its_newest_run(outputs: Path, selector: str) -> None:
    newest = make_run(outputs / "llama/benchmarks/fine-tuned/2026-11-21T00-00-00")
    launch(newest, supervisor=dead_process(), t=time.time())
    assert find_run(outputs, selector) == newest
    assert find_run(outputs, selector, states=("died",)) == newest
    assert find_run(outputs, selector, states=("finished",)).path.name == "2026-11-20T10-30-15"
    assert find_run(outputs, str(outputs / "llama"), states=("died",)) == newest


def test_a_runs_own_name_if_only_one_has_it(outputs: Path) -> None:
    make_run(outputs / "qwen/benchmarks/fine-tuned/only-here")
    assert find_run(outputs, "only-here").path.name == "only-here"
    with pytest.raises(BenchtuiError, match=r"several runs '2026-11-20T10-30-15': llama/2026.*, qwen/2026"):
        find_run(outputs, "2026-11-20T10-30-15")


@pytest.mark.parametrize(
    ("selector", "states", "what", "step"),
    [
        ("lama", None, "There is no run 'lama'; the nearest: llama", "benchtui runs"),
        ("zzz", None, "There is no run 'zzz'.", "benchtui runs"),
        (None, ("died", "partial"), "No run is unfinished.", "benchtui runs"),
        ("llama", ("running",), "No run of llama is running.", "benchtui runs"),
    ],
)
def test_what_is_not_there(
    outputs: Path, selector: str | None, states: tuple[str, ...] | None, what: str, step: str
) -> None:
    with pytest.raises(BenchtuiError) as error:
        find_run(outputs, selector, states=states)
    assert what in error.value.what
    assert step in error.value.next_step


def test_no_runs_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(BenchtuiError, match="No run is running") as error:
        find_run(tmp_path, None, states=("running",))
    assert error.value.next_step == "`benchtui run` starts one."
    with pytest.raises(BenchtuiError, match="There is no run yet"):
        find_run(tmp_path, None)
    with pytest.raises(UsageError, match="There is no folder"):
        find_run(tmp_path / "nowhere", None)


def test_runs_of_one_command_belong_together_base_first(outputs: Path) -> None:
    tuned = find_run(outputs, "llama/2026-11-20T10-30-15")
    other = make_run(outputs / "llama/benchmarks/fine-tuned/other", bench_id="other")
    damaged = make_run(outputs / "llama/benchmarks/fine-tuned/damaged")
    damaged.plan_file.write_text("{")
    assert [run_name(run) for run in started_together(tuned)] == ["llama/base", "llama/2026-11-20T10-30-15"]
    assert [run_name(run) for run in started_together(find_run(outputs, "llama/base"))] == [
        "llama/base", "llama/2026-11-20T10-30-15",
    ]  # fmt: skip
    assert started_together(other) == [other]


def test_a_run_kept_somewhere_else_is_known_by_its_path(tmp_path: Path) -> None:
    run = make_run(tmp_path / "mine")
    assert run_name(run) == str(run.path)
    assert started_together(run) == [run]
