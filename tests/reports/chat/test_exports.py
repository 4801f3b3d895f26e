"""A chat as a file: everything that was said is in it, and nothing that was said acts."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from benchtui.errors import UsageError
from benchtui.reports.chat import html
from benchtui.reports.chat.export import chat_text
from benchtui.runs.kinds.chat.asked import Use, Vote
from benchtui.runs.kinds.chat.events import Candidate, ChatToken
from benchtui.text import printable
from tests.cli.results_commands import benchtui
from tests.reports.chat.made_chat import MadeChat, made_plan

HOSTILE = [
    "</pre></details><script>alert(1)</script>",
    "<img src=https://evil.example/x onerror=alert(1)>",
    "```\n# out of the fence\n[link](https://evil.example)\n````",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \x1b[2J\x9b31m",
    "https://evil.example www.evil.example **bold** <https://evil.example>",
    "‮reversed‬ \x00 \ud800",
]
TEXTS = st.text(max_size=60) | st.sampled_from(HOSTILE) | st.text(st.sampled_from("`~\n<>&[]()#*-\\ a"), max_size=30)
ALLOWED = {
    "html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "pre", "div", "section", "article",
    "details", "summary", "span", "i",
}  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page, the names of their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def chat() -> MadeChat:
    """Two turns with two models; the second was edited."""
    made = MadeChat(made_plan(system="Be brief."))
    first = made.turn("Hello")
    made.answer(first, 0, "Hi there.")
    made.answer(first, 1, "<think>\nGreet them.\n</think>\n\nGood day.")
    other = made.turn("Who are you?", first)
    made.answer(other, 0, "A model.")
    edited = made.turn("Who am I?", first)
    made.answer(edited, 0, "You are", "cancelled")
    made.answer(edited, 1, "A", "failed", "The server closed the connection.")
    return made


def test_markdown_has_the_branch_that_was_written_to_last(chat: MadeChat) -> None:
    page = chat_text(chat.plan, chat.conversation, "markdown")
    rendered = MarkdownIt().parse(page)
    blocks = [token.content for token in rendered if token.type == "fence"]
    problem = "The server closed the connection.\n"
    greeted = ["Hello\n", "Hi there.\n", "Greet them.\n", "Good day.\n"]
    assert blocks == ["Be brief.\n", *greeted, "Who am I?\n", "You are\n", "A\n", problem]
    assert "Other branches end at turn 2." in page
    assert "2 tokens · 0.5 tokens/s · first 0.50 s · cancelled" in page
    assert "Who are you?" in chat_text(chat.plan, chat.conversation, "markdown", 2)
    with pytest.raises(UsageError, match="no turn 9"):
        chat_text(chat.plan, chat.conversation, "markdown", 9)


def test_messages_are_those_that_each_model_was_told(chat: MadeChat) -> None:
    lines = [json.loads(line) for line in chat_text(chat.plan, chat.conversation, "jsonl").splitlines()]
    assert [line["model"] for line in lines] == ["base", "tuned"]
    said = [[(message["role"], message["content"]) for message in line["messages"]] for line in lines]
    asked = ("user", "Who am I?")
    thought = "<think>\nGreet them.\n</think>\n\nGood day."
    opening = [("system", "Be brief."), ("user", "Hello")]
    assert said[0] == [*opening, ("assistant", "Hi there."), asked, ("assistant", "You are")]
    assert said[1] == [*opening, ("assistant", thought), asked, ("assistant", "A")]


def test_an_answer_that_is_not_whole_says_so(chat: MadeChat) -> None:
    turn = chat.turn("How are you?")
    for model, finish in enumerate(("end", "cancelled")):
        chat.answer(turn, model, "I am", finish)
    lines = [json.loads(line) for line in chat_text(chat.plan, chat.conversation, "jsonl", turn).splitlines()]
    assert [line.get("unfinished") for line in lines] == [None, "cancelled"]


def test_every_first_message_has_its_branch(chat: MadeChat) -> None:
    chat.answer(chat.turn("Something else"), 0, "Well.")
    lines = [json.loads(line) for line in chat_text(chat.plan, chat.conversation, "jsonl").splitlines()]
    assert [line["messages"][-1]["content"] for line in lines] == ["You are", "A", "Well."]
    rendered = MarkdownIt().parse(chat_text(chat.plan, chat.conversation, "markdown"))
    headings = [rendered[n + 1].content for n, token in enumerate(rendered) if token.tag == "h2" and token.nesting == 1]
    assert headings == ["Turn 1", "Turn 3", "Turn 4"]
    assert sum(token.type == "hr" for token in rendered) == 1
    assert "<hr>" in chat_text(chat.plan, chat.conversation, "html")
    only = chat_text(chat.plan, chat.conversation, "markdown", 4)
    assert "Hello" not in only
    assert "Other branches end at turn 2, 3." in only


def test_messages_end_in_an_answer_that_is_there(chat: MadeChat) -> None:
    chat.turn("And now?", 3)
    lines = [json.loads(line) for line in chat_text(chat.plan, chat.conversation, "jsonl").splitlines()]
    assert [line["messages"][-1]["content"] for line in lines] == ["You are", "A"]
    assert chat_text(made_plan(), MadeChat(made_plan()).conversation, "jsonl") == ""


def test_messages_of_a_model_that_uses_the_other_ones_answer(chat: MadeChat) -> None:
    chat.conversation.note_asked(Use(turn=3, model=0, answer=5))
    lines = [json.loads(line) for line in chat_text(chat.plan, chat.conversation, "jsonl").splitlines()]
    assert [message["content"] for message in lines[0]["messages"]] == [
        "Be brief.", "Hello", "Hi there.", "Who am I?", "A"
    ]  # fmt: skip
    assert "written by tuned" in chat_text(chat.plan, chat.conversation, "markdown")


def test_messages_are_read_as_data_of_ones_own(chat: MadeChat, tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    file.write_text(chat_text(chat.plan, chat.conversation, "jsonl"), encoding="utf-8")
    seen = benchtui("data", "preview", str(file))
    assert seen.code == 0, seen.err
    assert "messages" in seen.out


def test_the_page_has_everything_side_by_side(chat: MadeChat) -> None:
    chat.conversation.note_asked(Vote(turn=3, first=5, second=4, choice="second"))
    chat.answer(1, 1, "Another greeting.")
    page = chat_text(chat.plan, chat.conversation, "html")
    found = Elements(page)
    assert found.open == []
    for said in ("Be brief.", "Hello", "Hi there.", "Greet them.", "Good day.", "You are", "The server closed"):
        assert said in found.text
    assert page.index("<summary>Thinking</summary>") < page.index("Greet them.")
    assert "Another try" in found.text
    assert "Vote: base is better than tuned" in found.text
    assert 'class="s6" title="entropy 4.00 nats, p 0.607; there. 0.61, other 0.14">there.</span>' in page


def test_only_so_many_tokens_are_coloured(chat: MadeChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_COLOURED", 2)
    page = chat_text(chat.plan, chat.conversation, "html")
    assert page.count("Tokens, coloured by entropy") == 1
    assert "The first 2 tokens of the page are coloured." in page


def test_a_probability_that_is_none_costs_no_page(chat: MadeChat) -> None:
    number = chat.answer(chat.turn("Hello"), 0, "Hi")
    chat.conversation.answers[number].tokens[:] = [ChatToken(0, "Hi", 1e4, 0.5, (Candidate("Hi", 1e4),))]
    assert "entropy 0.50 nats, p 1; Hi 1" in chat_text(chat.plan, chat.conversation, "html")


@settings(max_examples=60, deadline=None)
@given(message=TEXTS, text=TEXTS, label=TEXTS, what=TEXTS)
def test_no_text_acts(message: str, text: str, label: str, what: str) -> None:
    made = MadeChat(made_plan((label, "tuned"), system=message))
    turn = made.turn(message)
    made.answer(turn, 0, text, "failed", what)
    made.answer(turn, 1, f"<think>{text}")
    found = Elements(chat_text(made.plan, made.conversation, "html"))
    assert found.tags <= ALLOWED
    assert found.open == []
    assert found.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class", "title"}
    page = chat_text(made.plan, made.conversation, "markdown")
    tokens = MarkdownIt().parse(page)
    blocks = [token.content for token in tokens if token.type == "fence"]
    assert printable(message) in blocks[1]
    assert sum(token.type == "heading_open" for token in tokens) == 4, "title, turn, two models"
    inside = [child.type for token in tokens for child in token.children or ()]
    assert {"link_open", "image", "html_inline"}.isdisjoint(inside)
    lines = chat_text(made.plan, made.conversation, "jsonl").splitlines()
    for written in (page, *lines):
        assert not {"\x1b", "\x9b"} & set(written)
    assert all(json.loads(line)["messages"][-1]["role"] == "assistant" for line in lines)
