"""Answers of two models in lines: every character once, its author below it, at every width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from benchtui.reports.routed import written_lines
from benchtui.reports.wording.glyphs import ASCII, UNICODE, Glyphs
from benchtui.results.routed import AnswerPart, Author

STYLES: dict[Author, str] = {"small": "cyan", "large": "bold magenta", "": "dim"}
HOSTILE = "[red]no[/red] \x1b[31m\x07漢字 e\u0301\u0301 \ud83d\u202e \u200d👩‍👩‍👧 \t\r\n\n\\[link=x] "


def shown(text: str, parts: list[AnswerPart], width: int, glyphs: Glyphs = UNICODE) -> list[str]:
    return [line.plain for line in written_lines(text, parts, width, STYLES, (), glyphs)]


def test_each_line_has_its_authors_below() -> None:
    text, parts = "Here you are: spoon", [AnswerPart("large", 4), AnswerPart("small", 9), AnswerPart("large", 6)]
    assert shown(text, parts, 40) == ["Here you are: spoon", "████░░░░░░░░░██████"]
    assert shown(text, parts, 40, ASCII)[1] == "####.........######"
    assert shown(text, parts, 10) == ["Here you", "████░░░░", " are:", "░░░░░", " spoon", "██████"]


def test_authors_have_colours_too_and_differing_words_are_underlined() -> None:
    parts = [AnswerPart("large", 4), AnswerPart("small", 4)]
    (line, _) = written_lines("Here you", parts, 40, STYLES, [(5, 8)])
    assert [(span.start, span.end, span.style) for span in line.spans] == [
        (0, 4, "bold magenta"),
        (4, 8, "cyan underline"),
    ]


def test_headings_between_answers_have_no_sign() -> None:
    lines = shown("[1]\nyes", [AnswerPart("", 4), AnswerPart("small", 3)], 40)
    assert lines == ["[1]⏎", "yes", "░░░"]


@given(st.text(st.characters() | st.sampled_from(HOSTILE), max_size=60), st.integers(0, 60), st.integers(1, 30))
def test_no_text_breaks_lines_or_columns(text: str, cut: int, width: int) -> None:
    parts = [AnswerPart("small", min(cut, len(text))), AnswerPart("large", len(text) - min(cut, len(text)))]
    lines = shown(text, parts, width)
    assert all(cell_len(line) <= max(width, 8) for line in lines)
    assert not any(ord(sign) < 32 or sign in "\x7f\u202e" for line in lines for sign in line)
    signs = "".join(lines[1::2])
    assert set(signs) <= set("░█")
    assert all(cell_len(a.rstrip()) <= cell_len(b) for a, b in zip(lines[::2], lines[1::2], strict=True))


def test_markup_of_a_model_is_text() -> None:
    assert shown("[red]no[/red]", [AnswerPart("small", 13)], 40)[0] == "[red]no[/red]"


def test_four_thousand_tokens_on_one_line_are_all_there() -> None:
    parts = [AnswerPart("small" if n % 2 else "large", 5) for n in range(4000)]
    lines = shown("word " * 4000, parts, 78)
    assert "".join(lines[::2]) == "word " * 4000
