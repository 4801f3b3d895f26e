"""A document's own text: what is asked and answered, whatever else stands in its fields and around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchtui.errors import BenchtuiError
from benchtui.results.documents import document_text, read_documents, rendered

SHOTS = "Question: How many cows?\nAnswer: Five.\n\n"

CASES = {
    "question and reference": (
        {"question": "How many  eggs?", "answer": "She eats 3.\n#### 13", "id": "q-17", "split": "test"},
        [[f"{SHOTS}Question: How many  eggs?\nAnswer:", {"until": ["\n"]}]],
        "She eats 3.\n#### 13",
        "How many eggs?\nShe eats 3. #### 13",
    ),
    "choices by letters": (
        {"question": "What is 1 + 2?", "subject": "abstract_algebra", "choices": ["3", "4", "12"], "answer": 0},
        [[f"About abstract algebra.\n\n{SHOTS}What is 1 + 2?\nA. 3\nB. 4\nC. 12\nAnswer:", f" {letter}"]
         for letter in "ABC"],
        "A",
        "What is 1 + 2?\n3 4 12",
    ),
    "choices as continuations, and their letters apart": (
        {"id": "M_1", "question": "Why is the sky blue?", "answerKey": "A",
         "choices": {"text": ["Because of air.", "By magic."], "label": ["A", "B"]}},
        [["Question: Why is the sky blue?\nAnswer:", " Because of air."],
         ["Question: Why is the sky blue?\nAnswer:", " By magic."]],
        "Because of air.",
        "Why is the sky blue?\nBecause of air. By magic.",
    ),
    "a text inside another one": (
        {"ctx_a": "A man sits.", "ctx_b": "he", "ctx": "A man sits. he", "endings": ["falls.", "runs off."],
         "source_id": "x~v_1", "query": "Roof: A man sits. He", "choices": ["falls.", "runs off."]},
        [["Roof: A man sits. He", " falls."], ["Roof: A man sits. He", " runs off."]],
        "",
        "Roof: A man sits. He\nfalls. runs off.",
    ),
    "a question that the task rewrites": (
        {"sentence": "Sarah thanked Maria because _ had helped.", "option1": "Sarah", "option2": "Maria"},
        [["Sarah thanked Maria because Sarah", " had helped."], ["Sarah thanked Maria because Maria", " had helped."]],
        "had helped.",
        "Sarah thanked Maria because _ had helped.",
    ),
    "fields that the task rewrites beyond recognition": (
        {"page": "= Title = \n A @-@ B"}, [["A-B"]], "A-B", "A-B\nA-B",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_counts_of_a_document(case: tuple[dict[str, object], list[list[object]], str, str]) -> None:
    doc, arguments, target, expected = case
    assert document_text(doc, rendered(doc, arguments, target)) == expected


def _line(doc_id: int, name: str = "none") -> str:
    doc = {"question": f"Question {doc_id}?"}
    arguments = {"gen_args_0": {"arg_0": f"Q: Question {doc_id}?", "arg_1": {}}}
    return json.dumps({"doc_id": doc_id, "doc": doc, "doc_hash": f"h{doc_id}", "filter": name, "target": "x",
                       "arguments": arguments}) + "\n"  # fmt: skip


def test_a_sample_file_has_each_document_once(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(_line(0) + _line(1) + _line(0, "strict") + _line(1, "strict") + _line(2)[:30])
    found = list(read_documents(file, "say"))
    assert [(each.task, each.name, each.doc_hash, each.text) for each in found] == [
        ("say", "0", "h0", "Question 0?"),
        ("say", "1", "h1", "Question 1?"),
    ]
    file.write_text(_line(0) + _line(1)[:30] + "\n" + _line(2))
    with pytest.raises(BenchtuiError, match="damaged in line 2"):
        list(read_documents(file, "say"))
