"""The command that is shown makes the same plan, whatever benchtui.toml and the environment say."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from benchtui.backends.hf import HF
from benchtui.errors import BenchtuiError
from benchtui.models.selection import find_model
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.choice import Choice
from benchtui.plans.command import command_line, run_arguments
from benchtui.plans.prepare import prepare
from benchtui.plans.tasks import plan_tasks
from benchtui.settings.config import Config, load_config
from benchtui.settings.rows import SETTINGS
from benchtui.tasks.catalogue import load_catalogue
from benchtui.tasks.suites import TaskPlan
from tests.models.model_folders import full_model
from tests.settings.sayings import (
    FILES,
    FLAGS,
    HOSTILE,
    QUESTIONS,
    VARIABLES,
    Place,
    files_of,
    flags_of,
    parsed,
    place,
    variables_of,
)

_CATALOGUE = load_catalogue()
SAME_FOLDER = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@SAME_FOLDER
@given(FLAGS, FILES, VARIABLES, FILES, VARIABLES)
def test_shown_it_is_the_same_plan_here_and_under_any_other_file_and_environment(
    tmp_path: Path,
    flags: list[str],
    file: dict[str, Any],
    variables: dict[str, str],
    other_file: dict[str, Any],
    other_variables: dict[str, str],
) -> None:
    here = place(tmp_path, file, variables)
    chosen = parsed(here, flags)
    assume(chosen is not None)
    assert chosen is not None
    event(f"{len(run_arguments(chosen))} arguments")
    shown = shlex.split(command_line(chosen))
    assert shown[:2] == ["benchtui", "run"]
    assert here.parse(shown[2:]) == chosen
    elsewhere = place(tmp_path, other_file, other_variables)
    assume(parsed(elsewhere, ["--isolated"]) is not None)  # a file that makes no sense stops everything
    assert elsewhere.parse(shown[2:]) == chosen


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(FLAGS, FILES, VARIABLES, FILES)
def test_its_tasks_have_the_same_shots_and_limits(
    tmp_path: Path, flags: list[str], file: dict[str, Any], variables: dict[str, str], other_file: dict[str, Any]
) -> None:
    """A file's limit is weaker than a suite's, which is weaker than a flag's."""
    flags = [*flags, "--suite", "own", "--tasks", "", "--data", ""]
    chosen = parsed(place(tmp_path, file, variables), flags)
    assume(chosen is not None)
    assert chosen is not None
    config = load_config(tmp_path)
    (tmp_path / "mine.jsonl").write_text(QUESTIONS)
    again = place(tmp_path, other_file, {}).parse(run_arguments(chosen))
    assert _planned(again, config, tmp_path) == _planned(chosen, config, tmp_path)


def _planned(choice: Choice, config: Config, folder: Path) -> tuple[TaskPlan, ...] | str:
    try:
        with chdir(folder):  # where a file of data is named from
            return plan_tasks(choice, config, _CATALOGUE).plans
    except BenchtuiError as error:
        return str(error)


LOOKED_UP = (
    "outputs",
    "model",
    "model-checkpoint",
    "base",
    "no-base",
    "adapter-base",
    "format",
    "include-path",
    "backend",
    "offline",
)
"""What names files: given once, so that there is something to make a plan of."""
FREE = [row for row in SETTINGS if row.name not in LOOKED_UP]


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    full_model(folder / "outputs" / "tuned" / "merged_16bit", max_position_embeddings=4096)
    full_model(folder / "base", max_position_embeddings=4096)
    (folder / "mine.jsonl").write_text(QUESTIONS)
    return folder


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(flags_of(FREE), files_of(FREE), variables_of(FREE), files_of(FREE), variables_of(FREE))
def test_the_plan_that_runs_is_the_same(
    two_models: Path,
    flags: list[str],
    file: dict[str, Any],
    variables: dict[str, str],
    other_file: dict[str, Any],
    other_variables: dict[str, str],
) -> None:
    """Down to what a worker is given: models described, tasks resolved, and the fingerprint of all that can change a
    score. Where no plan can be made, the shown command says the same of it."""
    named = ["--outputs", str(two_models / "outputs"), "--model", "tuned", "--base", str(two_models / "base")]
    chosen = parsed(place(two_models, file, variables), [*named, "--offline", *flags])
    assume(chosen is not None)
    assert chosen is not None
    config = load_config(two_models)  # its suites are the same in every place
    before = _prepared(chosen, config)
    event("a plan" if isinstance(before, list) else before)
    again = place(two_models, other_file, other_variables).parse(run_arguments(chosen))
    assert _prepared(again, config) == before


def _prepared(choice: Choice, config: Config) -> list[tuple[str, BenchmarkPlan]] | str:
    """The plans, each with its fingerprint, without the moment and the command they were made by; or the refusal."""
    try:
        model = find_model(choice.outputs, choice.model, HF)
        with chdir(choice.outputs.parent):  # where a file of data is named from
            tasks = plan_tasks(choice, config, _CATALOGUE)
        made = prepare(choice, model, tasks)
    except BenchtuiError as error:
        return str(error)
    plans = [plan for plan in (made.fine_tuned, made.base) if plan is not None]
    return [(plan.fingerprint, msgspec.structs.replace(plan, created="", command=())) for plan in plans]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
@given(FILES, VARIABLES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_setting_can_be_taken_back(
    tmp_path: Path, setting: Any, file: dict[str, Any], variables: dict[str, str]
) -> None:
    """Its default, typed, is the default, whatever a file or a variable says of it; the others stay."""
    from benchtui.cli.run import command

    said = place(tmp_path, file, variables)
    with said._here():
        before = command.make_context("run", []).params
        after = command.make_context("run", setting.undo).params
    assert after[setting.parameter] == setting.default
    assert {name for name in before if before[name] != after[name]} <= {setting.parameter}


def test_a_real_shell_reads_it_as_it_is_meant(tmp_path: Path) -> None:
    """Through `sh -c`, with values that a shell would like to change."""
    printing = f"{shlex.quote(sys.executable)} -c 'import json, sys; print(json.dumps(sys.argv[1:]))'"
    for value in HOSTILE:
        choice = Choice(outputs=Path(value), model=value, base=value, system_instruction=value, think_end_token=value)
        line = command_line(choice).replace("benchtui run", printing, 1)
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True)
        arguments = json.loads(done.stdout)
        assert arguments == run_arguments(choice)
        assert Place(tmp_path, {}).parse(arguments) == choice
