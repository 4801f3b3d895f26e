"""A trend joins runs that asked the same, and nothing else; newer limited runs stand beside the full one."""

from __future__ import annotations

from pathlib import Path

from benchtui.compare.headlines import last_benchmark
from benchtui.compare.history.history import model_history
from benchtui.compare.summary import write_summary
from benchtui.reports.wording.verdicts import verdict_cell
from screens.history.history import comparable
from screens.result_text import result_text
from screens.themes import Colours
from tests.compare.test_verdicts import flipped
from tests.screens.conftest import Open, press, settle, shown
from tests.synthetic import Task, write_run


def write(model: Path, day: int, score: float, n: int = 8, **more: object) -> None:
    shots = int(str(more.pop("shots", 0)))
    stamp = f"2026-11-{day:02}T10-00-00"
    task = Task({("acc", "none"): [i < n * score for i in range(n)]}, total=8, shots=shots)
    write_run(model / "benchmarks" / "fine-tuned" / stamp, {"t": task}, stamp=stamp, **more)  # type: ignore[arg-type]


def line(model: Path) -> tuple[list[float], int]:
    found, others = comparable("t", list(reversed(model_history(model))))
    return [outcome.value for outcome in found], others


def test_runs_that_asked_the_same_are_joined(tmp_path: Path) -> None:
    write(tmp_path, 1, 0.25)
    write(tmp_path, 2, 0.5)
    assert line(tmp_path) == ([0.25, 0.5], 0)


def test_limits_shots_templates_and_data_are_not(tmp_path: Path) -> None:
    write(tmp_path, 1, 0.25, shots=5)
    write(tmp_path, 2, 0.25, settings={"chat_template": "{{ messages }}"})
    data = {"t": {"documents": "other", "count": 8, "total": 8}}
    write(tmp_path, 3, 0.25, block={"data": data})
    write(tmp_path, 4, 0.375)
    write(tmp_path, 5, 0.5)
    write(tmp_path, 6, 1.0, n=4)
    assert line(tmp_path) == ([0.375, 0.5], 4), "the full run that counts, and what is like it"


async def test_a_newer_limited_run_stands_beside_the_full_one(open_app: Open, models: Path) -> None:
    model = models / "never-benchmarked"
    write_run(model / "benchmarks" / "base", {"t": Task({("acc", "none"): [False] * 8})})
    write(model, 20, 0.5)
    write(model, 22, 1.0, n=4)
    write_summary(model)
    async with open_app().run_test(size=(100, 44)) as pilot:
        await settle(pilot)
        await press(pilot, "down")
        screen = " ".join(shown(pilot).split())
        assert "A newer run, 2026-11-22T10-00-00, which was limited, has 4 of 8 samples." in screen
        assert "0.0% → 50.0% n=8" in screen, "what the scores of the full one are over"
        await press(pilot, "enter")
        assert "A newer run, 2026-11-22T10-00-00, which was limited" in " ".join(shown(pilot).split())


def test_the_list_says_the_same_of_a_result_as_the_table(tmp_path: Path) -> None:
    first, second = flipped(80, 80, 500, 340)
    for name, right in (("base", first), ("fine-tuned/a", second)):
        write_run(tmp_path / "benchmarks" / name, {"t": Task({("acc", "none"): right})})
    comparison = write_summary(tmp_path).comparison
    assert comparison is not None
    cell = verdict_cell(comparison.headlines[0])
    assert cell == "· no loss > 3"
    assert result_text(last_benchmark(tmp_path), Colours(*["#808080"] * 7)).plain.endswith(cell)


def test_a_last_result_over_a_part_of_the_samples_says_so(tmp_path: Path) -> None:
    """Beside the model's name there is no column for n."""
    for name, right in (("base", [False] * 8), ("fine-tuned/a", [True] * 8)):
        write_run(tmp_path / "benchmarks" / name, {"t": Task({("acc", "none"): right}, total=541)})
    write_summary(tmp_path)
    assert "(8/541)" in result_text(last_benchmark(tmp_path), Colours(*["#808080"] * 7)).plain
