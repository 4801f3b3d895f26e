"""The plan of the house: floors without a way up, and no two files that need one another."""

from __future__ import annotations

from tests.structure.graph import cycles, file_graph, floors, package_graph, package_of

OUTSIDE = {"benchtui", "benchtui.__main__", "benchtui.worker", "benchtui.importable"}
"""Not a floor of the process that the user types into: the worker's own contracts name what it may import."""


def test_a_cycle_is_found() -> None:
    graph = {"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"b"}), "d": frozenset({"a"})}
    assert cycles(graph) == [["b", "c"]]


def test_no_package_and_no_file_imports_in_a_circle() -> None:
    files = file_graph()
    assert cycles(package_graph(files)) == []
    assert cycles(files) == []


def test_every_package_has_its_floor() -> None:
    known = {name for floor in floors() for name in floor}
    assert {package_of(name) for name in file_graph()} - known <= OUTSIDE


def test_a_floor_imports_only_what_is_below() -> None:
    """What import-linter checks, seen once more from the graph that is printed."""
    height = {name: place for place, floor in enumerate(floors()) for name in floor}
    upwards = [
        (name, other)
        for name, imported in package_graph(file_graph()).items()
        for other in imported
        if name in height and other in height and height[other] <= height[name]
    ]
    assert upwards == [("benchtui.cli", "screens")]  # the command that opens the application, when it is typed
