"""Lines of a text that grows are those of the whole text."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from benchtui.runs.kinds.chat.thinking import Parted, part
from benchtui.text import printable
from screens.chat.wrapping import Wrapping

TEXT = st.text(st.sampled_from("aaabc   \n\t-.日本🔥é\x1b\x1b[31m]P\\\x07\u202e"), max_size=80)


@given(TEXT, st.integers(2, 14), st.lists(st.integers(1, 6), max_size=80))
def test_a_text_in_pieces_is_set_as_the_whole(text: str, width: int, steps: list[int]) -> None:
    growing, whole, at = Wrapping(width), Wrapping(width), 0
    for step in steps:
        at += step
        growing.set(text[:at])
    growing.set(text)
    whole.set(text)
    assert growing.lines == whole.lines
    assert all(cell_len(line) <= width for line in whole.lines)
    nothing_lost = str.maketrans("", "", " \n\t")
    assert "".join(whole.lines).translate(nothing_lost) == printable(text).translate(nothing_lost)


def test_an_escape_code_does_not_make_what_follows_slow() -> None:
    wrapping, plain = Wrapping(40), Wrapping(40)
    spent = []
    for begin, each in (("\x1b[31m", wrapping), ("", plain)):
        began = time.process_time()
        for words in range(1, 2000):
            each.set(begin + "a word " * words)
        spent.append(time.process_time() - began)
    assert wrapping.lines == plain.lines
    assert spent[0] < 10 * spent[1], "all of the text is set again for each piece"


def test_indents_and_empty_lines_stay() -> None:
    wrapping = Wrapping(20)
    wrapping.set("def f(x):\n    return x\n\nand then a sentence that is long")
    assert wrapping.lines == ["def f(x):", "    return x", "", "and then a sentence", "that is long"]


def test_thinking_is_told_from_what_is_said() -> None:
    assert part("<think>\na\n</think>\n\nb") == Parted("a", "b")
    assert part("<think>a") == Parted("a", "", thinks=True)
    assert part("a</think>b") == Parted("a", "b"), "the template wrote the begin into the prompt"
    assert part("[THINK]a[/THINK]b") == Parted("a", "b")
    assert part("a<<end>>b", "<<end>>") == Parted("a", "b")
    assert part("It is written <think>a</think>.") == Parted("", "It is written <think>a</think>.")
