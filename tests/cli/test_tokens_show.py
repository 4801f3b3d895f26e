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

from benchtui.plans.plan import write_plan
from benchtui.plans.tokens import GivenTexts, TokensPlan
from benchtui.runs.directory import RunDirectory
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


def test_one_model_alone(store: DistributionStore) -> None:
    ended = benchtui("tokens", "show", store.folder, "--doc", "1", "--pair", "sft")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("sft ·")
    assert f"{store.scores(1, 0).entropy.max():.2f}" in ended.out
    assert "dpo" not in ended.out
    named = benchtui("tokens", "show", store.folder, "--doc", "1", "--pair", "sft", "--metric", "js")
    one_line_error(named, 2, ["compares two models"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--doc", "9"), ["no document", "number from 1 to 3"]),
        (("--pair", "base,other"), ["names no models", "base, sft, dpo"]),
        (("--pair", "sft,dpo"), ["were not compared"]),
        (("--metric", "kl"), ["--doc 1"]),
    ],
)
def test_what_is_not_there_is_named(store: DistributionStore, arguments: tuple[str, ...], words: list[str]) -> None:
    one_line_error(benchtui("tokens", "show", store.folder, *arguments), 2, words)


def test_one_that_has_not_finished_is_named(store: DistributionStore, tmp_path: Path) -> None:
    (store.folder / SUMMARY).unlink()
    one_line_error(benchtui("tokens", "show", store.folder), 1, ["has not finished", "benchtui resume"])
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
    assert "://" not in files["svg"].read_text().replace("http://www.w3.org/2000/svg", "").replace(
        "https://www.text", ""
    )
    assert "[red]x[/]" in "".join(ET.parse(files["svg"]).getroot().itertext()).replace("\xa0", " ")  # noqa: S314
    assert "\x1b" not in files["html"].read_text() + files["json"].read_text() + files["csv"].read_text()


def test_formats_say_what_they_need(store: DistributionStore) -> None:
    one_line_error(benchtui("tokens", "export", store.folder, "--format", "svg"), 2, ["--doc 1"])
    one_line_error(benchtui("tokens", "export", store.folder, "--format", "parquet"), 2, ["--output"])
    one_line_error(benchtui("tokens", "export", store.folder, "--format", "csv", "--doc", "1"), 2, ["Leave it out"])


@pytest.mark.parametrize(
    "name", ["plain", "with spaces  inside", "ünïcode-模型-🦙", "[bold]markup", "dots.v1.2..final"]
)
def test_a_run_is_found_by_every_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    outputs, stamps = tmp_path / "outputs", ("2026-11-20T10-30-15", "2026-11-21T10-30-15")
    for n, stamp in enumerate(stamps):
        run = outputs / name / "tokens" / stamp
        made = made_store(run / "tokens", ANSWERS, labels=(f"base{n}", f"tuned{n}"))
        (made.folder / SUMMARY).write_bytes(msgspec.json.encode(summarise(made)))
        write_plan(
            RunDirectory(run).plan_file,
            TokensPlan(
                model_name=name,
                bench_id="b",
                created=f"2026-11-2{n}T10:30:15+00:00",
                device="cpu",
                models=(),
                texts=GivenTexts("made", ()),
            ),
        )
    monkeypatch.chdir(tmp_path)
    newest = benchtui("tokens", "show")
    assert newest.code == 0, newest.err
    assert "tuned1 ‖ base1" in newest.out
    for text in (f"{name}/tokens/{stamps[0]}", outputs / name / "tokens" / stamps[0], stamps[0]):
        ended = benchtui("tokens", "show", text)
        assert ended.code == 0, ended.err
        assert "tuned0 ‖ base0" in ended.out
    assert benchtui("tokens", "show", name).out == newest.out
