"""Texts in windows: every scored token once, and for whole texts the windows of lm-eval."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.utils import get_rolling_token_windows

from benchtui.tokens.records import TextTokens
from benchtui.worker.tokens.windows import windows_of


def text(length: int, first: int = 1) -> TextTokens:
    places = np.arange(length, dtype=np.int32)
    return TextTokens(places, places, places + 1, first, first)


@given(st.integers(2, 200), st.integers(1, 60))
def test_whole_texts_are_read_as_lm_eval_reads_them(length: int, longest: int) -> None:
    ids = list(range(length))
    wanted = [
        (list(read), list(scored))
        for read, scored in get_rolling_token_windows(
            token_list=ids[1:], prefix_token=ids[0], max_seq_len=longest, context_len=1
        )
    ]
    found = [(ids[w.begin : w.end - 1], ids[w.first : w.end]) for w in windows_of(text(length), longest)]
    assert found == wanted


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 60))
def test_every_scored_token_is_in_one_window(length: int, first: int, longest: int) -> None:
    first = min(first, length)
    windows = list(windows_of(text(length, first), longest))
    scored = [place for window in windows for place in range(window.first, window.end)]
    assert scored == list(range(first, length))
    for window in windows:
        assert 0 <= window.begin < window.first
        assert window.end - 1 - window.begin <= longest


def test_an_answer_that_fits_is_read_after_all_of_the_prompt_that_fits() -> None:
    """As lm-eval cuts the context of a log-likelihood request."""
    (window,) = windows_of(text(100, 80), 50)
    assert (window.begin, window.end, window.first) == (49, 100, 80)


def test_a_short_prompt_is_read_whole_before_a_long_answer() -> None:
    first, *_ = windows_of(text(100, 10), 50)
    assert (first.begin, first.end, first.first) == (0, 51, 10)


def test_without_a_known_window_a_text_is_read_at_once() -> None:
    (window,) = windows_of(text(5000, 3), 0)
    assert (window.begin, window.end, window.first) == (0, 5000, 3)
