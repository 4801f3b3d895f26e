import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.durations import format_duration, parse_duration
from benchtui.errors import ExitCode, UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30min", 1800),
        ("10m", 600),
        ("600s", 600),
        ("600", 600),
        ("1h30m", 5400),
        ("1h", 3600),
        ("90 sec", 90),
        ("1.5h", 5400),
        (" 2 Hours ", 7200),
        ("1d 2h 3min 4s", 93784),
        ("0.5", 0.5),
        ("1h0m", 3600),
    ],
)
def test_durations_as_people_type_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "0", "0s", "0h0m", "-5", "-5m", "inf", "nan", "1e3", "1h30", "30m1h", "1h1h", "m", "5 parsecs",
     "1,5h", "١٠", "9" * 400, "9999d", "10m!", "1_000", "0x10", "1h 30m extra", "30min\x1b[31m"],
)  # fmt: skip
def test_nonsense_zero_and_negatives_are_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "30min" in caught.value.next_step
    assert len(str(caught.value).splitlines()) == 1
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_finite_positive_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except UsageError:
        return
    assert 0 < seconds <= 366 * 86400


@given(st.integers(0, 30), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(days: int, hours: int, minutes: int, seconds: int) -> None:
    total = days * 86400 + hours * 3600 + minutes * 60 + seconds
    if total:
        assert parse_duration(f"{days}d{hours}h {minutes}min{seconds} secs") == total


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (45.4, "45s"), (1800, "30min"), (4200, "1h 10min"), (59.6, "1min"),
     (725, "12min 5s"), (3725, "1h 2min 5s"), (183_000, "2d 2h 50min"),
     (-3, "0s"), (math.inf, "?"), (math.nan, "?")],
)  # fmt: skip
def test_durations_as_displays_show_them(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


@given(st.integers(1, 86399))
def test_what_is_shown_can_be_typed(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds
