"""A model's last result in a few words, from whatever benchmark.json says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.compare.headlines import LastBenchmark, last_benchmark


def written(model: Path, summary: Any) -> LastBenchmark | None:
    (model / "benchmarks").mkdir(exist_ok=True)
    (model / "benchmarks" / "benchmark.json").write_text(json.dumps(summary))
    return last_benchmark(model)


def test_the_layout_before_comparisons_were_kept(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        {
            "base_model": {"huggingface": {"ifeval": {"prompt_level_strict_acc,none": 0.4, "alias": "ifeval"}}},
            "fine_tuned_model": {
                "huggingface": {
                    "ifeval": {"inst_level_strict_acc,none": 0.7, "prompt_level_strict_acc,none": 0.6},
                    "gsm8k": {"exact_match,strict-match": 0.25, "exact_match_stderr,strict-match": "N/A"},
                }
            },
            "comparison_mode": True,
        },
    )
    assert found is not None
    ifeval, gsm8k = found.headlines
    assert (ifeval.task, ifeval.base, ifeval.fine_tuned, ifeval.improved) == ("ifeval", 0.4, 0.6, True)
    assert (gsm8k.base, gsm8k.fine_tuned, gsm8k.change) == (None, 0.25, None)


def test_a_model_that_was_run_without_a_base_shows_its_scores_but_not_each_part_of_a_group(tmp_path: Path) -> None:
    results = {
        "mmlu": {"alias": "mmlu", "acc,none": 0.51},
        "mmlu_anatomy": {"alias": "  - anatomy", "acc,none": 0.4},
    }
    found = written(tmp_path, {"base_model": {}, "fine_tuned_model": {"results": results}, "comparison": {}})
    assert found is not None
    assert [(headline.task, headline.fine_tuned, headline.base) for headline in found.headlines] == [
        ("mmlu", 0.51, None)
    ]


@pytest.mark.parametrize(
    "summary",
    [[], {}, {"comparison": []}, {"fine_tuned_model": {"results": {"a": 1, "b": {"acc,none": True}}}}],
)
def test_what_says_nothing_has_no_headlines(tmp_path: Path, summary: Any) -> None:
    found = written(tmp_path, summary)
    assert found is None or found.headlines == ()
