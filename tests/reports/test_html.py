"""The page: complete in itself, and nothing that a model wrote can act in it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

from benchtui.compare.compare import compare_runs
from benchtui.reports.html import comparison_html
from benchtui.results.read import read_run
from tests.lm_eval_runs import RealRuns
from tests.synthetic import Task, write_run

ATTACK = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\"'&amp;"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    tags.close()
    assert tags.open == []
    return tags


def test_what_a_model_wrote_stays_text(tmp_path: Path) -> None:
    answers = [f"{ATTACK} {i}" for i in range(12)]
    runs = [
        read_run(
            write_run(
                tmp_path / side,
                {ATTACK.replace("/", ""): Task({("acc", "none"): values}, answers=answers, prompt=ATTACK)},
                model=ATTACK,
            )
        )
        for side, values in (("a", [0.0] * 12), ("b", [1.0] * 12))
    ]
    tags = parsed(comparison_html(compare_runs(*runs)))
    assert not {"script", "img", "iframe", "link", "object"} & {tag for tag, _ in tags.seen}
    assert not [name for _, attributes in tags.seen for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in "".join(tags.text)
    assert "\x1b" not in "".join(tags.text)


def test_the_page_loads_nothing_from_anywhere(real_runs: RealRuns) -> None:
    page = comparison_html(compare_runs(read_run(real_runs.first), read_run(real_runs.second)))
    tags = parsed(page)
    assert not [a for _, attributes in tags.seen for a in ("src", "href", "action") if a in attributes]
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page


def test_the_flipped_samples_are_there_with_both_answers(real_runs: RealRuns) -> None:
    comparison = compare_runs(read_run(real_runs.first), read_run(real_runs.second))
    page = comparison_html(comparison)
    counted = sum(
        row.difference.flips.fixed + row.difference.flips.broken
        for row in comparison.headlines
        if row.difference and row.difference.flips
    )
    assert page.count("<details") == counted > 0
    assert page.count("<h4>tiny-first</h4>") == counted


def test_the_chart_draws_every_difference_on_its_scale(real_runs: RealRuns) -> None:
    comparison = compare_runs(read_run(real_runs.first), read_run(real_runs.second))
    match = re.search(r"<svg.*?</svg>", comparison_html(comparison), re.DOTALL)
    assert match is not None
    svg = ET.fromstring(match.group(0))  # noqa: S314 - our own page
    drawn = [row for row in comparison.rows if row.depth <= 1 and row.is_share and row.difference]
    circles = [float(node.attrib["cx"]) for node in svg.iter("circle")]
    assert len(circles) == len(drawn)
    order = sorted(range(len(drawn)), key=lambda i: drawn[i].difference.value)  # type: ignore[union-attr]
    assert [circles[i] for i in order] == sorted(circles)


def test_long_answers_are_cut_in_the_middle(tmp_path: Path) -> None:
    answers = ["start " + "x" * 50_000 + " end"] * 8
    runs = [
        read_run(write_run(tmp_path / side, {"t": Task({("acc", "none"): values}, answers=answers)}))
        for side, values in (("a", [0.0] * 8), ("b", [1.0] * 8))
    ]
    page = comparison_html(compare_runs(*runs))
    assert len(page) < 200_000
    assert "characters …" in page
    assert " end</pre>" in page
