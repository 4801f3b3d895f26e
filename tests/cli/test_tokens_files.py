"""`benchtui tokens distributions` and `divergences`: what they refuse before a model is looked for."""

from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error


@pytest.mark.parametrize("command", [("distributions", "m"), ("divergences", "base", "m")])
def test_texts_are_needed(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = benchtui("tokens", *command, "--output", tmp_path / "out", "--outputs", tmp_path)
    one_line_error(ended, 2, ["No texts are named", "--data, --tasks or --prompt"])


@pytest.mark.parametrize("command", [("distributions", "m"), ("divergences", "base", "m")])
def test_texts_are_read_by_every_flag(tmp_path: Path, command: tuple[str, ...]) -> None:
    for texts in (("--prompt", "2 + 2 ="), ("--tasks", "gsm8k"), ("--data", "questions.jsonl")):
        ended = benchtui("tokens", *command, "--output", tmp_path / "out", "--outputs", tmp_path, *texts)
        assert ended.code != 0
        assert "Traceback" not in ended.err
        assert "m" in ended.err.splitlines()[0]


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    prompt = ("--prompt", "2 + 2 =", "--outputs", tmp_path, "--output", tmp_path / "out")
    for typed in ("0", "many", "-1", "65537"):
        one_line_error(benchtui("tokens", "distributions", "m", "--top-k", typed, *prompt), 2, ["no number of tokens"])
    own = benchtui("tokens", "divergences", "base", "m", "--mode", "own", *prompt)
    one_line_error(own, 2, ["no tokens in common"])
