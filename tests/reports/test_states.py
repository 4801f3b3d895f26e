import pytest

from benchtui.durations import rough_duration
from benchtui.reports.wording.states import clock_words, in_flight_words, rate_words, score_text, watchdog_words
from benchtui.runs import events as ev
from benchtui.runs.live_score import LiveScore


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "<1s"), (45.9, "45s"), (64, "1min"), (508, "8min 20s"), (600, "10min"), (2059, "34min"),
        (3720, "1h 2min"), (183_600, "2d 3h"), (1e9, ">99d"),
        (float("inf"), ">99d"), (float("nan"), ">99d"), (-5, "<1s"),
    ],
)  # fmt: skip
def test_rough_times(seconds: float, words: str) -> None:
    assert rough_duration(seconds) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(141.4, "141/s"), (2.54, "2.5/s"), (0.5, "30.0/min"), (0.001, "3.6/h"), (1e-9, "0.0/h")]
)
def test_rates(rate: float, words: str) -> None:
    assert rate_words(rate) == words


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (LiveScore("acc", "none", 0.413, 0.0212, 541), "acc 41.3% ± 2.1 n=541"),
        (LiveScore("acc", "none", 1.0, None, 1), "acc 100.0% n=1"),
        (LiveScore("exact_match", "strict-match", 0.5, 0.1, 9), "exact_match (strict-match) 50.0% ± 10.0 n=9"),
        (LiveScore("word_perplexity", "none", 23.4123, 0.1234, 62), "word_perplexity 23.41 ± 0.12 n=62"),
        (LiveScore("acc", "none", None, None, 1), "acc NaN n=1"),
    ],
)
def test_scores(score: LiveScore, words: str) -> None:
    assert score_text(score) == words


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (ev.Watchdog(state="quiet", silent=60), "no sign of life for 1min"),
        (ev.Watchdog(state="waiting", silent=60, remaining=1740),
         "no sign of life for 1min; ending the worker in 29min unless it moves"),
        (ev.Watchdog(state="terminating", silent=1800, remaining=0), "no sign of life for 30min; ending the worker"),
        (ev.Watchdog(state="alive again", silent=0), "the worker is alive again"),
    ],
)  # fmt: skip
def test_the_watchdog(event: ev.Watchdog, words: str) -> None:
    assert watchdog_words(event) == words


def test_a_clock_that_was_set_back_does_not_make_silence_negative() -> None:
    event = ev.Watchdog(t=1000, state="waiting", silent=60, remaining=30)
    assert watchdog_words(event, now=10) == "no sign of life for 1min; ending the worker in 30s unless it moves"
    assert watchdog_words(event, now=1100).startswith("no sign of life for 2min 40s; ending the worker in 0s")


def test_documents_in_flight() -> None:
    documents = [ev.InFlightDocument(number, "Write\x1b[31m a haiku" if not number else "") for number in range(9)]
    words = in_flight_words(ev.InFlight(task="ifeval", documents=documents))
    assert words == "ifeval sample 0 (Write a haiku), 1, 2 and 6 more"
    assert in_flight_words(ev.InFlight(task="ifeval", documents=[])) == ""


def test_a_time_that_is_none() -> None:
    assert clock_words(1e300) == "--:--:--"
