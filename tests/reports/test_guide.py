"""The guide's numbers are the code's, and its commands exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from benchtui.cli.main import COMMANDS, cli
from tests.perf.guide_numbers import GUIDE, TABLES, blocks
from tests.perf.guide_sentences import SENTENCES, Sentence, read, unexplained


@pytest.mark.parametrize("name", [name for name in TABLES if name != "early"])
@pytest.mark.long
def test_each_table_is_what_the_code_computes(name: str) -> None:
    assert blocks(GUIDE.read_text(encoding="utf-8"))[name] == TABLES[name]()


def test_every_table_has_its_place() -> None:
    assert set(blocks(GUIDE.read_text(encoding="utf-8"))) == set(TABLES)


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda one: one.words[:40])
def test_each_figure_in_a_sentence_is_computed(sentence: Sentence) -> None:
    assert " ".join(sentence.text().split()) in " ".join(read(sentence.file).split())


@pytest.mark.parametrize("file", ["README.md", "BENCHMARKING.md"])
def test_no_figure_stands_in_a_guide_that_nothing_computes(file: str) -> None:
    assert list(unexplained(file)) == []


def commands() -> list[str]:
    spans = re.findall(r"`(benchtui [^`]+)`", GUIDE.read_text(encoding="utf-8"))
    return sorted(set(spans))


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_guide_exists_with_its_flags(line: str) -> None:
    _, name, *arguments = shlex.split(line)
    assert name in COMMANDS
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    if isinstance(command, click.Group):  # benchtui tokens compare …
        command = command.get_command(None, arguments[0])  # type: ignore[arg-type]
    assert command is not None
    known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    assert {argument for argument in arguments if argument.startswith("--")} <= known


def test_links_inside_the_guide_lead_somewhere() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    for path in re.findall(r"`((?:tests|benchtui)/[\w/.]+)`", text):
        assert (Path(GUIDE).parent / path).exists()
