"""The experiment log: every run with what was trained, how it did, and what was noted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.compare.history.history import all_history, model_history
from benchtui.compare.history.notes import read_note, write_note
from benchtui.errors import BenchtuiError
from benchtui.reports.log import log_csv, log_json, log_markdown, ranked
from benchtui.results.choose import find_scored_run
from benchtui.runs.directory import RunDirectory
from tests.synthetic import ifeval, write_run

EVEN = [i % 2 == 0 for i in range(40)]
BETTER = [i % 4 != 3 for i in range(40)]


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    for name, rate, rank, right in (("lima-1", 2e-4, 16, BETTER), ("lima-2", 5e-4, 32, EVEN)):
        model = tmp_path / name
        (model / "lora").mkdir(parents=True)
        (model / "lora" / "training_metrics.json").write_text(
            json.dumps({"dataset_name": "GAIR/lima", "learning_rate": rate, "lora_rank": rank})
        )
        write_run(model / "benchmarks" / "base", {"ifeval": ifeval(EVEN, total=40)}, model="org/base")
        write_run(
            model / "benchmarks" / "fine-tuned" / f"run-{name}",
            {"ifeval": ifeval(right, total=40)},
            stamp=f"2026-11-0{name[-1]}T00-00-00",
        )
    return tmp_path


def test_each_run_has_its_training_facts_and_its_change(outputs: Path) -> None:
    (found,) = model_history(outputs / "lima-1")
    training = found.training
    assert (training.dataset, training.learning_rate, training.lora_rank, found.base) == (
        "GAIR/lima",
        2e-4,
        16,
        "org/base",
    )
    outcome = found.outcome("ifeval")
    assert outcome is not None
    assert outcome.value == 0.75
    assert outcome.change == pytest.approx(0.25)


def test_the_log_is_oldest_first_and_the_leaderboard_best_first(outputs: Path) -> None:
    log = all_history(outputs)
    assert [e.model for e in log] == ["lima-1", "lima-2"]
    assert [e.model for e in ranked(list(reversed(log)), "ifeval")] == ["lima-1", "lima-2"]


def test_a_change_over_other_documents_is_no_change(outputs: Path) -> None:
    write_run(
        outputs / "lima-1" / "benchmarks" / "fine-tuned" / "short",
        {"ifeval": ifeval(EVEN[:5], total=40)},
        stamp="2026-11-09T00-00-00",
    )
    latest = model_history(outputs / "lima-1")[-1].outcome("ifeval")
    assert latest is not None
    assert latest.n == 5
    assert latest.change is None
    assert "35 of 40 samples have no partner" in latest.not_comparable


def test_notes_are_kept_beside_the_run(outputs: Path) -> None:
    run = find_scored_run(outputs, "lima-1/run-lima-1")
    write_note(run, "  Baseline ✓ \n second line")
    assert read_note(find_scored_run(outputs, "lima-1")) == "Baseline ✓ \n second line"
    assert model_history(outputs / "lima-1")[0].note.startswith("Baseline")
    write_note(run, "")
    assert read_note(run) == ""


def test_a_note_does_not_make_a_finished_run_unfinished(outputs: Path) -> None:
    """Runs of other tools have no records; writing into run/ would make them look started."""
    write_note(find_scored_run(outputs, "lima-1"), "x")
    assert model_history(outputs / "lima-1")[0].state == "finished"


def test_runs_are_found_by_folder_name_and_model(outputs: Path) -> None:
    folder = outputs / "lima-2" / "benchmarks" / "fine-tuned" / "run-lima-2"
    for named in (str(folder), "run-lima-2", "lima-2/run-lima-2", "lima-2", str(outputs / "lima-2")):
        assert find_scored_run(outputs, named) == RunDirectory(folder)
    with pytest.raises(BenchtuiError, match="no run 'run-9'"):
        find_scored_run(outputs, "run-9")


def test_a_run_that_cannot_be_read_is_listed_with_what_is_wrong(outputs: Path) -> None:
    file = next((outputs / "lima-1" / "benchmarks" / "fine-tuned" / "run-lima-1" / "lm-eval").glob("results_*"))
    file.write_text("{")
    broken, whole = (next(e for e in all_history(outputs) if e.model == name) for name in ("lima-1", "lima-2"))
    assert "damaged" in broken.problem
    assert whole.outcomes


def test_exports_hold_the_same_numbers(outputs: Path) -> None:
    write_note(find_scored_run(outputs, "lima-1"), "=HYPERLINK(1) | pipe")
    log = all_history(outputs)
    records = json.loads(log_json(log))
    assert records[0]["tasks"]["ifeval"]["change"] == pytest.approx(0.25)
    assert "'=HYPERLINK(1) | pipe" in log_csv(log)  # no formula for a spreadsheet
    assert "=HYPERLINK(1) \\| pipe" in log_markdown(log)
    assert "75.0% (+25.0)" in log_markdown(log)
