"""Names of result files: the newest is the latest, whatever the clock does."""

from __future__ import annotations

import time
from pathlib import Path

from benchtui.runs.result_files import stamp_of, stamp_time
from benchtui.worker.benchmark.write import _stamp


def test_a_stamp_is_later_than_those_before_even_if_the_clock_went_back(tmp_path: Path) -> None:
    stamps = ["2026-11-20T10-30-15.000001", "9999-01-01T00-00-00.000000"]
    for _ in range(3):
        older = [tmp_path / f"results_{stamp}.json" for stamp in stamps]
        older += [tmp_path / f"samples_my_task_{stamp}.jsonl" for stamp in stamps]
        stamp = _stamp([*older, tmp_path / "results_by_hand.json"])
        assert stamp > max(stamps)
        file = tmp_path / f"results_{stamp}.json"
        file.write_text("{}")
        assert stamp_of(file) == stamp
        assert stamp_time(stamp, file).year == 9999
        stamps.append(stamp)


def test_usually_it_is_the_time() -> None:
    now = time.strftime("%Y-%m-%dT")
    assert _stamp([]).startswith(now)
    assert _stamp([Path("results_2001-01-01T00-00-00.000001.json")]).startswith(now)
