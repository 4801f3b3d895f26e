"""`benchtui metrics`: what is listed, and what answers in a file score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from benchtui.evidence.shares import wilson
from benchtui.tasks.metrics.own_file import ALLOWED
from benchtui.tasks.metrics.registry import METRICS
from tests.cli.results_commands import benchtui, one_line_error

ROWS = [
    {"question": "q", "prediction": "007", "answer": "007"},
    {"question": "q", "prediction": "7", "answer": "007"},
    {"question": "q", "prediction": "The cat sat on the mat", "answer": "The cat sat on a mat"},
    {"question": "q", "prediction": "", "answer": "Paris"},
]


def write(folder: Path, rows: list[Any], name: str = "answers.jsonl") -> Path:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / name


def scores(*arguments: str | Path) -> dict[str, Any]:
    ended = benchtui("metrics", "score", *arguments, "--json")
    assert ended.code == 0, ended.err
    return {each["metric"]: each for each in json.loads(ended.out)["scores"]}


def test_every_metric_is_listed_and_explained() -> None:
    listed = benchtui("metrics", "list").out
    for name, metric in METRICS.items():
        assert f"\n{name} " in listed
        explained = benchtui("metrics", "list", name).out
        assert all(f"  {each.name} " in explained for each in metric.parameters)
    assert {each["name"] for each in json.loads(benchtui("metrics", "list", "--json").out)} == set(METRICS)


def test_an_unknown_metric_is_named() -> None:
    one_line_error(benchtui("metrics", "list", "rogue1"), 2, ["rogue1", "rouge1"])


def test_a_file_is_scored_as_its_text_stands(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prediction,answer\n007,007\n7,007\n1.50,1.5\nNA,NA\n", encoding="utf-8")
    found = scores(tmp_path / "a.csv")["exact_match"]
    interval = wilson(2, 4)
    assert (found["value"], found["n"], found["interval"]) == (0.5, 4, {"low": interval.low, "high": interval.high})
    assert found["stderr"] == pytest.approx((0.5 * 0.5 * 4 / 3 / 4) ** 0.5)


def test_the_column_that_is_named_is_not_taken_for_the_other_one(tmp_path: Path) -> None:
    file = write(tmp_path, [{"answer": "1", "label": "2"}, {"answer": "2", "label": "2"}])
    assert scores(file, "--prediction", "answer")["exact_match"]["value"] == 0.5
    file = write(tmp_path, [{"output": "1", "response": "2"}, {"output": "2", "response": "2"}])
    assert scores(file, "--reference", "output")["exact_match"]["value"] == 0.5


def test_a_corpus_metric_is_of_all_answers_together(tmp_path: Path) -> None:
    rows = [{**row, "prediction": f"{row['prediction']} {i}", "answer": f"{row['answer']} {i % 40}"}
            for i in range(60) for row in ROWS]  # fmt: skip
    found = scores(write(tmp_path, rows), "--metric", "bleu", "--metric", "chrf")
    answers, references = [row["prediction"] for row in rows], [[row["answer"] for row in rows]]
    assert found["bleu"]["value"] == pytest.approx(sacrebleu.corpus_bleu(answers, references).score)
    assert found["chrf"]["value"] == pytest.approx(sacrebleu.corpus_chrf(answers, references).score)
    for each in found.values():
        assert each["interval"]["low"] < each["value"] < each["interval"]["high"]
        assert 0 < each["stderr"] < each["interval"]["high"] - each["interval"]["low"]
        assert not each["is_share"]


def test_the_table_shows_value_and_interval(tmp_path: Path) -> None:
    ended = benchtui("metrics", "score", write(tmp_path, ROWS), "--metric", "exact_match", "--metric", "length")
    assert "25.00%" in ended.out
    assert "4.56 to 69.94" in ended.out
    assert 'Answers: "prediction". References: "answer".' in ended.err
    assert "too few answers" in ended.err


def test_several_references_and_a_nested_one(tmp_path: Path) -> None:
    rows = [{"output": "b", "references": ["a", "b"]}, {"output": "c", "references": ["a", "b"]}]
    assert scores(write(tmp_path, rows))["exact_match"]["value"] == 0.5
    rows = [{"output": '{"a": 1.0}', "target": {"a": 1}}]
    assert scores(write(tmp_path, rows), "--metric", "json_fields")["json_fields"]["value"] == 1


def test_choices(tmp_path: Path) -> None:
    rows = [
        {"output": "The answer is B", "choices": ["left", "right"], "gold": "B"},
        {"output": "left", "choices": ["left", "right"], "gold": "B"},
        {"output": "A", "choices": ["left", "right"], "gold": "A"},
    ]
    found = scores(write(tmp_path, rows), "--metric", "choice_letter")
    assert found["choice_letter"]["value"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("rows", "more", "words"),
    [
        ([{"x": "1", "y": "2"}], (), ["which column", "--prediction", "x, y"]),
        ([{"output": "1", "y": "2"}], (), ["which column", "--reference"]),
        ([{"output": "1", "answer": "2"}], ("--prediction", "z"), ["no column 'z'"]),
        ([{"answer": "1", "correct": "2"}], ("--prediction", "answer"), ["the references", "--reference: correct."]),
        ([{"answer": "1"}], ("--prediction", "answer", "--reference", "answer"), ['both name "answer"']),
        (
            [{"output": "1", "response": "2", "answer": "2"}],
            (),
            ['Both "output" and "response" could be the answers', "--prediction output"],
        ),
        (
            [{"output": "1", "label": "1", "answer": "2"}],
            (),
            ['Both "label" and "answer" could be the references', "--reference label"],
        ),
        ([{"output": "1", "answer": " "}], (), ["line 1", "empty"]),
        ([{"output": "1", "answer": "2"}, {"answer": "2"}], (), ["line 2", "output"]),
        ([{"output": ["1"], "answer": "2"}], (), ["line 1", "no text"]),
        ([{"output": "1", "answer": "ten"}], ("--metric", "number"), ["line 1", "'ten' is not one number"]),
        ([{"output": "1", "answer": "Привет"}], ("--metric", "rouge1"), ["line 1", "chrf"]),
        ([{"output": "1", "answer": "2"}], ("--metric", "acc"), ["acc is not for data of the kind generate"]),
        ([{"output": "1", "answer": "2"}], ("--metric", "own.py"), ["--allow-metric-code"]),
    ],
)
def test_what_cannot_be_scored_is_named(
    tmp_path: Path, rows: list[Any], more: tuple[str, ...], words: list[str]
) -> None:
    one_line_error(benchtui("metrics", "score", write(tmp_path, rows), *more), 2, words)


def test_a_metric_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "near.py").write_text(
        "def score(prediction, reference, document):\n"
        "    return {'same': prediction == reference, 'asked': len(document['question'])}\n"
    )
    own = ("--metric", tmp_path / "near.py", "--allow-metric-code")
    found = scores(write(tmp_path, ROWS), *own)
    assert (found["near.same"]["value"], found["near.asked"]["value"]) == (0.25, 1.0)


def sample(**more: Any) -> dict[str, Any]:
    return {"doc_id": 0, "doc": {"question": "q"}, "target": "4", "filtered_resps": ["4"], "filter": "none", **more}


def test_samples_of_lm_eval(tmp_path: Path) -> None:
    rows = [sample(filter="strict", filtered_resps=["[invalid]"]), sample(filter="flexible")]
    ended = benchtui("metrics", "score", write(tmp_path, rows, "samples_x.jsonl"), "--json")
    found = json.loads(ended.out)["scores"]
    assert [(each["filter"], each["value"]) for each in found] == [("strict", 0.0), ("flexible", 1.0)]


def test_samples_of_a_task_of_ones_own_keep_their_metrics(tmp_path: Path) -> None:
    doc = {"target": "x", "targets": ["x", "b"], "scoring": '{"metrics": ["exact_match", "f1"]}', "gold": None}
    found = scores(write(tmp_path, [sample(doc=doc, filtered_resps=["b"])], "samples_own.jsonl"))
    assert {name: each["value"] for name, each in found.items()} == {"exact_match": 1.0, "f1": 1.0}


def test_samples_run_no_code_that_was_not_typed_and_allowed_or_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = tmp_path / "near.py"
    near.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef score(p, r, d):\n    return 1.0\n")
    monkeypatch.setenv(ALLOWED, "1")
    changed = ("--metric", f"{near}:sha256={'0' * 64}", "--allow-metric-code")
    for digest, code, more, words in (
        ("", 2, (), ["samples_own.jsonl", "near.py", "--metric", "--allow-metric-code"]),
        ("", 2, ("--allow-metric-code",), ["samples_own.jsonl", "near.py", "--metric", "--allow-metric-code"]),
        ("", 2, ("--metric", str(near)), ["near.py", "--allow-metric-code"]),
        (f":sha256={'0' * 64}", 1, changed, ["its text has changed"]),
    ):
        doc = {"target": "x", "targets": ["x"], "scoring": json.dumps({"metrics": [f"{near}{digest}"]}), "gold": None}
        file = write(tmp_path, [sample(doc=doc)], "samples_own.jsonl")
        one_line_error(benchtui("metrics", "score", file, *more), code, words)
        assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "doc",
    [
        {"target": "x", "targets": ["x"], "scoring": "no JSON"},
        {"target": "x", "targets": ["x"], "scoring": "[1]"},
        {"target": "x", "targets": ["x", 1, None], "scoring": "{}"},
        {"target": "x", "targets": [["x"]], "scoring": "{}"},
        {"target": "x", "targets": 7, "scoring": "{}", "gold": "seven"},
        {"target": "x", "scoring": "{" * 5000},
    ],
)
def test_damaged_documents_are_named(tmp_path: Path, doc: dict[str, Any]) -> None:
    file = write(tmp_path, [sample(doc=doc)], "samples_own.jsonl")
    one_line_error(benchtui("metrics", "score", file, "--metric", "exact_match"), 2, ["line 1", "damaged"])


def test_samples_that_hold_no_answer_are_named(tmp_path: Path) -> None:
    file = write(tmp_path, [sample(filtered_resps=[["-1.5", "True"]])], "samples_x.jsonl")
    one_line_error(benchtui("metrics", "score", file), 2, ["line 1", "log-probabilities"])


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    rows = [{"output": "\x1b[2J[red]x", "answer": "\x1b[2J[red]x", "\x1b[2Jcolumn": "x"}]
    ended = benchtui("metrics", "score", write(tmp_path, rows))
    assert "100.00%" in ended.out
    assert "\x1b[2J" not in ended.out + ended.err
    missing = benchtui("metrics", "score", write(tmp_path, [{"\x1b[2Jx": "1"}]))
    assert "\x1b" not in missing.err


def test_the_variable_of_lm_eval_allows_no_metric_file_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = tmp_path / "near.py"
    near.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef score(p, r, d):\n    return 1.0\n")
    data = write(tmp_path, [{"question": "q", "answer": "a"}])
    monkeypatch.setenv(ALLOWED, "1")
    one_line_error(benchtui("data", "preview", data, "--metric", str(near)), 2, ["near.py", "--allow-metric-code"])
    assert not (tmp_path / "ran").exists()
    assert benchtui("data", "preview", data, "--metric", str(near), "--allow-metric-code").code == 0
    assert (tmp_path / "ran").exists()
