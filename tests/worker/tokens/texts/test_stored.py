"""The answers that runs have stored become documents: what was asked, who answered, what was scored of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.plans.tokens import ChosenDocument, StoredAnswers
from benchtui.runs.answer_health import AnswerFacts
from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import Journal, RequestKey
from benchtui.tokens.records import TokenDocument
from benchtui.worker.tokens.texts.sample_record import place_of, read_record
from benchtui.worker.tokens.texts.stored import stored_documents
from tests.synthetic import STAMP, Task, write_run

RECORDED = Path(__file__).parents[3] / "screens" / "recorded"
BASE, TUNED = RECORDED / "base", RECORDED / "fine-tuned" / "2026-11-20T23-43-39"
MATCH = ("exact_match", "strict-match")


def read(*runs: Path, warned: list[str] | None = None, **more: Any) -> list[TokenDocument]:
    labels = ("base", "tuned", "third")[: len(runs)]
    texts = StoredAnswers(tuple(map(str, runs)), labels, **more)
    return stored_documents(texts, lambda prompt: prompt, (warned if warned is not None else []).append, lambda: None)


def made(folder: Path, answers: list[str], **more: Any) -> Path:
    return write_run(folder, {"sums": Task({MATCH: [1.0] * len(answers)}, answers=answers, **more)})


def changed(run: Path, doc_id: int, task: str = "sums", **fields: Any) -> None:
    """Change fields of one document's line."""
    file = run / "lm-eval" / f"samples_{task}_{STAMP}.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line | fields if line["doc_id"] == doc_id else line) + "\n" for line in lines))


def test_both_answers_of_a_real_pair_are_read_and_references_once() -> None:
    documents = read(BASE, TUNED)
    kinds = Counter((document.task, document.written_by) for document in documents)
    assert kinds == {
        ("demo_instructions", "base"): 40,
        ("demo_instructions", "tuned"): 40,
        ("demo_knowledge", "reference"): 40,
    }
    first, second = documents[:2]
    assert (first.group, first.place) == (second.group, second.place) == ("demo_instructions/0", "demo_instructions #0")
    assert first.prompt == "<|begin|><|user|>In capital letters only: knife.<|assistant|>"
    assert (first.answer, second.answer) == ("knife", "SHOE")
    line = (BASE / "lm-eval").glob("samples_demo_instructions*").__next__().read_text().splitlines()[0]
    assert json.loads(line)["resps"] == [["knife"]]
    choice = next(document for document in documents if document.task == "demo_knowledge")
    assert choice.prompt.endswith("<|assistant|>")
    assert (choice.answer, choice.span) == ("owl", (0, 3))


def test_the_limit_is_the_first_documents_of_each_task() -> None:
    documents = read(BASE, TUNED, limit=3)
    assert {(document.task, document.doc_id) for document in documents} == {
        (task, n) for task in ("demo_instructions", "demo_knowledge") for n in range(3)
    }
    assert {document.task for document in read(BASE, TUNED, tasks=("demo_knowledge",))} == {"demo_knowledge"}


def test_only_chosen_documents_with_what_became_of_them(tmp_path: Path) -> None:
    chosen = (ChosenDocument("demo_instructions", 5, change="broken"), ChosenDocument("demo_instructions", 2))
    found = [(one.doc_id, one.change) for one in read(BASE, TUNED, chosen=chosen)]
    assert found == [(2, ""), (2, ""), (5, "broken"), (5, "broken")]


def test_what_was_scored_is_found_in_the_answer(tmp_path: Path) -> None:
    run = made(tmp_path, ["18 - 3 = 15, so 15 eggs. 150", "none", "x"])
    changed(run, 0, filtered_resps=["15"])
    changed(run, 1, filtered_resps=["[invalid]"])
    first, second, _ = read(run)
    assert first.span == (16, 18), "the last one that is a number by itself"
    assert second.span is None


@pytest.mark.parametrize(("text", "place"), [("a.b", (4, 7)), ("", None), ("q", None), ("b", (6, 7))])
def test_places(text: str, place: tuple[int, int] | None) -> None:
    assert place_of(text, "axb a.b") == place


def test_ended_is_what_the_run_noted(tmp_path: Path) -> None:
    run = made(tmp_path, ["by itself", "cut", "unknown", "stopped", "nothing to stop it"])
    changed(run, 3, arguments={"gen_args_0": {"arg_0": "q", "arg_1": {"until": ["\n"]}}})
    facts = {
        0: AnswerFacts(tokens=3, at_limit=False, end_token="<end>"),
        1: AnswerFacts(tokens=9, at_limit=True),
        3: AnswerFacts(tokens=3, at_limit=False),
        4: AnswerFacts(tokens=3, at_limit=False),
    }
    directory = RunDirectory(run)
    directory.records.mkdir()
    with Journal(directory.journal) as journal:
        for doc_id, counted in facts.items():
            journal.record(RequestKey("sums", doc_id, 0), "digest", "text", counted)
    assert [(document.ended, document.end) for document in read(run)] == [
        (True, "<end>"),
        (False, ""),
        (False, ""),
        (False, ""),
        (True, ""),
    ]


