"""Print who imports whom: `make graph`, or `python -m tests.structure.graph [--files]`.

Packages stand in the order of the floors in pyproject.toml, the highest first; each line names what one of them
imports.
Below follow the cycles between packages and between files: there should be none.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ("benchtui", "screens")

Graph = Mapping[str, frozenset[str]]


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found = {}
    for root in ROOTS:
        for file in sorted((ROOT / root).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def file_graph() -> Graph:
    """For each module those of ours that it imports, also inside functions and for type checking only."""
    known = modules()
    return {name: frozenset(_imports(file, known) - {name}) for name, file in known.items()}


def _imports(file: Path, known: Mapping[str, Path]) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(
                inner if (inner := f"{node.module}.{alias.name}") in known else node.module for alias in node.names
            )
    return names & known.keys()


def package_of(module: str) -> str:
    """The floor a module lives on: screens, benchtui.cli, benchtui.errors …"""
    return "screens" if module.startswith("screens") else ".".join(module.split(".")[:2])


def package_graph(files: Graph) -> Graph:
    """For each package those that its files import."""
    found: dict[str, set[str]] = {}
    for module, imported in files.items():
        own = package_of(module)
        found.setdefault(own, set()).update(other for name in imported if (other := package_of(name)) != own)
    return {name: frozenset(imported) for name, imported in found.items()}


def cycles(graph: Graph) -> list[list[str]]:
    """Groups of nodes that reach one another (Tarjan's strongly connected components), the smallest first."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in number:
                visit(other)
                lowest[node] = min(lowest[node], lowest[other])
            elif other in stack:
                lowest[node] = min(lowest[node], number[other])
        if lowest[node] == number[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in number:
            visit(node)
    return sorted(found, key=len)


def floors() -> list[list[str]]:
    """The packages of each floor, the highest first, as the layers contract in pyproject.toml has them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"].startswith("Floors"))
    return [[name.strip() for name in layer.split("|")] for layer in layers]


def _lines(graph: Graph, order: Iterable[str]) -> list[str]:
    place = {name: index for index, name in enumerate(order)}
    return [
        f"{name:24}-> {', '.join(sorted(graph[name], key=lambda other: place.get(other, -1)))}"
        for name in sorted(graph, key=lambda name: place.get(name, -1))
        if graph[name]
    ]


def main(arguments: list[str]) -> int:
    """Print the graph; returns 1 when there is a cycle."""
    sys.setrecursionlimit(10_000)
    files = file_graph()
    order = [name for floor in floors() for name in floor]
    shown = files if "--files" in arguments else package_graph(files)
    print("\n".join(_lines(shown, order)))
    found = cycles(package_graph(files)) + cycles(files)
    print("\nCycles: " + ("none" if not found else ""))
    for group in found:
        print("  " + " <-> ".join(group))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
