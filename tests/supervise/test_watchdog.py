"""The watchdog: what it says at which silence, on a clock that only goes forward."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchtui.supervise.watchdog import REMIND_EVERY, WARN_AFTER, Watchdog


def heard(timeout: float | None, seconds: float, step: float = 1.0) -> list[tuple[float, str]]:
    """What is said, and when, while nothing at all happens."""
    watchdog, now, said = Watchdog(timeout), 0.0, []
    while now <= seconds:
        verdict = watchdog.judge(now, 0.0)
        if verdict != "fine":
            said.append((now, verdict))
        if verdict == "timed out":
            break
        now += step
    return said


def test_off_by_default() -> None:
    assert heard(None, 100_000, step=60) == []


def test_half_an_hour_of_silence() -> None:
    said = heard(1800, 4000)
    assert said[0] == (60.0, "quiet")
    assert said[-1] == (1800.0, "timed out")
    reminders = [when for when, verdict in said if verdict == "waiting"]
    assert reminders == [90.0 + 30 * number for number in range(len(reminders))]
    assert len(reminders) == 57


def test_a_short_timeout_warns_at_its_half() -> None:
    assert heard(4, 10) == [(2.0, "quiet"), (4.0, "timed out")]


def test_a_sign_of_life_is_said_once_after_a_warning_and_the_clock_starts_anew() -> None:
    watchdog = Watchdog(300)
    assert watchdog.judge(61, 0) == "quiet"
    assert watchdog.judge(62, 61.5) == "alive again"
    assert watchdog.judge(63, 61.5) == "fine"
    assert watchdog.judge(122, 61.5) == "quiet"
    assert watchdog.remaining(122, 61.5) == 300 - 60.5


@given(
    timeout=st.floats(0.1, 10_000),
    steps=st.lists(st.tuples(st.floats(0.001, 400), st.booleans()), min_size=1, max_size=60),
)
def test_it_never_ends_a_worker_that_moves_and_always_one_that_does_not(
    timeout: float, steps: list[tuple[float, bool]]
) -> None:
    watchdog = Watchdog(timeout)
    now = last_sign = last_said = 0.0
    worried = False
    for seconds, moved in steps:
        now += seconds
        if moved:
            last_sign = now
        verdict = watchdog.judge(now, last_sign)
        silent = now - last_sign
        assert (verdict == "timed out") == (silent >= timeout)
        if verdict == "timed out":
            return
        assert worried or verdict not in ("waiting", "alive again"), "nothing comes before a first warning"
        if verdict == "quiet":
            assert not worried
            assert silent >= min(WARN_AFTER, timeout / 2)
        if verdict == "waiting":
            assert now - last_said >= REMIND_EVERY
        if verdict == "alive again":
            assert silent < min(WARN_AFTER, timeout / 2)
        if verdict in ("quiet", "waiting"):
            last_said = now
        worried = verdict in ("quiet", "waiting") or (worried and verdict == "fine")
        assert watchdog.remaining(now, last_sign) == timeout - silent
