"""Text that comes with single tokens, and texts that are kept in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchtui.worker.answering.growing_text import TokenText
from benchtui.worker.answering.next_token import GrowingText
from benchtui.worker.chat.streamed_text import StreamedText
from benchtui.worker.chat.text_memory import KEPT, TextMemory, alike


def of_bytes(ids: Sequence[int]) -> str:
    """A tokenizer whose tokens are bytes."""
    return bytes(ids).decode(errors="replace")


def told(raw: bytes, stops: Sequence[str] = ()) -> list[str]:
    streamed = StreamedText(of_bytes, stops)
    return [*(streamed.add(one) for one in raw), streamed.end()]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=30))
def test_pieces_are_the_text_and_never_half_a_character(text: str) -> None:
    pieces = told(text.encode())
    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces)


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_nothing_is_told_of_a_stop_string_or_behind_it(text: str, stops: list[str]) -> None:
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    found = "".join(told(text.encode(), stops))
    # Of several stop strings the one that is complete first ends the text; it may begin behind another's beginning.
    ends = min((text.find(stop) + len(stop) for stop in stops if stop in text), default=len(text))
    whole = text[:ends]
    assert found == (whole[: min(p for s in stops if (p := whole.find(s)) >= 0)] if places else text)


def test_bytes_that_are_no_character_are_told_in_the_end() -> None:
    assert "".join(told(b"ab\xe6")) == "ab\ufffd"
    assert "".join(told(b"\xff\xff\xff\xff\xff\xffok")).endswith("ok")


@given(st.lists(st.sampled_from([b"a", b"\x80", b"\xf0\x9f\x98\x80", b"\xe6", b"\xff"]), max_size=12))
def test_bytes_that_are_no_character_cost_nothing_of_what_follows(parts: list[bytes]) -> None:
    assert "".join(told(b"".join(parts) + b" and more")).endswith(" and more")


class Counted(TokenText):
    """A text that counts the tokens it reads, in a list that its forks share."""

    def __init__(self, read: list[int], ids: Sequence[int] = ()) -> None:
        super().__init__(None, ids)  # type: ignore[arg-type]
        self.read = read

    def fork(self) -> GrowingText:
        return Counted(self.read, self.ids)

    def _computed(self, longer: list[int], asked: int) -> np.ndarray:
        self.read.append(len(longer) - len(self.ids))
        return np.zeros((asked, 2), np.float32)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=40), min_size=1, max_size=12))
def test_a_text_begins_with_the_longest_beginning_in_memory(prompts: list[list[int]]) -> None:
    read: list[int] = []
    memory = TextMemory(lambda: Counted(read))
    earlier: list[list[int]] = []
    for prompt in prompts:
        text = memory.take(prompt)
        assert text.ids == prompt[: len(text.ids)]
        assert len(text.ids) < len(prompt)
        known = max((min(alike(one, prompt), len(prompt) - 1) for one in earlier[-1:]), default=0)
        assert len(text.ids) >= known  # of the newest text nothing is read again
        text.step(prompt[len(text.ids) :])
        memory.keep(text)
        earlier.append(prompt)


def test_branches_are_kept_and_only_so_many() -> None:
    read: list[int] = []
    memory = TextMemory(lambda: Counted(read))
    beginning = list(range(100))
    for branch in range(KEPT + 2):
        prompt = [*beginning, *[200 + branch] * 30]
        text = memory.take(prompt)
        text.step(prompt[len(text.ids) :])
        memory.keep(text)
    assert read == [130, *[30] * (KEPT + 1)]
    back = memory.take([*beginning, *[200 + KEPT] * 30, 7])  # not the newest
    assert len(back.ids) == 130
