"""Several answers to each sample in reports: mean@k, pass@k, where variance comes from, and unequal numbers said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import bootstrap

from benchtui.compare.compare import compare_runs
from benchtui.compare.documents import PairedDocuments
from benchtui.compare.records import Comparison
from benchtui.evidence.variance import sampled_mean
from benchtui.reports.exports import comparison_json
from benchtui.reports.html import comparison_html
from benchtui.reports.markdown import comparison_markdown
from benchtui.reports.readme.section import results_section
from benchtui.reports.tables import plain_table
from benchtui.results.read import read_run
from benchtui.results.repeats import Spread, is_step, parted, pass_sizes
from tests.synthetic import Task, write_run

K, N = 8, 120


def scores(seed: int, shift: float = 0.0, answers: int = K) -> np.ndarray:
    """Right or wrong (documents, answers): some documents are easy, some hard."""
    rng = np.random.default_rng(seed)
    chance = np.clip(np.random.default_rng(1).beta(1, 2, N) + shift, 0, 1)
    return (rng.random((N, answers)) < chance[:, None]).astype(float)


def spread_of(drawn: np.ndarray) -> dict[str, Any]:
    found = sampled_mean(drawn)
    built: dict[str, Any] = msgspec.to_builtins(Spread(*drawn.shape[::-1], found.between, found.within, found.stderr))
    return built


def run(folder: Path, drawn: np.ndarray) -> Path:
    answers = drawn.shape[1]
    values = {
        ("exact_match", "none"): drawn.mean(axis=1).tolist(),
        ("exact_match_pass@2", "none"): drawn.mean(axis=1).tolist(),
        (f"exact_match_pass@{answers}", "none"): drawn.max(axis=1).tolist(),
    }
    block = {"repeats": {"gsm8k": {"exact_match,none": spread_of(drawn)}}} if answers > 1 else {}
    if answers == 1:
        values = {key: values[key] for key in list(values)[:1]}
    return write_run(folder, {"gsm8k": Task(values)}, block=block, model=folder.name)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("runs")
    first, second = run(folder / "one", scores(2)), run(folder / "two", scores(3, shift=0.1))
    return compare_runs(read_run(first), read_run(second))


def flat(text: str) -> str:
    return " ".join(text.replace("\\", "").split())


def test_every_form_says_how_often_and_where_the_variance_comes_from(comparison: Comparison) -> None:
    forms = {
        "table": plain_table(comparison, width=120),
        "markdown": comparison_markdown(comparison),
        "html": comparison_html(comparison),
        "README": results_section(comparison.second, comparison.first, comparison),
    }
    (row,) = comparison.headlines
    assert row.first.spread is not None
    for name, text in forms.items():
        told = flat(text)
        assert (
            f"mean@{K}, the mean of {K} answers to each sample; variance between samples {row.first.spread.between:.3g}"
            in told
        ), name
        assert "pass@8" in told, name
        assert "exact_match, mean@8" in told or name == "markdown", name
        assert "pass@2" not in told, "files list the others"
    rows = json.loads(comparison_json(comparison))["rows"]
    assert {found["metric"] for found in rows} == {"exact_match", "exact_match_pass@2", "exact_match_pass@8"}
    assert (rows[0]["first_answers_to_each"], rows[0]["second_answers_to_each"]) == (K, K)


def test_documents_are_paired_by_their_means(comparison: Comparison) -> None:
    (row,) = comparison.headlines
    first, second = scores(2).mean(axis=1), scores(3, shift=0.1).mean(axis=1)
    assert row.change == pytest.approx((second - first).mean())
    assert row.difference is not None
    assert row.difference.n == N
    assert row.difference.stderr == pytest.approx((second - first).std(ddof=1) / np.sqrt(N), rel=0.01)
    assert row.interval is not None
    reference = bootstrap((second - first,), np.mean, rng=np.random.default_rng(0)).confidence_interval
    assert row.interval.low == pytest.approx(reference.low, abs=0.02)
    assert row.interval.high == pytest.approx(reference.high, abs=0.02)


def test_unequal_numbers_of_answers_are_said(tmp_path: Path) -> None:
    first, second = run(tmp_path / "one", scores(2, answers=1)), run(tmp_path / "two", scores(3))
    found = compare_runs(read_run(first), read_run(second))
    assert "answers to each sample: 1 (" in flat(plain_table(found, width=200))
    assert "exact_match, mean@1 | mean@8" in flat(plain_table(found, width=200))
    assert found.headlines[0].difference is not None


@pytest.mark.parametrize(
    ("between", "within", "words"),
    [
        (0.2, 0.0, "only more samples would help"),
        (0.2, 0.01, "more samples would help, more answers hardly"),
        (0.05, 0.2, "more answers would help, up to about 40; and so would more samples"),
        (0.0, 0.2, "more answers would help as much as more samples"),
    ],
)
def test_what_would_help_is_said(tmp_path: Path, between: float, within: float, words: str) -> None:
    block = {"repeats": {"gsm8k": {"exact_match,none": msgspec.to_builtins(Spread(K, 50, between, within, 0.1))}}}
    values = {("exact_match", "none"): [0.5, 0.25] * 25}
    folders = [write_run(tmp_path / name, {"gsm8k": Task(values)}, block=block, model=name) for name in ("a", "b")]
    assert words in flat(plain_table(compare_runs(*map(read_run, folders)), width=300))


def test_each_of_several_answers_is_shown_with_its_score(tmp_path: Path) -> None:
    folders = [run(tmp_path / name, scores(number)) for number, name in enumerate(("one", "two"))]
    for folder in folders:
        (file,) = folder.rglob("samples_*")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            line["resps"] = line["filtered_resps"] = [["first try", "second try"]]
            line["repeats"] = {"exact_match": [0.0, 1.0]}
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = compare_runs(*map(read_run, folders))
    documents = PairedDocuments(found.first, found.second, found.headlines[0])
    one, _ = documents.read(documents.documents[0])
    assert one.answer == "[answer 1 of 2, scored 0]\nfirst try\n\n[answer 2 of 2, scored 1]\nsecond try"
    assert [(each.text, each.score) for each in one.scored(0.5)] == [("first try", 0.0), ("second try", 1.0)]


def test_names_in_files_are_parted_again() -> None:
    assert pass_sizes(8) == [2, 4, 8]
    assert pass_sizes(5) == [2, 4, 5]
    assert pass_sizes(2) == [2]
    assert parted("exact_match_pass@8") == ("exact_match", "pass@8")
    assert parted("a_maj@5") == ("a", "maj@5")
    assert parted("pass@1") == ("pass@1", "")
    assert is_step("exact_match_pass@2", 8)
    assert not is_step("exact_match_pass@8", 8)


def test_the_interval_of_a_score_counts_documents_not_answers(comparison: Comparison) -> None:
    (row,) = comparison.headlines
    means = scores(2).mean(axis=1)
    half = 1.98 * means.std(ddof=1) / np.sqrt(N)
    assert row.first.interval is not None
    assert row.first.interval.low == pytest.approx(means.mean() - half, abs=0.005)
    assert row.first.interval.high == pytest.approx(means.mean() + half, abs=0.005)
