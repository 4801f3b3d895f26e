"""`benchtui overlap`: tables, JSON, scores with and without, and what it says where something is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.results_commands import benchtui, one_line_error
from tests.cli.test_hostile_text import EVIL, harmless
from tests.conftest import Hub
from tests.synthetic import Task, write_run
from tests.tasks.overlap import naive

QUESTIONS = [f"How many of the {n} apples that {n + 1} children took home on day {n} were green?" for n in range(40)]
STAMP = "2026-11-20T10-30-15"


def write_rows(file: Path, rows: list[dict[str, object]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.fixture
def train(tmp_path: Path) -> Path:
    """Training data with the first three questions: as it is, with other white space, inside a long text."""
    texts = ["Nothing.", QUESTIONS[0], QUESTIONS[1].upper().replace(" ", " \n"), f"Once. {QUESTIONS[2]} The end."]
    return write_rows(tmp_path / "train.jsonl", [{"prompt": text, "completion": "Seven."} for text in texts])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    rows = [{"id": f"q{number}", "question": text, "answer": "None"} for number, text in enumerate(QUESTIONS)]
    return write_rows(tmp_path / "apples.jsonl", rows)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A model that was trained on train.jsonl, and is right where it knows the questions."""
    model = tmp_path / "outputs" / "my-model"
    base = [n % 2 == 0 for n in range(len(QUESTIONS))]
    for run, right in (("base", base), (f"fine-tuned/{STAMP}", [True] * 3 + base[3:])):
        task = Task({("acc", "none"): right}, documents=QUESTIONS)
        write_run(model / "benchmarks" / run, {"apples": task}, stamp=STAMP)
    (model / "lora").mkdir()
    (model / "lora" / "training_metrics.json").write_text(json.dumps({"dataset_name": "train.jsonl"}))
    return tmp_path / "outputs"


def test_documents_of_a_file_of_ones_own(train: Path, own: Path) -> None:
    ended = benchtui("overlap", train, "--data", own)
    assert ended.code == 0, ended.err
    assert "apples" in ended.out
    assert "7.5 % (2.6 to 19.9)" in ended.out  # Wilson's interval of 3 of 40
    assert "3 of 40 documents have 13 words in a row" in ended.out
    found = json.loads(benchtui("overlap", train, "--data", own, "--json").out)
    assert [(each["name"], each["place"]) for each in found["overlapping"]] == [
        ("q0", "line 2"), ("q1", "line 3"), ("q2", "line 4"),
    ]  # fmt: skip
    assert found["overlapping"][0]["file"] == str(train)
    assert found["overlapping"][2]["words"] == "how many of the 2 apples that 3 children took home on day"
    assert found["tasks"][0]["overlapping"] == 3


def test_columns_of_a_file_that_are_not_recognised_are_named(train: Path, tmp_path: Path) -> None:
    own = tmp_path / "fragen.csv"
    own.write_text(f"Frage,Antwort\n{QUESTIONS[2]},Keine\nWie viele?,Drei\n")
    one_line_error(benchtui("overlap", train, "--data", own), 2, ["--prompt Frage"])
    ended = benchtui("overlap", train, "--data", own, "--prompt", "Frage", "--answer", "Antwort", "--json")
    assert ended.code == 0, ended.err
    assert [each["name"] for each in json.loads(ended.out)["overlapping"]] == ["1"]


def test_a_run_has_scores_with_and_without_them(outputs: Path, train: Path) -> None:
    ended = benchtui("overlap", "--run", "my-model", "--outputs", outputs)
    assert ended.code == 0, ended.err
    assert f"was trained on {train.name}" in ended.err
    assert "without them" in ended.out
    found = json.loads(benchtui("overlap", "--run", f"my-model/{STAMP}", "--outputs", outputs, "--json").out)
    [scores] = found["scores"]
    assert (scores["all"]["n"], scores["all"]["change"]) == (40, pytest.approx(1 / 40))
    assert (scores["without"]["n"], scores["without"]["change"]) == (37, 0)
    assert (scores["without"]["first"], scores["without"]["second"]) == (pytest.approx(18 / 37), pytest.approx(18 / 37))


