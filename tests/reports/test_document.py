"""Where a README's section is: only what Markdown itself takes for our two comments is replaced."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from benchtui.reports.readme.document import END, START, UnparsableError, parse, with_section

SECTION = "## Benchmark Results\n\nnew"
PAIR = f"{START}\nold, by hand\n{END}\n"


def indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}" for line in text.splitlines(keepends=True))


EXAMPLES = {
    "code indented by four": f"# How\n\n{indented(PAIR, '    ')}\nEnd.\n",
    "code indented by a tab": f"# How\n\n{indented(PAIR, chr(9))}\nEnd.\n",
    "a fence": f"# How\n\n```html\n{PAIR}```\n",
    "a fence of tildes around one of backticks": f"~~~\n```\n{PAIR}~~~\n",
    "a fence in a list": f"- first\n\n  1. second\n\n     ```html\n{indented(PAIR, '     ')}     ```\n\nEnd.\n",
    "a fence in a list, markers at the line's start": f"- first\n  ~~~\n{indented(PAIR, '  ')}  ~~~\n\nEnd.\n",
    "a fence in a quote": f"> ```\n{indented(PAIR, '> ')}> ```\n",
    "a quote": indented(PAIR, "> "),
    "a list": f"- like this:\n\n{indented(PAIR, '  ')}",
    "preformatted text": f"<pre>\n{PAIR}</pre>\n",
    "a comment": f"<!-- not now:\n{START}\nEnd.\n",
    "text": f"Put `{START}` first and `{END}` last.\n",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_markers_is_left_alone(name: str, newline: str) -> None:
    text = EXAMPLES[name].replace("\n", newline)
    written = with_section(parse(text.encode()), SECTION)
    assert written.startswith(text)
    assert written.count("## Benchmark Results") == 1
    assert with_section(parse(written.encode()), SECTION) == written


@pytest.mark.parametrize(
    "around",
    ["{}", "# Mine\n\n{}\nAfter.\n", "Text\n{}", "<div>\n{}</div>\n", "- list\n\n{}\n- more\n", "```\ncode\n```\n{}"],
)
@pytest.mark.parametrize("indent", ["", "   "])
def test_a_section_between_markers_is_replaced_where_it_is(around: str, indent: str) -> None:
    text = around.format(indented(PAIR, indent)) if indent != "   " or "- list" not in around else around.format(PAIR)
    before, after = text.split(f"{START}\n")[0].removesuffix(indent), text.split(f"{END}")[1]
    written = with_section(parse(text.encode()), SECTION)
    assert written == f"{before}{START}\n\n{SECTION}\n{END}{after}"


def test_a_section_inside_somebodys_details_is_markdown() -> None:
    text = f"<details><summary>Results</summary>\n{PAIR}\n\n</details>\n"
    written = with_section(parse(text.encode()), SECTION)
    assert "<h2>Benchmark Results</h2>" in MarkdownIt("commonmark").render(written)


@pytest.mark.parametrize(
    ("text", "open_block"),
    [
        ("# Mine\n\n```\ncode\n", "code block"),
        ("# Mine\n\n<!-- to do\n", "comment or HTML block"),
        ("<script>\n", "comment or HTML block"),
    ],
)
def test_what_would_swallow_the_section_is_said(text: str, open_block: str) -> None:
    with pytest.raises(UnparsableError, match=f"its last {open_block} has no end"):
        with_section(parse(text.encode()), SECTION)


@pytest.mark.parametrize("text", ["- list\n\n      code\n", "> quote", "| a |\n| - |", "Title\n===", "[a]: b", "a\\"])
def test_a_section_is_added_after_whatever_ends_by_itself(text: str) -> None:
    written = with_section(parse(text.encode()), SECTION)
    assert written.startswith(text)
    assert with_section(parse(written.encode()), SECTION) == written


def test_a_front_matter_nested_without_end_is_said() -> None:
    with pytest.raises(UnparsableError, match="nested too deeply"):
        parse(b"---\na: " + b"[" * 5000 + b"]" * 5000 + b"\n---\n")


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet="-#a:[]{}'\"`~ \n\r\t<!>\ufeff", max_size=200).map(str.encode))
def test_any_bytes_keep_their_order_and_content(raw: bytes) -> None:
    try:
        document = parse(raw)
        written = with_section(document, SECTION)
    except UnparsableError:
        return
    again = with_section(parse(written.encode()), SECTION)
    assert again == written
    assert written.encode().startswith(raw) or raw.decode().strip("\ufeff") == ""
