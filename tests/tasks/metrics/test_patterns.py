"""Patterns that would never end, or that are none, stop with a sentence."""

from __future__ import annotations

import time

import pytest

from benchtui.errors import BenchtuiError, UsageError
from benchtui.tasks.metrics.measures import patterns
from tests.tasks.metrics.scored import score


@pytest.mark.parametrize(
    "metric", ["regex:pattern=(a|aa)+$", "regex:pattern=(a|aa)+,full=yes", "extract:pattern=(a|aa)+$"]
)
def test_a_pattern_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch, metric: str) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(BenchtuiError, match=r"takes more than 0\.2 s on one answer"):
        score(metric, "a" * 60 + "!", "x")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    "pattern", ["(", "[a", "(?P<x>a)(?P<x", "a" * 3000, "*", "\\", "((a{1000}){1000}){1000}", "(?:[)(]{1,999}x){9999}"]
)
def test_what_is_no_pattern_is_named(pattern: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be used|too long|repeats"):
        patterns.check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["a{5}{", r"\(a{1000}\){1000}", "[{]{9}" + "(a{10}){10}" * 30, r"(?i)\p{Han}{2,}+"])
def test_what_is_a_pattern_is_taken(pattern: str) -> None:
    patterns.check_pattern(pattern)
