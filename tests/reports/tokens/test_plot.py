"""Curves over models: every model has its line, in its place, whatever the numbers and the names."""

from itertools import pairwise
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from benchtui.reports.tokens.curves import Curve, Point, curves
from benchtui.reports.tokens.plot import curve_lines, curve_svg
from benchtui.reports.wording.glyphs import ASCII, UNICODE
from benchtui.reports.wording.tokens import BITS
from tests.reports.tokens.made_summary import made_summary
from tests.tokens.made_store import made_store

NUMBERS = st.floats(-100, 100)
POINTS = st.builds(
    lambda name, value, a, b: Point(name, value, value - a, value + b),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=20),
    NUMBERS,
    st.floats(0, 100),
    st.floats(0, 100),
)
CURVES = st.builds(Curve, st.text(max_size=30), st.lists(POINTS, min_size=2, max_size=12).map(tuple))


def test_a_curve_is_in_its_place() -> None:
    curve = Curve("JS to base, nats", (Point("one", 0.0, 0.0, 0.5), Point("two", 1.0, 0.5, 1.0)))
    lines = [line.plain for line in curve_lines(curve, 60)]
    assert lines[1].startswith("one ●─")
    assert lines[2].split("  ")[0].rstrip().endswith("─●") or "●  1.00" in lines[2]
    assert lines[1].index("┤") == pytest.approx(lines[2].index("├"), abs=1)
    assert lines[3].split() == ["0", "1.00"]


@given(CURVES, st.integers(20, 120), st.booleans())
def test_every_model_has_a_line(curve: Curve, width: int, unicode: bool) -> None:
    lines = [line.plain for line in curve_lines(curve, width, UNICODE if unicode else ASCII)]
    assert len(lines) == len(curve.points) + 2
    assert all(("●" if unicode else "o") in line for line in lines[1:-1])
    if width >= 60:
        assert all(cell_len(line) <= width for line in lines[:-1])


@given(CURVES)
def test_the_picture_is_xml_with_a_dot_for_each(curve: Curve) -> None:
    picture = ET.fromstring(curve_svg(curve))  # noqa: S314 - made here
    space = "{http://www.w3.org/2000/svg}"
    dots = picture.findall(f"{space}circle")
    assert len(dots) == len(curve.points)
    heights = [float(dot.get("cy", "nan")) for dot in dots]
    pairs = sorted(zip([point.value for point in curve.points], heights, strict=True))
    assert all(a[1] >= b[1] for a, b in pairwise(pairs) if a[0] < b[0])


def test_curves_are_the_summarys(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = made_store(tmp_path_factory.mktemp("made"), ["one two three", "four five"], labels=("a", "b", "c"))
    summary = made_summary(store)
    found = {curve.title: curve for curve in curves(summary)}
    js = found["JS to a, nats"]
    assert [(point.label, point.value) for point in js.points] == [
        ("b", summary.pairs[0].js.value),
        ("c", summary.pairs[1].js.value),
    ]
    bits = next(curve for curve in curves(summary, BITS) if curve.title.startswith("JS"))
    assert bits.points[0].value == pytest.approx(js.points[0].value / 0.6931471805599453)
    assert not list(curves(msgspec.structs.replace(summary, models=(), pairs=())))
