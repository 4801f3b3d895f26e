"""`benchtui leaderboard` of runs that differ in every way: each is shown as what it is."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.results_commands import Ended, benchtui
from tests.compare.leaderboard.models import gsm8k, write_model
from tests.synthetic import Task

N = 400
HOSTILE = "=x[red]</td><script>\x1b[31m\\&%$"


def perplexity(level: float, seed: int) -> Task:
    values = [level + (number * seed % 17) / 10 for number in range(N)]
    return Task({("word_perplexity", "none"): values}, higher_is_better=False)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("odd") / "outputs"
    base = {"gsm8k": gsm8k(0.3, 2), "wikitext": perplexity(9.0, 3)}
    write_model(found, "whole", {"gsm8k": gsm8k(0.5, 3), "wikitext": perplexity(7.0, 5)}, base)
    write_model(found, "shots", {"gsm8k": gsm8k(0.5, 4, shots=5)}, base)
    write_model(found, "version", {"gsm8k": gsm8k(0.5, 5, version=2.0)}, base)
    write_model(found, "limited", {"gsm8k": gsm8k(0.5, 6, 150, total=N)}, base)
    write_model(found, "prompts", {"gsm8k": gsm8k(0.5, 7, prompt="Other words: ")}, base)
    write_model(found, HOSTILE.replace("/", ""), {"gsm8k": gsm8k(0.5, 8)}, base)
    block = {"partial": True, "documents": {"gsm8k": {"done": 100, "total": N}}}
    write_model(found, "partial", {"gsm8k": gsm8k(0.5, 9, 100, total=N)}, base, block=block)
    return found


def shown(outputs: Path, form: str) -> Ended:
    ended = benchtui("leaderboard", "--outputs", outputs, "--format", form)
    assert (ended.code, ended.err) == (0, "")
    return ended


def test_each_is_what_it_is(outputs: Path) -> None:
    found: dict[str, Any] = json.loads(shown(outputs, "json").out)
    cells = {(each["name"], cell["task"]): cell for each in found["candidates"] for cell in each["tasks"]}
    gsm = {name: cell for (name, task), cell in cells.items() if task == "gsm8k"}
    assert gsm["whole"]["state"] == "compared"
    assert gsm["shots"]["notes"] == ["shots: 0 (Base), 5 (Fine-tuned)"]
    assert gsm["version"]["notes"] == ["task version: 1.0 (Base), 2.0 (Fine-tuned)"]
    assert gsm["prompts"]["why"] == "other prompts"
    assert gsm["limited"]["why"].startswith("n = 150 of 400")
    assert gsm["partial"]["why"].startswith("partial, 100 of 400")
    assert (gsm["limited"]["n"], gsm["limited"]["total"]) == (150, N)
    assert gsm["partial"]["partial"] is True
    assert {gsm[name]["state"] for name in ("limited", "partial", "prompts")} == {"not comparable"}
    wikitext = cells["whole", "wikitext"]
    assert wikitext["higher_is_better"] is False
    assert wikitext["change"] < 0
    assert wikitext["verdict"] == "better"
    assert cells["shots", "wikitext"]["state"] == "missing"


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "html", "latex"])
def test_each_format_says_what_differs(outputs: Path, form: str) -> None:
    text = " ".join(shown(outputs, form).out.split())
    for words in ("shots: 0", "task version: 1.0", "other prompts", "n = 150 of 400", "partial, 100 of 400"):
        assert words in text, words
    if form == "table":
        assert "! (" in text
        assert "less is better" in text


@pytest.mark.parametrize("form", ["table", "markdown", "csv", "json", "html", "svg", "latex"])
def test_no_format_lets_a_name_act(outputs: Path, form: str) -> None:
    text = shown(outputs, form).out
    assert "\x1b" not in text
    if form in ("html", "svg", "markdown"):
        assert "<script>\\" not in text
    if form == "csv":
        rows = csv.DictReader(io.StringIO(text))
        assert not any(
            value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values() if value[1:2].isalpha()
        )


def test_a_task_may_be_called_mean(tmp_path: Path) -> None:
    """There is then no mean over tasks, which could not be told from it."""
    base = {"gsm8k": gsm8k(0.3, 2), "mean": gsm8k(0.3, 3)}
    write_model(tmp_path, "tuned", {"gsm8k": gsm8k(0.5, 3), "mean": gsm8k(0.5, 4)}, base)
    found: dict[str, Any] = json.loads(shown(tmp_path, "json").out)
    assert [(each["task"], each["tasks"]) for each in found["columns"]] == [("gsm8k", []), ("mean", [])]
    (cell,) = (each for each in found["candidates"][0]["tasks"] if each["task"] == "mean")
    assert (cell["state"], cell["metric"], cell["n"]) == ("compared", "exact_match,strict-match", N)
    for more in (("--pairwise", "mean"), ("--pairwise",), ("--sort", "mean")):
        assert benchtui("leaderboard", *more, "--outputs", tmp_path).code == 0
    picked = benchtui("pick", "--outputs", tmp_path, "--json")
    assert json.loads(picked.out)["by"] == {"task": "mean", "metric": "exact_match,strict-match", "tasks": []}
