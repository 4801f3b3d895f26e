"""The words for two models that answered a run, from a result file that may come from anybody."""

from __future__ import annotations

from benchtui.reports.wording.two_models import models_words
from benchtui.results.routing import RoutedPart, RoutedRun

HOSTILE = "p70\n\x1b[31m[red]\u202e" + "9" * 10_000


def test_foreign_thresholds_and_drafts_are_one_short_line() -> None:
    parts = RoutedPart("small"), RoutedPart("large")
    assert models_words(RoutedRun(*parts, "margin", HOSTILE)).endswith(": margin, threshold p70")
    said = models_words(RoutedRun(*parts, "speculative", drafts=HOSTILE.replace("\n", "")))
    assert said.isprintable()
    assert len(said) < 120
