"""The worker in another environment: a whole run, its plan, and what is asked before it is resumed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from tests.e2e.commands import Finished, benchtui, results_in
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model
from tests.other_python import OtherPython, make_environment

pytestmark = pytest.mark.slow

RUN = ("run", "--tasks", "mine", "--include-path", "tasks", "--no-base", "--offline", "--no-readme", "--no-resume")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    make_tiny_model(folder / "outputs" / "tuned" / "merged_16bit")
    write_choice_task(folder / "tasks", "mine", write_data(folder / "data.jsonl"))
    return folder


@pytest.fixture(scope="module")
def other(place: Path) -> OtherPython:
    return make_environment(place / "env")


@pytest.fixture(scope="module")
def ran(place: Path, other: OtherPython) -> Finished:
    return benchtui(*RUN, "--python", "env/bin/python", cwd=place)


def run_of(place: Path) -> RunDirectory:
    (folder,) = (place / "outputs" / "tuned" / "benchmarks" / "fine-tuned").iterdir()
    return RunDirectory(folder)


@pytest.mark.long
def test_the_worker_runs_there_and_scores_as_here(place: Path, other: OtherPython, ran: Finished) -> None:
    assert ran.code == 0, ran.err
    assert "-P -m" in other.started  # the worker: -P -m benchtui.worker …
    plan = run_of(place).plan()
    assert plan.python == str(other.python)
    assert set(plan.backend_identity) == {"transformers", "torch"}
    assert plan.lm_eval_version
    here = place / "here"
    shutil.copytree(place / "outputs" / "tuned" / "merged_16bit", here / "outputs" / "tuned" / "merged_16bit")
    for name in ("tasks", "data.jsonl"):
        (here / name).symlink_to(place / name)
    assert benchtui(*RUN, "--no-readme", cwd=here).code == 0
    there, own = (results_in(run_of(folder).lm_eval)["results"]["mine"] for folder in (place, here))
    assert there == own


def test_a_strangers_plan_starts_no_python(place: Path, other: OtherPython, ran: Finished, tmp_path: Path) -> None:
    """Resuming needs it again, typed or in the user's own benchtui.toml; then it goes on as before."""
    shutil.copytree(place / "outputs", tmp_path / "outputs", symlinks=True)
    run = run_of(tmp_path)
    run.done.unlink()
    write_plan(run.plan_file, msgspec.structs.replace(run.plan(), python=str(other.python)))
    before = other.started
    resume = ("resume", "--include-path", str(place / "tasks"), "--no-readme", "tuned")
    refused = benchtui(*resume, cwd=tmp_path)
    assert refused.code == 1
    assert f"was run by the Python {other.python}" in refused.err
    assert f"--python {other.python}" in refused.err
    assert other.started == before
    (tmp_path / "config" / "benchtui").mkdir(parents=True)
    (tmp_path / "config" / "benchtui" / "benchtui.toml").write_text(f'[backends.hf]\npython = "{other.python}"\n')
    resumed = benchtui(*resume, cwd=tmp_path, env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert resumed.code == 0, resumed.err
    assert len(other.started) > len(before)
    assert run.plan().python == str(other.python)


@pytest.mark.parametrize("python", ["env", "nothing/bin/python", "data.jsonl"])
def test_a_wrong_python_is_one_line(place: Path, other: OtherPython, python: str) -> None:
    done = benchtui(*RUN, "--python", python, cwd=place)
    assert done.code == 2
    assert "--python: " in done.err
    assert "Traceback" not in done.err


def test_an_environment_without_libraries_is_one_line_with_what_to_install(place: Path) -> None:
    bare = make_environment(place / "bare", libraries=False)
    done = benchtui(*RUN, "--python", str(bare.python), cwd=place)
    assert done.code == 1
    assert f'{bare.python} -m pip install "lm-eval[ifeval]>=0.4.13,<0.5" msgspec' in done.err


def test_doctor_says_what_is_missing_there(place: Path, other: OtherPython) -> None:
    bare = make_environment(place / "doctored", libraries=False)
    done = benchtui("doctor", "--json", "--python", str(bare.python), cwd=place)
    found: list[dict[str, Any]] = json.loads(done.out)
    assert done.code == 1
    worker = next(check for check in found if check["name"] == "Worker")
    assert "lm_eval" in worker["message"]
    assert worker["next_step"].startswith(f"{bare.python} -m pip install ")
    whole = json.loads(benchtui("doctor", "--json", "--python", str(other.python), cwd=place).out)
    assert {check["name"]: check["status"] for check in whole}["Worker"] == "ok"
