"""Refusals in a comparison: the paired change, sample by sample, where either run refused anything."""

from __future__ import annotations

import json
from pathlib import Path

from benchtui.compare.compare import compare_runs
from benchtui.compare.health import health_notes
from benchtui.compare.records import Comparison
from benchtui.compare.refusals import Refusals, refusals
from benchtui.results.read import read_run
from tests.synthetic import Task, ifeval, write_run

N = 40
SORRY = "I'm sorry, but I can't help with that."


def run(folder: Path, refused: range, *, counted: bool = True) -> Path:
    answers = [SORRY if i in refused else f"Of course: {i}" for i in range(N)]
    health = {"answers": N, **({"refused": len(refused)} if counted else {})}
    task = ifeval([i % 2 == 0 for i in range(N)], answers=answers, total=N)
    return write_run(folder, {"ifeval": task}, block={"health": {"ifeval": health}})


def test_the_change_is_told_with_its_test(tmp_path: Path) -> None:
    base, tuned = read_run(run(tmp_path / "a", range(2))), read_run(run(tmp_path / "b", range(1, 31)))
    found = compare_runs(base, tuned)
    assert refusals(base, tuned, found.headlines[0]) == Refusals(N, 2, 30, began=29, ended=1)
    [said] = [words for words in found.warnings if "refusal" in words]
    assert "of 40 samples, 2 (" in said
    assert "29 only by" in said
    assert "p < 0.001, not corrected" in said
    assert any("30 of 40 answers begin like a refusal" in words for words in _health(found))


def _health(found: Comparison) -> list[str]:
    return list(health_notes(found))


def test_nothing_is_said_where_nobody_refused_or_nobody_counted(tmp_path: Path) -> None:
    none = read_run(run(tmp_path / "a", range(0)))
    old = read_run(run(tmp_path / "b", range(5), counted=False))
    assert not any("refusal" in words for words in compare_runs(none, none).warnings)
    assert not any("refusal" in words for words in compare_runs(none, old).warnings)


def test_of_several_answers_most_are_refusals(tmp_path: Path) -> None:
    base, tuned = read_run(repeated(tmp_path / "a", refused=1)), read_run(repeated(tmp_path / "b", refused=3))
    found = compare_runs(base, tuned)
    assert refusals(base, tuned, found.headlines[0]) == Refusals(N, 0, N, began=N, ended=0)
    [said] = [words for words in found.warnings if "refusal" in words and "of 40 samples" in words]
    assert "0 (a) and 40 (b) are refused, which is where most answers begin like a refusal; 40 only by b" in said


def repeated(folder: Path, refused: int) -> Path:
    """Four answers to each sample, of which the last ones are refusals."""
    values = {("exact_match", "none"): [i % 3 / 4 for i in range(N)]}
    spread = {"answers": 4, "documents": N, "between": 0.1, "within": 0.1, "stderr": 0.05}
    health = {"t": {"answers": 4 * N, "refused": refused * N}}
    block = {"health": health, "repeats": {"t": {"exact_match,none": spread}}}
    write_run(folder, {"t": Task(values)}, block=block, model=folder.name)
    (file,) = folder.rglob("samples_*")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    for line in lines:
        line["resps"] = line["filtered_resps"] = [["Of course."] * (4 - refused) + [SORRY] * refused]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder
