"""Who wrote an answer, in a line: nothing of the other model is ever hidden, whatever the widths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchtui.routing.answers import Run
from benchtui.routing.strip import fitted, strip_of, strip_of_parts

WRITERS = st.text("ab", max_size=300)


def runs_of(writers: str) -> list[Run]:
    return [Run("a" if writer == "a" else "b", 1, 3) for writer in writers]


@given(WRITERS, st.integers(1, 60))
def test_a_cell_is_of_one_model_exactly_when_all_its_tokens_are(writers: str, cells: int) -> None:
    strip = strip_of(runs_of(writers), cells)
    assert len(strip) == min(len(writers), cells)
    for place, digit in enumerate(strip):
        part = writers[place * len(writers) // len(strip) : (place + 1) * len(writers) // len(strip)]
        assert (digit == "0") == (set(part) == {"a"})
        assert (digit == "8") == (set(part) == {"b"})


@given(WRITERS, st.integers(1, 40))
def test_fewer_cells_show_both_models_wherever_both_wrote(writers: str, cells: int) -> None:
    shown = fitted(strip_of(runs_of(writers)), cells)
    assert len(shown) == min(len(writers), cells)
    assert bool(set(shown) - {"0"}) == ("b" in writers)
    assert bool(set(shown) - {"8"}) == ("a" in writers)


def test_a_short_answer_has_a_cell_for_each_token() -> None:
    assert strip_of([Run("a", 3, 9), Run("b", 1, 2), Run("a", 2, 4)]) == "000800"


def test_choices_have_a_cell_each() -> None:
    assert strip_of_parts([(2, 0), (1, 1), (0, 3), (0, 0)]) == "048"


def test_what_a_file_says_cannot_take_memory_or_break_a_line() -> None:
    assert strip_of([Run("a", 10**15, 0), Run("b", 10**15, 0), Run("a", -5, 0)], 4) == "0088"
    assert fitted("0\x1b[31m8\n" + "9" * 10 + "8" * 100_000, 4).strip("12345678") in ("", "0")
    assert fitted("", 10) == ""
