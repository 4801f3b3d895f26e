"""What is shown of a sweep: the figures of its conclusions, in eighty columns, without colour, with plain signs."""

from __future__ import annotations

import io
import json
import re

import msgspec
import numpy as np
import pytest
from rich.console import Console

from benchtui.compare.hybrid.conclusions import SweptConclusions, conclusions
from benchtui.reports.hybrid.page import sweep_html
from benchtui.reports.hybrid.plot import curve_lines
from benchtui.reports.hybrid.record import sweep_json
from benchtui.reports.hybrid.svg import main_svg
from benchtui.reports.hybrid.tables import print_sweep, sweep_view
from benchtui.reports.wording.hybrid import CALLS_FALL, DEFERRED, percent
from benchtui.routing.names import AUTO_THRESHOLDS
from benchtui.routing.sweeps.choose import settled
from benchtui.routing.sweeps.records import Amounts, Sweep, SweptMetric, SweptTask


def swept(n: int = 300, *, small: float = 0.4, large: float = 0.8, seed: int = 0, routed: bool = True) -> Sweep:
    """Tokens routed: calls fall as the threshold grows, FLOPs hardly do."""
    rng = np.random.default_rng(seed)
    right, other = rng.random(n) < small, rng.random(n) < large
    signal = np.where(right, 0.7, 1.0) * rng.random(n)
    names = tuple(f"{number:032x}" for number in range(n))
    thresholds = settled(AUTO_THRESHOLDS, signal.tolist(), names)
    takes = signal >= np.array([each.value for each in thresholds])[:, None]
    ones = (1.0,) * n

    def amounts(row: np.ndarray) -> Amounts:
        return {"calls": tuple(row.astype(float).tolist()), "flops": tuple((9.5 + 0.5 * row).tolist())}

    def rows(values: np.ndarray) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(row) for row in values.astype(float).tolist())

    scores = rows(np.where(takes, other, right))
    metric = SweptMetric("acc", "none", True, *rows(np.array([right, other])), scores, random=scores)
    loss = msgspec.structs.replace(metric, metric="brier_score", higher_is_better=False, random=())
    task = SweptTask(
        "arc_easy", "texts", tuple(range(n)), names, thresholds, tuple(range(len(thresholds))),
        {"calls": ones, "flops": ones}, {"calls": ones, "flops": (10.0,) * n},
        tuple(map(amounts, takes)), (metric, loss),
    )  # fmt: skip
    return Sweep("qwen-0.5b", "my-sft-7b", "uncertainty" if routed else "defer", (task,))


def printed(found: SweptConclusions, width: int = 80) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, highlight=False)
    for part in sweep_view(found, width=width):
        console.print(part)
    return buffer.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_every_line_fits_and_no_cell_is_cut(width: int) -> None:
    said = printed(conclusions(swept(), 2.0), width)
    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said


def test_the_table_has_the_figures_of_the_conclusion() -> None:
    found = conclusions(swept(), 2.0)
    said = printed(found, 120)
    (concluded, *_) = found.tasks[0][1]
    for place in concluded.places:
        assert place.threshold is not None
        (line,) = (line for line in said.splitlines() if line.startswith(f"{place.threshold.value:.4g} "))
        assert place.score.value is not None
        for number in (100 * place.score.value, 100 * place.difference.value):
            assert f"{abs(number):.1f}" in line
        assert percent(place.work["calls"].value) in line
        assert percent(place.work["flops"].value) in line
    assert f"{concluded.chosen} to choose by, {concluded.reported} to report" in said
    assert "APGR 0." in said
    assert f"half of the gap at {percent(concluded.half)} of the calls" in said


def test_what_the_share_is_not_is_always_said() -> None:
    for routed, sentence in ((True, CALLS_FALL), (False, DEFERRED)):
        found = conclusions(swept(routed=routed), 2.0)
        assert sentence in " ".join(printed(found).split())
        assert sentence in sweep_html(found)
        assert json.loads(sweep_json(found))["said_of_cost"] == sentence


def test_a_terminal_without_other_signs_gets_plain_ones() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, "ascii"), width=80, color_system=None, highlight=False)
    print_sweep(conclusions(swept(), 2.0), console)
    console.file.flush()
    assert "small only" in raw.getvalue().decode("ascii")


def test_models_that_tie_are_said_to_and_get_no_figure() -> None:
    found = conclusions(swept(small=0.6, large=0.6, seed=6), 8.0)
    said = " ".join(printed(found).split())
    assert "APGR none: the models do not differ" in said
    assert "half of the gap" not in said
    assert "nothing is gained by routing there" in said


def test_few_documents_get_no_recommendation() -> None:
    said = " ".join(printed(conclusions(swept(n=14), 2.0)).split())
    assert "No threshold is recommended: too few documents for two halves" in said


def test_a_metric_that_is_no_share_gets_no_verdict() -> None:
    found = conclusions(swept(), 2.0)
    brier = found.tasks[0][1][1]
    assert brier.metric == "brier_score"
    assert all(place.verdict is None for place in brier.places)


def test_the_plot_has_both_ends_where_they_are() -> None:
    (concluded, *_) = conclusions(swept(), 2.0).tasks[0][1]
    lines = [line.plain for line in curve_lines(concluded, 80, is_share=True)]
    rows = lines[:13]
    small, large = (next(n for n, row in enumerate(rows) if sign in row) for sign in "SL")
    assert small > large, "the large model is better, so higher up"
    assert rows[small].index("S") == 8
    assert rows[large].rstrip().endswith("L")
    assert len(rows[large]) <= 80
    assert "calls of the large model" in "".join(lines)


def test_the_axis_can_be_chosen() -> None:
    found = conclusions(swept(), 2.0, "flops")
    assert "FLOPs of the large model, by what it does alone" in printed(found)
    assert "FLOPs of the large model, by what it does alone" in main_svg(found)


def test_the_page_loads_and_runs_nothing_and_draws_every_measure() -> None:
    page = sweep_html(conclusions(swept(), 2.0))
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert not re.search(r"<script|<link|<img|src=|https?://(?!www\.w3\.org/2000/svg)", page)
    assert page.count("<svg") == 4, "two metrics, each by calls and by FLOPs"
    assert page.count(" checked") == 2
    for name in ("calls of the large model", "FLOPs of the large model", "qwen-0.5b", "my-sft-7b"):
        assert name in page


def test_an_svg_says_in_words_what_it_shows() -> None:
    picture = main_svg(conclusions(swept(), 2.0))
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    (said,) = re.findall(r'aria-label="([^"]*)"', picture)
    assert "small only: " in said
    assert "large only: " in said
    assert "prefers-color-scheme: dark" in picture


def test_numbers_of_files_are_finite() -> None:
    found = json.loads(sweep_json(conclusions(swept(n=14), 2.0)), parse_constant=lambda name: pytest.fail(name))
    assert found["margin_points"] == 2.0


def test_a_share_is_never_rounded_to_nothing_or_all() -> None:
    assert [percent(value) for value in (0.0, 0.001, 0.5, 0.999, 1.0, 1.2, None)] == [
        "0 %", "<1 %", "50 %", ">99 %", "100 %", "120 %", "",
    ]  # fmt: skip
