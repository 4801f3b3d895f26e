"""What a data set asks is recognised from names and first rows; where it is not, one line says which flag to give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.errors import UsageError
from tests.tasks.data.made import documents_of, make

TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
PAIR = {"chosen": "good", "rejected": "bad"}
ABCD = {"A": "w", "B": "x", "C": "y", "D": "z"}

KNOWN: list[tuple[dict[str, Any], str, str, str]] = [
    ({"question": "q", "answer": "a"}, "generate", "q", "a"),
    ({"Question": "q", "Answer": "a"}, "generate", "q", "a"),
    ({"prompt": "q", "completion": "a"}, "generate", "q", "a"),
    ({"instruction": "q", "input": "more", "output": "a"}, "generate", "q\n\nmore", "a"),
    ({"instruction": "q", "input": "", "output": "a"}, "generate", "q", "a"),
    ({"input": "q", "target": "a"}, "generate", "q", "a"),
    ({"problem": "q", "solution": "a"}, "generate", "q", "a"),
    ({"query": "q", "response": "a", "source": "web"}, "generate", "q", "a"),
    ({"text": "q", "label": "a"}, "generate", "q", "a"),
    (
        {"context": "c", "question": "q", "answers": {"text": ["a", "b"], "answer_start": [1]}},
        "generate",
        "c\n\nq",
        "a",
    ),
    ({"article": "x", "question": "q", "answer": ["a"]}, "generate", "x\n\nq", "a"),
    ({"messages": TURNS}, "generate", "hi", "hello"),
    ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, "generate", "q", "a"),
    ({"prompt": TURNS[:1], "completion": TURNS[1:]}, "generate", "hi", "hello"),
    ({"prompt": "q", **PAIR}, "preference", "q", "good"),
    ({"question": "q", **PAIR}, "preference", "q", "good"),
    ({"chosen": TURNS, "rejected": [TURNS[0], {"role": "assistant", "content": "no"}]}, "preference", "hi", "hello"),
    ({"question": "q", "choices": ["x", "y"], "answer": "B"}, "choices", "q", "y"),
    ({"ctx": "q", "endings": ["x", "y"], "label": "0", "ind": "7"}, "choices", "q", "x"),
    ({"question": "q", **ABCD, "answer": "B"}, "choices", "q", "x"),
    ({"question": "q", "option_a": "x", "option_b": "y", "answer": "b"}, "choices", "q", "y"),
    ({"question": "q", "opa": "x", "opb": "y", "cop": "2"}, "choices", "q", "y"),
    ({"question": "q", **{f"option_{n}": f"x{n}" for n in range(1, 13)}, "answer": "L"}, "choices", "q", "x12"),
    ({"question": "q", **{f"ending{n:02}": f"x{n}" for n in range(11)}, "answer": "x10"}, "choices", "q", "x10"),
    ({"question": "q", **{f"Option {c}": c for c in "ABCDEFGHIJKL"}, "answer": "L"}, "choices", "q", "L"),
    ({"goal": "q", "sol1": "x", "sol2": "y", "label": "0"}, "choices", "q", "x"),
    ({"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"}, "choices", "q", "y"),
    ({"question": "q", "options": {"A": "x", "B": "y"}, "answer_idx": "B"}, "choices", "q", "y"),
    ({"text": "some text"}, "perplexity", "", "some text"),
    ({"lyrics": "some text"}, "perplexity", "", "some text"),
    ({"id": "a1", "content": "some text", "url": "x"}, "perplexity", "", "some text"),
]


@pytest.mark.parametrize(("row", "kind", "prompt", "target"), KNOWN, ids=[" ".join(row[0]) for row in KNOWN])
def test_what_is_recognised(tmp_path: Path, row: dict[str, Any], kind: str, prompt: str, target: str) -> None:
    said = {"kind": "perplexity"} if "lyrics" in row else {}
    made = make(tmp_path, [row], **said)
    assert (made.kind, made.previews) == (kind, ((prompt, target),))
    unused = [name for name in ("source", "ind", "url") if name in row]
    assert [line for line in made.said if line.startswith("Not used")] == [f'Not used: "{name}".' for name in unused]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"foo": "q", "bar": "a"}, 'No column is known to hold the prompt: the columns are "foo", "bar".'),
        ({"question": "q", "bar": "a"}, 'hold the answer: the columns are "question", "bar". Name it, for example '),
        ({"question": "q", "prompt": "p", "answer": "a"}, 'Both "prompt" and "question" could be the prompt'),
        ({"question": "q", "answer": "a", "target": "b"}, 'Both "answer" and "target" could be the answer'),
        ({"question": "q", "choices": ["a", "b"], "x": "A"}, "--answer x"),
        ({"question": "q", "options": ["a", "b"], "answer": "a", "answer_idx": "A"}, "could be the right answer"),
        ({"q": "q", **ABCD, "F": "v", "answer": "A"}, '"C", "D" could be the choices, but "F" would be left out'),
        (
            {"q": "q", "option_1": "x", "option1": "y", "option_2": "z"},
            '"option_2" could be the choices, but "option1"',
        ),
        (
            {"question": "q", "answer_1": "w", "answer_2": "x", "option_a": "y", "option_b": "z", "correct": "A"},
            'and "option_a", "option_b" could be the choices. Say which: --choices answer_1,answer_2',
        ),
        ({"my column's name": "q", "b": "a"}, "--prompt 'my column'\"'\"'s name'"),
        ({"\x1b[31mred\n": "q", "b": "a"}, '"red"'),
        ({f"c{n}": "x" for n in range(40)}, "and 28 more"),
    ],
)
def test_what_is_not_says_the_columns_and_the_flag(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        make(tmp_path, [row])
    message = str(raised.value)
    assert said in message
    assert "\n" not in message
    assert "\x1b" not in message


def test_flags_name_columns_or_templates(tmp_path: Path) -> None:
    row = {"foo": "q", "bar": "a", "more": "m"}
    assert make(tmp_path, [row], prompt="foo", answer="bar").previews == (("q", "a"),)
    made = make(tmp_path, [row], prompt="{{more}}: {{foo}}", answer="{{bar|upper}}")
    assert made.previews == (("m: q", "A"),)
    assert not any(line.startswith("Not used") for line in made.said)
    with pytest.raises(UsageError, match=r'--answer "baz" is no column\. Did you mean "bar"'):
        make(tmp_path, [row], prompt="foo", answer="baz")


def test_flags_win_over_what_is_recognised(tmp_path: Path) -> None:
    row = {"question": "q", "hint": "h", **ABCD, "answer": "B"}
    assert make(tmp_path, [row], prompt="{{question}} {{hint}}").previews == (("q h", "x"),)
    other = {**row, "answer": "D"}
    assert make(tmp_path, [other], choices="C,D", answer="answer", count_from="auto", prompt="hint").previews == (
        ("h", "z"),
    )
    assert make(tmp_path, [row], choices="D,C,B,A").previews == (("q", "x"),), "B is the column B, wherever it stands"
    with pytest.raises(UsageError, match='"B"'):
        make(tmp_path, [row], choices="C,D")
    assert make(tmp_path, [row], prompt="A", answer="B", kind="loglikelihood").previews == (("w", "x"),)
    assert make(tmp_path, [{"A": "q", "B": "a"}], prompt="A", answer="B").kind == "generate"
    assert make(tmp_path, [{"question": "q", "text": "t"}], kind="perplexity").previews == (("", "t"),)
    gap = {"question": "q", "A": "x", "B": "y", "D": "z", "answer": "B"}
    assert make(tmp_path, [gap], choices="A,B,D", count_from="auto").kind == "choices"
    assert make(tmp_path, [gap], kind="loglikelihood").previews == (("q", "B"),)
    plural = {"question": "q", "answer_a": "x", "answer_b": "y", "answers": "B"}
    assert make(tmp_path, [plural], answer="{{answers}}").previews == (("q", "y"),)
    assert make(tmp_path, [{"messages": TURNS}], kind="loglikelihood").kind == "loglikelihood"
    with pytest.raises(UsageError, match="No column holds the choices"):
        make(tmp_path, [{"question": "q", "answer": "a"}], kind="choices")
    with pytest.raises(UsageError, match="need the columns chosen and rejected"):
        make(tmp_path, [{"question": "q", "answer": "a"}], kind="preference")
    with pytest.raises(UsageError, match='--choices "E" is no column'):
        make(tmp_path, [row], choices="A,E")


def test_choices_may_be_a_template(tmp_path: Path) -> None:
    row = {"question": "q", "options": "x; y; z", "answer": "C"}
    assert make(tmp_path, [row], choices="{{options.split('; ')}}").previews == (("q", "z"),)


def test_choices_written_in_a_cell_of_text(tmp_path: Path) -> None:
    rows = 'question,choices,answer\nq,"[""x"", ""y""]",B\nq,"[\'x\', \'it\'\'s\']",A\n'.replace("''", "\\'")
    assert [one.target for one in documents_of(make(tmp_path, rows, suffix=".csv"))] == ["y", "x"]


def test_a_list_of_answers_and_a_text_that_looks_like_one(tmp_path: Path) -> None:
    made = make(tmp_path, [{"question": "q", "answer": ["a", "b", "a"]}, {"question": "q", "answer": '["a", "b"]'}])
    assert [one.targets for one in documents_of(made)] == [("a", "b"), ('["a", "b"]',)]
    assert 'A list in "answer" is several answers, each of them right.' in made.said
    assert 'A text in "answer" that looks like a list is one answer, as it stands.' in made.said


def test_choices_asked_in_writing(tmp_path: Path) -> None:
    made = make(
        tmp_path, [{"question": "q", "choices": ["x", "y"], "answer": 1, "n": 0}], kind="generate", count_from="0"
    )
    assert made.previews == (("q\nA. x\nB. y\nAnswer:", "B"),)
    assert 'metric: "choice_letter"' in made.file.read_text()
    own = make(
        tmp_path, [{"question": "q", "choices": ["x", "y"], "answer": "B"}], kind="generate", prompt="{{question}}?"
    )
    assert own.previews == (("q?", "B"),)


def test_metrics_that_need_no_reference(tmp_path: Path) -> None:
    made = make(tmp_path, [{"prompt": "write"}], metrics=("length", "json_valid"))
    assert made.previews == (("write", ""),)
    with pytest.raises(UsageError, match="hold the answer"):
        make(tmp_path, [{"prompt": "write"}], metrics=("length", "f1"))


def test_objects_are_references_of_json_metrics(tmp_path: Path) -> None:
    rows = '{"question": "q", "answer": {"n": 1.50, "s": "é", "l": [true, null]}}\n'
    made = make(tmp_path, rows, metrics=("json_fields",))
    assert documents_of(made)[0].target == '{"n": 1.50, "s": "é", "l": [true, null]}'
    assert (
        '"schema": "{\\"type\\": \\"object\\"}"'
        in documents_of(make(tmp_path, [{"question": "q", "schema": {"type": "object"}}], metrics=("json_schema",)))[
            0
        ].scoring
    )


def test_chats_are_read_with_their_system_text(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "be kind"}, *TURNS, {"role": "user", "content": "why?"}, TURNS[1]]
    made = make(tmp_path, [{"messages": turns}])
    document = documents_of(made)[0]
    assert (document.system, document.target) == ("be kind", "hello")
    assert document.prompt == "User: hi\n\nAssistant: hello\n\nUser: why?\n\nAssistant:"
    assert 'description: "{{system}}"' in made.file.read_text()
    with pytest.raises(UsageError, match="line 1: the user has the last word"):
        make(tmp_path, [{"messages": TURNS[:1]}])
