from hypothesis import given
from hypothesis import strategies as st

from benchtui.runs.follow.pace import Pace


def test_batches_that_end_at_once_count_by_the_time_they_took() -> None:
    """Eight documents answered within a moment after a minute of work are eight a minute, not eight a moment."""
    pace = Pace()
    pace.begin(0.0)
    assert pace.rate is None
    for batch in (1, 2, 3):
        for document in range(8):
            pace.add(60.0 * batch + document / 1000, 1)
    assert pace.rate is not None
    assert abs(pace.rate - 8 / 60) < 0.001


def test_the_rate_is_the_recent_one() -> None:
    pace = Pace()
    pace.begin(0.0)
    for second in range(1, 600):
        pace.add(second, 1)
    for second in range(600, 720):
        pace.add(second, 10)
    assert pace.rate is not None
    assert 9.9 < pace.rate <= 10


def test_slow_steps_are_all_kept_however_old() -> None:
    pace = Pace()
    pace.begin(0.0)
    for hour in (1, 2, 3):
        pace.add(3600.0 * hour, 5)
    assert pace.rate is not None
    assert abs(pace.rate - 15 / (3 * 3600)) < 1e-9


def test_a_clock_set_back_starts_the_window_anew() -> None:
    pace = Pace()
    pace.begin(1000.0)
    pace.add(1010.0, 10)
    pace.add(10.0, 10)
    assert pace.rate is None
    pace.add(20.0, 30)
    assert pace.rate == 3.0


def test_a_counter_does_not_begin_with_what_it_counted_before() -> None:
    pace = Pace()
    pace.count_to(100.0, 7_000_000)
    pace.count_to(110.0, 7_000_500)
    assert pace.rate == 50.0


@given(st.lists(st.tuples(st.floats(-1e12, 1e12), st.floats(-1e9, 1e9))))
def test_whatever_comes_the_rate_is_positive_or_unknown(steps: list[tuple[float, float]]) -> None:
    pace = Pace()
    pace.begin(0.0)
    for t, work in steps:
        pace.add(t, work)
        assert pace.rate is None or pace.rate > 0