def test_answers_of_nothing_are_left_out_and_counted(tmp_path: Path) -> None:
    warned: list[str] = []
    documents = read(made(tmp_path, ["", "some"]), warned=warned)
    assert [document.answer for document in documents] == ["some"]
    assert warned == ["1 answers are left out: they are empty."]


def test_all_of_several_answers_are_read(tmp_path: Path) -> None:
    run = made(tmp_path, ["x"])
    changed(run, 0, resps=[["one 1", "two 2", "three"]], filtered_resps=[["1", "2", "[invalid]"]])
    documents = read(run)
    assert [document.answer for document in documents] == ["one 1", "two 2", "three"]
    assert {document.group for document in documents} == {"sums/0"}
    assert [document.place for document in documents] == [f"sums #0, answer {n}" for n in (1, 2, 3)]
    assert [document.span for document in documents] == [(4, 5), (4, 5), None]


def test_prompts_that_differ_are_kept_and_told(tmp_path: Path) -> None:
    warned: list[str] = []
    first = made(tmp_path / "a", ["one", "two"])
    second = made(tmp_path / "b", ["one", "two"])
    changed(second, 1, arguments={"gen_args_0": {"arg_0": "another", "arg_1": {}}})
    documents = read(first, second, warned=warned)
    assert [document.prompt for document in documents] == ["document 0", "document 0", "document 1", "another"]
    assert len(warned) == 1
    assert warned[0].startswith("1 documents were asked with other words")


def test_documents_that_not_all_answered_are_left_out_and_counted(tmp_path: Path) -> None:
    warned: list[str] = []
    first, second = made(tmp_path / "a", ["one", "two", "three"]), made(tmp_path / "b", ["one"])
    assert {document.doc_id for document in read(first, second, warned=warned, limit=2)} == {0}
    assert warned == ["2 documents are left out: not all runs answered them."]


def test_another_document_of_the_same_number_is_no_pair(tmp_path: Path) -> None:
    warned: list[str] = []
    first = made(tmp_path / "a", ["one"])
    second = made(tmp_path / "b", ["one"], documents=["another document"])
    assert len({document.group for document in read(first, second, warned=warned)}) == 2
    assert "no pairs" in warned[0]


def test_the_prompts_own_tokens_are_scored_once_and_without_examples(tmp_path: Path) -> None:
    task = Task({MATCH: [1.0]}, answers=["a"], prompt="Q: examples\n\nQ: ", shots=2)
    runs = [write_run(tmp_path / name, {"sums": task}) for name in "ab"]
    first, second = read(*runs, prompts_too=True)
    assert first.scored_from is not None
    assert first.prompt[first.scored_from :].endswith("document 0")
    assert "examples" not in first.prompt[first.scored_from :]
    assert second.scored_from is None


def test_a_damaged_file_stops_by_name(tmp_path: Path) -> None:
    run = made(tmp_path, ["one", "two"])
    file = run / "lm-eval" / f"samples_sums_{STAMP}.jsonl"
    file.write_text("{broken\n" + file.read_text())
    with pytest.raises(BenchtuiError, match=r"samples_sums.* is damaged in line 1"):
        read(run)


def test_runs_without_samples_are_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"sums": Task({MATCH: [1.0]})}, samples=False)
    with pytest.raises(BenchtuiError, match="has no samples of sums"):
        read(run, tasks=("sums",))
    with pytest.raises(BenchtuiError, match="no answers in common"):
        read(run)


def choices(target: Any, *texts: str, **more: Any) -> dict[str, Any]:
    asked = {f"gen_args_{n}": {"arg_0": "q", "arg_1": text} for n, text in enumerate(texts)}
    return {"arguments": asked, "target": target, **more}


@pytest.mark.parametrize(
    ("line", "gold"),
    [
        (choices("1", " a", " b", " c"), 1),
        (choices("[2, 1]", " a", " b", " c"), 2),
        (choices("2", " 2", " 3", " 4"), 2),
        (choices("b", " a", " b"), 1),
        (choices("?", " a", " b"), None),
        (choices(" same", " same", " same", acc=1.0, filtered_resps=[["-3.0", "False"], ["-2.0", "False"]]), 1),
        (choices(" same", " same", " same", acc=0.0, filtered_resps=[["-3.0", "False"], ["-2.0", "False"]]), 0),
        (choices("?", " a"), 0),
    ],
)
def test_the_right_continuation(line: dict[str, Any], gold: int | None) -> None:
    record = read_record(line)
    assert record is not None
    assert record.gold == gold


def test_half_a_surrogate_pair_is_no_character() -> None:
    line = {"arguments": {"gen_args_0": {"arg_0": "q\ud83d", "arg_1": {}}}, "resps": [["a\udc00b"]]}
    record = read_record(line)
    assert record is not None
    assert (record.prompts, record.answers) == (("q?",), ("a?b",))
