"""How long a suite takes, by runs that the real worker left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.tasks.suites import TaskPlan
from benchtui.wizard.estimate import START_UP, Speeds, earlier_speeds, estimate_tasks
from tests.screens.conftest import MODEL, put_recorded


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    put_recorded(tmp_path / "outputs" / MODEL, tmp_path)
    return tmp_path / "outputs"


def test_speeds_come_from_the_models_own_runs(outputs: Path) -> None:
    speeds = earlier_speeds(outputs, MODEL)
    assert set(speeds.per_task) == {"demo_instructions", "demo_knowledge"}
    assert all(rate > 0 for rate in speeds.per_task.values())
    assert speeds.source == "earlier runs of this model"


def test_else_from_other_models(outputs: Path) -> None:
    assert earlier_speeds(outputs, "another").source == "runs of other models"


def test_without_runs_nothing_is_known(tmp_path: Path) -> None:
    assert earlier_speeds(tmp_path / "none", MODEL) == Speeds({})


def test_documents_by_speed_for_each_model() -> None:
    speeds = Speeds({"ifeval": 2.0, "gsm8k": 10.0}, "here")
    tasks = (TaskPlan("ifeval"), TaskPlan("gsm8k", limit=100))
    estimate = estimate_tasks(tasks, speeds, limit=None, models=2)
    assert estimate is not None
    assert estimate.seconds == pytest.approx(2 * (541 / 2 + 100 / 10 + START_UP))
    assert estimate.whole
    assert estimate.words == "about 9min 50s"


def test_an_unknown_task_makes_it_a_lower_bound() -> None:
    estimate = estimate_tasks((TaskPlan("ifeval"), TaskPlan("odd")), Speeds({"ifeval": 2.0}), limit=None, models=1)
    assert estimate is not None
    assert estimate.words.startswith("over ")


def test_a_limit_cuts_every_task() -> None:
    estimate = estimate_tasks((TaskPlan("ifeval"),), Speeds({"ifeval": 1.0}), limit=10, models=1)
    assert estimate is not None
    assert estimate.seconds == pytest.approx(10 + START_UP)


def test_an_estimate_from_few_answers_says_so() -> None:
    speeds = Speeds({"ifeval": 0.5, "gsm8k": 1.0}, "here", {"ifeval": 4, "gsm8k": 1319})
    estimate = estimate_tasks((TaskPlan("ifeval"), TaskPlan("gsm8k")), speeds, limit=None, models=1)
    assert estimate is not None
    assert estimate.words.endswith("(only 4 answers measured)")
    whole = estimate_tasks((TaskPlan("gsm8k"),), speeds, limit=None, models=1)
    assert whole is not None
    assert whole.words == "about 22min"


def test_answers_are_counted_for_each_task(outputs: Path) -> None:
    answers = earlier_speeds(outputs, MODEL).answers
    assert set(answers) == {"demo_instructions", "demo_knowledge"}
    assert all(count >= 1 for count in answers.values())
