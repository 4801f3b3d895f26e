"""Blind votes in `benchtui history` and in READMEs: beside the scores, in no leaderboard."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchtui.chat.voting import Voting
from benchtui.compare.votes import votes_file
from tests.chat.spoken import Spoken, spoken
from tests.cli.results_commands import benchtui, one_line_error, write_model

PROMPTS = tuple(f"Prompt {number}" for number in range(12))


def voted(place: Path, *, against: int = 1) -> Spoken:
    """A vote of twelve, all but `against` for the tuned model, in outputs/tuned/chats/ below `place`."""
    session = spoken(place, PROMPTS, lambda model, _: "tuned" if model == 0 else "base")
    voting = Voting(session)
    for number in range(len(PROMPTS)):
        voting.poll()
        voting.poll()
        assert voting.current is not None
        left = voting.current.texts[0] == "tuned"
        voting.vote("first" if left != (number < against) else "second")
    voting.end()
    return session


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    write_model(tmp_path / "outputs", "tuned", 90, 20)
    voted(tmp_path)
    return tmp_path / "outputs"


def test_no_date_is_broken_on_a_narrow_terminal(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    votes = benchtui("history", "--outputs", outputs).out.split("Blind vote")[1]
    assert votes.splitlines()[2].split()[:4] == ["2026-11-29", "tuned", "base", "11"]
    assert "Against" in votes


def test_the_votes_follow_the_log(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    for model in ((), ("tuned",)):
        ended = benchtui("history", *model, "--outputs", outputs)
        assert (ended.code, ended.err) == (0, "")
        log, votes = ended.out.split("Blind vote")
        assert "ifeval" in log
        row = votes.splitlines()[2].split()
        assert row[:7] == ["2026-11-29", "10-00-00", "tuned", "base", "11", "0", "1"]
        assert row[7:] == ["91.7%", "61.5", "to", "99.8", "0.006", "▲", "better"]
    markdown = benchtui("history", "--outputs", outputs, "--format", "markdown").out
    assert "| tuned | base | 11 | 0 | 1 | 91.7% | 61.5 to 99.8 | 0.006 | ▲ better |" in markdown


def test_programs_ask_for_the_votes(outputs: Path) -> None:
    plain = json.loads(benchtui("history", "--outputs", outputs, "--format", "json").out)
    assert [record["model"] for record in plain] == ["tuned"], "a vote is no score"
    (record,) = json.loads(benchtui("history", "--votes", "--outputs", outputs, "--format", "json").out)
    (pair,) = record["pairs"]
    assert (pair["wins"], pair["losses"], pair["ties"], pair["first"]) == (11, 1, 0, "tuned")
    assert pair["p"] == pytest.approx(0.00634765625)
    assert pair["verdict"].startswith("tuned is preferred to base: tuned won 11 of 12")
    (row,) = csv.DictReader(io.StringIO(benchtui("history", "--votes", "--outputs", outputs, "--format", "csv").out))
    assert (row["first"], row["wins"], row["losses"]) == ("tuned", "11", "1")
    assert float(row["p"]) == pytest.approx(0.00634765625)


def test_the_leaderboard_does_not_know_votes(outputs: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "plain" / "outputs", "tuned", 90, 20)
    without = benchtui("leaderboard", "--outputs", tmp_path / "plain" / "outputs").out
    assert benchtui("leaderboard", "--outputs", outputs).out == without


def test_a_model_that_was_never_benchmarked_has_its_votes(tmp_path: Path) -> None:
    voted(tmp_path)
    ended = benchtui("history", "--outputs", tmp_path / "outputs")
    assert (ended.code, ended.err) == (0, "")
    assert "better" in ended.out
    (tmp_path / "none").mkdir()
    one_line_error(benchtui("history", "--votes", "--outputs", tmp_path / "none"), 1, ["No blind vote", "--blind"])


def test_a_damaged_result_is_named(outputs: Path, tmp_path: Path) -> None:
    from benchtui.runs.directory import RunDirectory

    votes_file(RunDirectory(outputs / "tuned" / "chats" / "2026-11-29T10-00-00")).write_text("{")
    ended = benchtui("history", "--outputs", outputs)
    assert ended.code == 0
    assert "votes.json cannot be read" in ended.err
    assert "ifeval" in ended.out


def test_a_readme_has_the_votes_where_they_are_asked_for(outputs: Path) -> None:
    readme = outputs / "tuned" / "README.md"
    assert benchtui("readme", "tuned", "--outputs", outputs).code == 0
    assert "Blind votes" not in readme.read_text()
    assert benchtui("readme", "tuned", "--votes", "--leaderboard", "--outputs", outputs).code == 0
    text = readme.read_text()
    assert "### Blind votes" in text
    assert "| 2026-11-29 10-00-00 | tuned | base | 11 | 0 | 1 | 91.7% |" in text
    assert "- 2026-11-29: tuned is preferred to base: tuned won 11 of 12" in text
    assert text.index("### Leaderboard") < text.index("### Blind votes") < text.index("<!-- benchtui:results:end")
    assert str(outputs) not in text


def test_a_readme_without_votes_says_so(tmp_path: Path) -> None:
    write_model(tmp_path, "plain", 90, 20)
    one_line_error(benchtui("readme", "plain", "--votes", "--outputs", tmp_path), 1, ["No blind vote of plain"])


def test_a_file_does_not_say_who_wrote_what_before_the_vote_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = spoken(tmp_path, PROMPTS, lambda model, _: f"model {model}")
    voting = Voting(session)
    voting.poll()
    voting.poll()
    voting.vote("first")
    resume = ("chat", "--resume", "tuned/chats/2026-11-29T10-00-00", "--outputs", tmp_path / "outputs")
    one_line_error(benchtui(*resume, "--export", "markdown"), 2, ["is not over", "End it first"])
    one_line_error(benchtui(*resume, "--prompt", "Hello"), 2, ["A blind vote is held on a screen"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    one_line_error(benchtui(*resume, "--temperature", "1"), 2, ["answers of a blind vote are written alike"])
    voting.end()
    assert "model 0" in benchtui(*resume, "--export", "markdown").out
