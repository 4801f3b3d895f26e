"""Chats of every known shape become system text, prompt and reference; a turn is never left out without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchtui.errors import UsageError
from benchtui.tasks.data.chats import Chat, chat_form, chat_notes, read_chat
from benchtui.tasks.data.rows import Row


def read(**cells: Any) -> Chat:
    row = Row(3, 12, cells)
    form = chat_form(list(cells), [row])
    assert form is not None
    return read_chat(row, form)


def notes(**cells: Any) -> str:
    row = Row(3, 12, cells)
    form = chat_form(list(cells), [row])
    assert form is not None
    return " ".join(chat_notes([row], form))


def messages(*turns: str) -> list[dict[str, object]]:
    """`user: text` as OpenAI's messages."""
    return [dict(zip(("role", "content"), turn.split(": ", 1), strict=True)) for turn in turns]


def conversations(*turns: str) -> list[dict[str, object]]:
    """`human: text` as ShareGPT's."""
    return [dict(zip(("from", "value"), turn.split(": ", 1), strict=True)) for turn in turns]


QA = Chat("", "2+2?", "4")


@pytest.mark.parametrize(
    ("cells", "chat"),
    [
        ({"messages": messages("user: 2+2?", "assistant: 4")}, QA),
        ({"messages": json.dumps(messages("user: 2+2?", "assistant: 4"))}, QA),
        ({"messages": {"role": ["user", "assistant"], "content": ["2+2?", "4"]}}, QA),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "2+2?"}]}, *messages("assistant: 4")]},
            QA,
        ),
        ({"messages": messages("system: Be brief.", "user: 2+2?", "assistant: 4")}, Chat("Be brief.", "2+2?", "4")),
        ({"messages": messages("user: 2+2?")}, Chat("", "2+2?", None)),
        (
            {"conversations": conversations("human: 2+2?", "gpt: 4"), "system": "Be brief."},
            Chat("Be brief.", "2+2?", "4"),
        ),
        ({"conversations": conversations("system: S", "user: 2+2?", "bard: 4")}, Chat("S", "2+2?", "4")),
        ({"conversations": conversations("human: 2+2?", "chatgpt: 4")}, QA),
        ({"conversations": messages("human: 2+2?", "Assistant: 4")}, QA),
        ({"instruction": "2+2?", "input": "", "output": "4"}, QA),
        ({"instruction": "Add.", "input": "2 2", "output": "4"}, Chat("", "Add.\n\n2 2", "4")),
        ({"prompt": "2+2?", "completion": "4"}, QA),
        ({"prompt": messages("user: 2+2?"), "completion": messages("assistant: 4")}, QA),
        ({"prompt": "2+2?", "chosen": "4", "rejected": "5"}, Chat("", "2+2?", "4", "5")),
        (
            {
                "prompt": "2+2?",
                "chosen": messages("user: 2+2?", "assistant: 4"),
                "rejected": messages("user: 2+2?", "assistant: 5"),
            },
            Chat("", "2+2?", "4", "5"),
        ),
        (
            {
                "conversations": conversations("human: 2+2?"),
                "chosen": conversations("gpt: 4")[0],
                "rejected": conversations("gpt: 5")[0],
            },
            Chat("", "2+2?", "4", "5"),
        ),
        (
            {"chosen": "\n\nHuman: 2+2?\n\nAssistant: 4", "rejected": "\n\nHuman: 2+2?\n\nAssistant: 5"},
            Chat("", "2+2?", "4", "5"),
        ),
    ],
)
def test_one_exchange_in_every_shape(cells: dict[str, object], chat: Chat) -> None:
    assert read(**cells) == chat


def test_earlier_turns_are_in_the_prompt_and_the_reference_is_not() -> None:
    cells = {"messages": messages("system: S", "user: a", "assistant: b", "user: c", "assistant: d")}
    assert read(**cells) == Chat("S", "User: a\n\nAssistant: b\n\nUser: c\n\nAssistant:", "d", turns=3)
    assert 'written into the prompt as "User: …", "Assistant: …"' in notes(**cells)


@pytest.mark.parametrize(
    "turns", [("user: a", "user: b", "assistant: c"), ("assistant: hello", "user: b", "assistant: c")]
)
def test_turns_that_do_not_alternate_are_kept_and_told(turns: tuple[str, ...]) -> None:
    chat = read(messages=messages(*turns))
    assert chat.reference == "c"
    assert all(turn.split(": ")[1] in chat.prompt for turn in turns[:2])
    assert "kept as they are" in notes(messages=messages(*turns))


def test_other_words_for_roles_and_unread_parts_are_told() -> None:
    said = notes(conversations=[*conversations("human: a"), {"from": "gpt", "value": "b", "reasoning": "hm"}])
    assert "gpt is read as assistant, human is read as user" in said
    assert "Not read from turns: reasoning." in said


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (
            {"conversations": conversations("human: a", "my-model: b")},
            'turn 2 of "conversations" has an unknown role: "my-',
        ),
        ({"conversations": [*conversations("human: a"), {"from": "gpt"}]}, 'has no "value"'),
        ({"messages": messages("user: a", "tool: b", "assistant: c")}, "conversations with tools are not read"),
        (
            {"messages": [*messages("user: a"), {"role": "assistant", "content": None, "tool_calls": ["x"]}]},
            "calls a tool",
        ),
        ({"messages": [*messages("user: a"), {"role": "assistant", "content": None}]}, 'has no "content"'),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}, "no text: .image_url"),
        ({"messages": [*messages("user: a"), {"content": "b"}]}, "turn 2 .* has no role"),
        ({"messages": messages("user: a", "system: b", "assistant: c")}, "a system turn follows another"),
        ({"messages": messages("assistant: a")}, "no user turn"),
        ({"messages": messages("user: a", "assistant: ")}, "the reference is empty"),
        ({"instruction": "a", "output": None}, '"output" is missing'),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "are equal"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, "rejected answer is empty"),
        (
            {
                "chosen": messages("user: a", "assistant: b", "user: c", "assistant: d"),
                "rejected": messages("user: a", "assistant: x", "user: c", "assistant: d"),
            },
            "part before their last turn",
        ),
        (
            {
                "prompt": "z",
                "chosen": messages("user: a", "assistant: b"),
                "rejected": messages("user: a", "assistant: c"),
            },
            "another than the turns",
        ),
    ],
)
def test_what_would_change_a_conversation_stops_with_its_line(cells: dict[str, object], what: str) -> None:
    with pytest.raises(UsageError, match=f"^line 12.*{what}"):
        read(**cells)


def test_a_row_of_a_recognised_file_that_holds_pythons_writing_is_named() -> None:
    form = chat_form(["messages"], [Row(1, 1, {"messages": messages("user: a")})])
    assert form is not None
    with pytest.raises(UsageError, match=r"line 2.*looks like Python's writing, not JSON"):
        read_chat(Row(2, 2, {"messages": "[{'role': 'user', 'content': 'a'}]"}), form)


def test_plain_columns_are_no_chat() -> None:
    assert chat_form(["question", "answer"], []) is None
    assert chat_form(["messages"], [Row(1, 1, {"messages": "hello"})]) is None
