from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error
from tests.compare.leaderboard.written import follows, solves
from tests.synthetic import Task, write_run

N = 800


def tasks(strict: float, solved: float, *, n: int = N, seed: int = 1) -> dict[str, Task]:
    """Return answers to both tasks; those of one seed agree as far as their shares do."""
    return {"ifeval": follows(strict, seed, n), "gsm8k": solves(solved, seed + 1, n)}


def write(outputs: Path, name: str, tuned: dict[str, Task], size: int, *, memory: int = 1000) -> None:
    """Write a model with a run that says what it cost."""
    model = outputs / name
    (model / "merged_16bit").mkdir(parents=True)
    write_run(model / "benchmarks" / "base", tasks(0.3, 0.5), model="org/base")
    speed = {"weights": size, "memory": memory, "device_memory": None}
    run = model / "benchmarks" / "fine-tuned" / "2026-11-20T10-00-00"
    write_run(run, tuned, model=name, block={"speed": speed, "plan": {"backend": "hf"}})


def models(outputs: Path) -> Path:
    write(outputs, "tiny", tasks(0.3, 0.3), 100)
    write(outputs, "small", tasks(0.6, 0.5), 200)
    write(outputs, "large", tasks(0.605, 0.5), 900, memory=9000)
    return outputs


def test_exit_codes_say_found_cannot_tell_and_nothing_fits(tmp_path: Path) -> None:
    outputs = models(tmp_path / "outputs")
    found = benchtui("pick", "--by", "ifeval", "--outputs", outputs)
    assert found.code == 0, found.err
    assert "Keep small: of 3 models the smallest that is shown to be within 3 points of the best one" in found.out
    unclear = benchtui("pick", "--by", "ifeval", "--within", "0.1", "--outputs", outputs)
    assert unclear.code == 3
    assert "Cannot tell which to keep: none of 3 is shown to be within 0.1 points" in unclear.out
    nothing = benchtui("pick", "--by", "ifeval", "--max-size", "50", "--outputs", outputs)
    assert nothing.code == 4
    assert "Nothing fits: 3 of 3 models beyond a limit" in nothing.out


def test_limits_and_demands_change_the_answer(tmp_path: Path) -> None:
    outputs = models(tmp_path / "outputs")
    small = benchtui("pick", "--by", "ifeval", "--max-size", "0.15KB", "--outputs", outputs, "--json")
    assert json.loads(small.out)["picked"] == "tiny"
    kept = benchtui(
        "pick", "--by", "ifeval", "--max-size", "0.15KB", "--no-worse", "gsm8k:3", "--outputs", outputs, "--json"
    )
    assert (kept.code, {each["state"] for each in json.loads(kept.out)["models"]}) == (4, {"lost", "over"})
    lost = benchtui("pick", "tiny", "--by", "ifeval", "--no-worse", "gsm8k:3", "--outputs", outputs)
    assert (lost.code, "lost more than allowed of gsm8k" in lost.out) == (4, True)
    mean = benchtui("pick", "--by", "Mean of headline tasks", "--outputs", outputs, "--json")
    document = json.loads(mean.out)
    assert (document["by"]["task"], document["picked"]) == ("mean", "small")


def test_what_cannot_be_compared_with_most_takes_no_part(tmp_path: Path) -> None:
    outputs = models(tmp_path / "outputs")
    other = {"ifeval": follows(0.9, 1, N, prompt="in other words: ")}
    write(outputs, "other-prompts", other, 10)
    partial = {"ifeval": follows(0.9, 1, 50)}
    write(outputs, "few", partial, 10)
    found = benchtui("pick", "--by", "ifeval", "--outputs", outputs, "--json")
    document = json.loads(found.out)
    states = {each["name"]: each["state"] for each in document["models"]}
    assert (document["picked"], states["other-prompts"], states["few"]) == ("small", "unknown", "unknown")
    words = benchtui("pick", "--by", "ifeval", "--outputs", outputs)
    assert "Not compared, so not among those the best was looked for: " in words.out


def test_wrong_words_are_refused_in_one_line(tmp_path: Path) -> None:
    outputs = models(tmp_path / "outputs")
    for arguments, words in (
        (("--no-worse", "ifeval"), "is no task with points, like ifeval:3"),
        (("--no-worse", "ifeval:nan"), "is no task with points, like ifeval:3"),
        (("--no-worse", "nothing:3"), "No model has a score of 'nothing'"),
        (("--by", "nothing"), "No model has a score of 'nothing'"),
        (("--max-size", "huge"), "is no size like 500MB"),
        (("--within", "inf"), "inf"),
        (("--min-speed", "nan"), "nan is no number"),
    ):
        ended = benchtui("pick", *arguments, "--outputs", outputs)
        one_line_error(ended, 2, [words])


def test_nothing_was_evaluated(tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    ended = benchtui("pick", "--outputs", tmp_path / "outputs")
    assert (ended.code, "has results yet" in ended.err) == (1, True)


def test_names_of_models_steer_nothing(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    write(outputs, "evil\x1b[2J[bold]", tasks(0.6, 0.5), 100)
    for more in ((), ("--json",)):
        ended = benchtui("pick", "--outputs", outputs, *more)
        assert (ended.code, "\x1b" in ended.out + ended.err) == (0, False)
    assert "[bold]" in ended.out


def test_a_narrow_terminal_shows_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    found = benchtui("pick", "--by", "ifeval", "--outputs", models(tmp_path / "outputs"))
    table = " ".join(found.out.split("Keep")[0].split())
    for words in ("within 3", "shown", "(p <", "0.001)", "worse by", "against", "900 B"):
        assert words in table, table


def test_each_demand_of_one_task_is_told_with_its_own_points(tmp_path: Path) -> None:
    demands = ("--no-worse", "gsm8k:30", "--no-worse", "gsm8k:0.1")
    found = benchtui("pick", "--by", "ifeval", *demands, "--outputs", models(tmp_path / "outputs"))
    words = " ".join(found.out.split("Cannot tell which")[0].split())
    assert "no loss over 0.1 points of gsm8k is not shown" in words
    assert "no loss over 30 points of gsm8k is not shown" not in words