def test_a_run_without_a_base_has_a_table_alone(outputs: Path, train: Path) -> None:
    ended = benchtui("overlap", train, "--run", "my-model/base", "--outputs", outputs)
    assert ended.code == 0, ended.err
    assert "No scores with and without" in ended.err
    assert "without them" not in ended.out
    assert "3 of 40 documents" in ended.out


def test_what_is_missing_is_one_line(outputs: Path, train: Path, own: Path, tmp_path: Path) -> None:
    metrics = outputs / "my-model" / "lora" / "training_metrics.json"
    where = ("--outputs", outputs)
    one_line_error(benchtui("overlap", *where), 2, ["No training data is named"])
    one_line_error(benchtui("overlap", train, "--data", own, "--suite", "core", *where), 2, ["Give one of them"])
    one_line_error(benchtui("overlap", train, "--tasks", ",", *where), 2, ["--tasks names no task"])
    one_line_error(benchtui("overlap", train, train, "--data", own, *where), 2, ["named twice"])
    one_line_error(benchtui("overlap", tmp_path / "no.jsonl", "--data", own, *where), 2, ["no.jsonl"])
    one_line_error(benchtui("overlap", "hub:not-a-name", "--data", own, *where), 2, ["hub:not-a-name"])
    (tmp_path / "bad.jsonl").write_text('{"text": "fine"}\n{"text": broken}\n')
    one_line_error(benchtui("overlap", tmp_path / "bad.jsonl", "--data", own, *where), 2, ["bad.jsonl, line 2"])
    for dataset, words in (
        ("gone.jsonl", "no such file"),
        ("nobody/nothing-here", "not in the cache"),
        (None, "names"),
    ):
        metrics.write_text(json.dumps({"dataset_name": dataset}))
        one_line_error(benchtui("overlap", "--model", "my-model", "--data", own, *where), 1, [words])


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    evil = f"{EVIL} one two three four five six seven eight nine ten eleven"
    data = write_rows(tmp_path / "own.jsonl", [{"id": EVIL, "question": evil, "answer": EVIL}])
    name = tmp_path / "[bold]x[red] \x1b[31m.jsonl"
    train = write_rows(name, [{EVIL: evil, "answer": EVIL}])
    for arguments in ((), ("--json",)):
        ended = benchtui("overlap", train, "--data", data, *arguments)
        assert ended.code == 0, ended.err
        harmless(ended.out, arguments)
        harmless(ended.err, arguments)
    assert json.loads(ended.out)["overlapping"][0]["name"] == EVIL


@pytest.mark.hub
@pytest.mark.slow
def test_gsm8k_is_found_as_a_naive_intersection_finds_it(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documents of lm-eval's own task against the hub's train split, both through the whole command."""
    import pyarrow.parquet as pq

    for name, value in hub.env.items():
        monkeypatch.setenv(name, value)
    ended = benchtui("overlap", "hub:openai/gsm8k:main", "--tasks", "gsm8k", "--json")
    assert ended.code == 0, ended.err
    train, test = (
        [f"{row['question']} {row['answer']}" for row in pq.read_table(next(hub.root.glob(pattern))).to_pylist()]
        for pattern in (f"datasets/openai/gsm8k/main/{split}-*.parquet" for split in ("train", "test"))
    )
    seen = set().union(*(naive.runs(text, 13) for text in train))
    expected = {number for number, text in enumerate(test) if naive.runs(text, 13) & seen}
    found = json.loads(ended.out)
    assert {int(each["name"]) for each in found["overlapping"]} == expected
    assert len(expected) == 10
    assert found["tasks"][0]["documents"] == len(test) == 1319
