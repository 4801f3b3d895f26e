"""`benchtui tokens show` and `export`, on a comparison by token that is on disk."""

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest
from pyarrow import parquet

from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summarise import summarise
from benchtui.tokens.summary import SUMMARY
from tests.cli.results_commands import benchtui, one_line_error
from tests.tokens.made_store import made_store

ANSWERS = ["so the answer is 18", "=HYPERLINK(1) and [red]x[/] \x1b[2J", "two\nlines and 日本 🙂"]


@pytest.fixture
def store(tmp_path: Path) -> DistributionStore:
    made = made_store(tmp_path / "a-run" / "tokens", ANSWERS, labels=("base", "sft", "dpo"))
    (made.folder / SUMMARY).write_bytes(msgspec.json.encode(summarise(made)))
    return made


def test_the_tables(store: DistributionStore) -> None:
    ended = benchtui("tokens", "show", store.folder)
    assert ended.code == 0, ended.err
    assert f"{store.pair_column(0, 2, 'js').mean():.3f}" in ended.out
    assert "dpo ‖ base" in ended.out
    assert "\x1b" not in ended.out
    other = benchtui("tokens", "show", store.folder, "--pair", "base,sft")
    assert f"{store.pair_column(0, 1, 'kl').max():.2f}"[:4] in other.out


def test_a_document(store: DistributionStore) -> None:
    ended = benchtui("tokens", "show", store.folder, "--doc", "made #1", "--metric", "entropy")
    assert ended.code == 0, ended.err
    assert "[red]x[/]" in ended.out
    assert "\x1b" not in ended.out
    assert f"{store.scores(2, 1).entropy.max():.2f}" in ended.out
    assert benchtui("tokens", "show", store.folder, "--doc", "2", "--metric", "entropy").out == ended.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--doc", "9"), ["no document", "number from 1 to 3"]),
        (("--pair", "base,other"), ["names no two models", "base, sft, dpo"]),
        (("--pair", "sft,dpo"), ["were not compared"]),
        (("--metric", "kl"), ["--doc 1"]),
    ],
)
def test_what_is_not_there_is_named(store: DistributionStore, arguments: tuple[str, ...], words: list[str]) -> None:
    one_line_error(benchtui("tokens", "show", store.folder, *arguments), 2, words)


def test_one_that_has_not_finished_is_named(store: DistributionStore, tmp_path: Path) -> None:
    (store.folder / SUMMARY).unlink()
    one_line_error(benchtui("tokens", "show", store.folder), 1, ["not compared to the end", "Resume the run"])
    (tmp_path / "outputs").mkdir()
    one_line_error(benchtui("tokens", "show", "--outputs", tmp_path / "outputs"), 1, ["no comparison by token"])


def test_every_format_has_the_stores_numbers(store: DistributionStore, tmp_path: Path) -> None:
    files = {name: tmp_path / f"file.{name}" for name in ("html", "svg", "parquet", "csv", "json")}
    for name, file in files.items():
        more = ("--doc", "2") if name == "svg" else ()
        ended = benchtui("tokens", "export", store.folder, "--format", name, "--output", file, *more)
        assert (ended.code, ended.out) == (0, ""), ended.err
    logprobs = np.concatenate([store.column(number, "logprob") for number in range(3)])
    table = parquet.read_table(files["parquet"])
    np.testing.assert_array_equal(table["logprob"].to_numpy(), logprobs)
    lines = list(csv.DictReader(io.StringIO(files["csv"].read_text())))
    np.testing.assert_allclose([float(line["logprob"]) for line in lines], logprobs, rtol=1e-6)
    assert not any(line["token"].startswith("=") for line in lines)
    found = json.loads(files["json"].read_text())
    np.testing.assert_allclose(np.concatenate([each["logprob"] for each in found["rows"]]), logprobs, rtol=1e-6)
    assert found["summary"]["pairs"][1]["js"]["value"] == pytest.approx(store.pair_column(0, 2, "js").mean())
    assert "[red]x[/]" in "".join(ET.parse(files["svg"]).getroot().itertext()).replace("\xa0", " ")  # noqa: S314
    assert "\x1b" not in files["html"].read_text() + files["json"].read_text() + files["csv"].read_text()


def test_formats_say_what_they_need(store: DistributionStore) -> None:
    one_line_error(benchtui("tokens", "export", store.folder, "--format", "svg"), 2, ["--doc 1"])
    one_line_error(benchtui("tokens", "export", store.folder, "--format", "parquet"), 2, ["--output"])
    one_line_error(benchtui("tokens", "export", store.folder, "--format", "csv", "--doc", "1"), 2, ["Leave it out"])
