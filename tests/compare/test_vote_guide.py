"""What BENCHMARKING.md says of how many votes a blind vote needs is what scipy computes."""

from __future__ import annotations

import re

from scipy.stats import binom, binomtest

from tests.conftest import ROOT


def test_how_many_votes_show_a_preference() -> None:
    chapter = (ROOT / "BENCHMARKING.md").read_text(encoding="utf-8").split("## A blind vote")[1].split("\n## ")[0]
    rows = [
        [int(number) for number in re.findall(r"\d+", line)] for line in chapter.splitlines() if line.startswith("| ")
    ]
    rows = [row for row in rows if len(row) == 5]
    assert len(rows) == 5
    for votes, least, *shown in rows:
        assert binomtest(least, votes).pvalue < 0.05 <= binomtest(least - 1, votes).pvalue
        power = [
            binom.sf(least - 1, votes, share) + binom.cdf(votes - least, votes, share) for share in (0.6, 0.7, 0.8)
        ]
        assert [round(100 * chance) for chance in power] == shown
