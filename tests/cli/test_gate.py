from __future__ import annotations

import json
from pathlib import Path

from tests.cli.results_commands import benchtui, one_line_error, write_model


def test_exit_codes_are_met_not_met_and_cannot_tell(tmp_path: Path) -> None:
    for name, fixed, broken, n, code, words in (
        ("gain", 90, 20, 541, 0, "Gate met: "),
        ("loss", 5, 90, 541, 4, "Gate not met: Instruction-Following"),
        ("few", 1, 0, 5, 3, "Inconclusive: Instruction-Following: 5 samples show nothing"),
    ):
        write_model(tmp_path, name, fixed, broken, n=n)
        ended = benchtui("gate", name, "--outputs", tmp_path)
        assert ended.code == code, ended.out
        assert ended.out.startswith(words)
        assert ended.out.count("\n") == 1


def test_a_wanted_gain_on_one_task(tmp_path: Path) -> None:
    model = write_model(tmp_path, "gain", 90, 20)
    assert benchtui("gate", model, "--min-gain", "0", "--task", "ifeval").code == 0
    assert benchtui("gate", model, "--min-gain", "30", "--task", "ifeval").code == 4
    assert benchtui("gate", model, "--min-gain", "12", "--task", "ifeval").code == 3


def test_json_has_every_check(tmp_path: Path) -> None:
    ended = benchtui("gate", write_model(tmp_path, "gain", 90, 20), "--json")
    document = json.loads(ended.out)
    assert document["outcome"] == "met"
    assert [check["task"] for check in document["checks"]] == ["ifeval", "gsm8k"]
    assert document["checks"][0]["low"] > 0


def test_two_runs_may_be_named(tmp_path: Path) -> None:
    model = write_model(tmp_path, "gain", 90, 20)
    run = next((model / "benchmarks" / "fine-tuned").iterdir())
    assert benchtui("gate", run, model / "benchmarks" / "base").code == 4


def test_flags_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path, "gain", 90, 20)
    one_line_error(benchtui("gate", model, "--task", "ifeval"), 2, ["--min-gain"])
    one_line_error(benchtui("gate", model, "--min-gain", "1"), 2, ["needs --task", "ifeval, gsm8k"])
    one_line_error(benchtui("gate", model, "--min-gain", "1", "--task", "mmlu"), 2, ["'mmlu'", "ifeval"])
    one_line_error(benchtui("gate", model, "--max-loss", "-1"), 2, ["--max-loss"])
