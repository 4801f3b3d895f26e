"""The chart in the page, measured in a browser: nothing is cut off, no name runs into the plot."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest

from benchtui.compare.compare import compare_runs
from benchtui.reports.chart import differences_chart
from benchtui.reports.style import CSS
from benchtui.results.read import read_run
from tests.synthetic import Task, write_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTH = 860
HALF = [i % 2 == 0 for i in range(120)]
WORSE = [False] * 120

_MEASURE = """
const boxes = [...document.querySelectorAll('svg text')].map(text => {
  const box = text.getBBox();
  return [text.textContent, box.x, box.x + box.width];
});
const lines = [...document.querySelectorAll('svg line')].map(line => +line.getAttribute('x1'));
document.body.innerHTML = '<pre>' + JSON.stringify([boxes, Math.min(...lines)]).replace(/</g, '&lt;') + '</pre>';
"""


def chart(folder: Path, tasks: Mapping[str, tuple[list[bool], list[bool]]]) -> str:
    """The chart of two runs, given whether each document was right in the first and in the second."""
    runs = [
        read_run(write_run(folder / str(i), {name: Task({("acc", "none"): both[i]}) for name, both in tasks.items()}))
        for i in range(2)
    ]
    return differences_chart(compare_runs(runs[0], runs[1]))


def measured(folder: Path, svg: str) -> tuple[list[tuple[str, float, float]], float]:
    """(text, where it begins, where it ends) as drawn, and where the plot begins."""
    assert CHROMIUM
    page = folder / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><style>{CSS}</style>{svg}<script>{_MEASURE}</script>")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found = re.search(r"<pre>(.*?)</pre>", drawn, re.DOTALL)
    assert found is not None, drawn[:500]
    boxes, plot = json.loads(unescape(found.group(1)))
    return [tuple(box) for box in boxes], plot


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_all_text_is_inside_the_picture_and_outside_the_plot(tmp_path: Path) -> None:
    names = ("gsm8k", "W" * 60, "a_task_with_a_name_of_34_character", "日本語の長い名前" * 8, "😀" * 50, "é" * 70)
    odd = {"lost": ([True] * 120, WORSE), "another limit": (HALF, WORSE[:100])}
    svg = chart(tmp_path, {**dict.fromkeys(names, (HALF, WORSE)), **odd})
    boxes, plot = measured(tmp_path, svg)
    assert any(text == "−100.0 forgetting?" for text, _, _ in boxes)
    assert any(text.endswith("not comparable") for text, _, _ in boxes)
    assert any(text == "a_task_with_a_name_of_34_character" for text, _, _ in boxes), "there is room for this one"
    for text, begin, end in boxes:
        assert 0 <= begin < end <= WIDTH, text
    named = [(text, end) for text, begin, end in boxes if begin == 0]
    assert len(named) == len(names) + 2
    for text, end in named:
        assert end < plot, text


def test_a_name_that_is_too_long_ends_in_an_ellipsis_and_leaves_most_of_the_picture_to_the_plot(tmp_path: Path) -> None:
    svg = chart(tmp_path, {"x" * 150: (HALF, WORSE)})
    names = re.findall(r'<text x="0"[^>]*>(.*?)</text>', svg)
    assert re.fullmatch(r"x{30,60}…", names[0])
    axis = [float(x) for x in re.findall(r'<line class="axis" x1="([\d.]+)"', svg)]
    assert max(axis) - min(axis) > WIDTH / 3
