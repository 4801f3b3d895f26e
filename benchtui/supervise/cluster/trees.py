"""The files that a plan names on this machine, as they have to be on another one: there already, or sent there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.files import BENCHMARKS, OTHER_KINDS, PACKAGE
from benchtui.models.identity import file_identity
from benchtui.models.source import GgufSource, HybridSource, Source
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.text import one_line

MOST_FILES = 10_000
_NOT_PART = frozenset({BENCHMARKS, *OTHER_KINDS, "README.md", ".git", "__pycache__"})
"""What lies in a model's folder and is none of the model; README.md is written anew after each run."""


class TreeFile(msgspec.Struct, frozen=True):
    """A file below the root of a tree: its name there, its size in bytes, and a digest of its content."""

    name: str
    size: int
    identity: str


class Tree(msgspec.Struct, frozen=True):
    """A folder of this machine, with those of its files that a worker needs."""

    root: str
    files: tuple[TreeFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def key(self) -> str:
        """A digest of what it holds, wherever it lies."""
        return hashlib.sha256(msgspec.json.encode(self.files)).hexdigest()[:24]


def same_files(tree: Tree, root: Path) -> bool:
    """Whether the folder `root` of this machine holds the same files as `tree`, by their sizes and their content, of
    which that of very large files is sampled."""
    try:
        return all(
            (path := root / file.name).stat().st_size == file.size and file_identity(path) == file.identity
            for file in tree.files
        )
    except OSError:
        return False


def packages_here() -> dict[str, str]:
    """The folders of the installed packages that plans name files of."""
    import importlib.util

    found = importlib.util.find_spec("lm_eval")
    places = list(found.submodule_search_locations or ()) if found else []
    return {"benchtui": str(PACKAGE), **({"lm_eval": places[0]} if places else {})}


def trees_of(plan: BenchmarkPlan, installed: Iterable[str]) -> list[Tree]:
    """What a worker of this plan reads on this machine besides the packages `installed` in these folders. Raises
    BenchtuiError for a folder with too many files, OSError for one that cannot be read."""
    named = {**dict(_model_files(plan.source)), **dict.fromkeys(_task_roots(plan))}
    return [_tree(root, names) for root, names in named.items() if not _is_below(root, installed)]


def _model_files(source: Source) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """(folder, the names of the files in it that count, None for all)"""
    if isinstance(source, HybridSource):
        for part in source.parts:
            yield from _model_files(part.source)
    elif isinstance(source, GgufSource):
        files = [Path(place) for place in source.places]
        yield str(files[0].parent), tuple(file.name for file in files)
    else:
        yield from ((place, None) for place in source.places if Path(place).is_absolute())


def _task_roots(plan: BenchmarkPlan) -> Iterator[str]:
    for file in plan.task_files.values():
        holding = (folder for folder in plan.include_paths if _is_below(file, (folder,)))
        yield next(holding, str(Path(file).parent))


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)


def _tree(root: str, names: tuple[str, ...] | None) -> Tree:
    top = Path(root)
    files = list[TreeFile]()
    for path in sorted(_walk(top)) if names is None else [top / name for name in names]:
        if len(files) == MOST_FILES:
            raise BenchtuiError(
                f"{one_line(root, 300)} has more than {MOST_FILES:,} files, too many to compare with those of a node.",
                "Keep what is evaluated in a folder of its own.",
            )
        files.append(TreeFile(path.relative_to(top).as_posix(), path.stat().st_size, file_identity(path)))
    return Tree(root, tuple(files))


def _walk(top: Path) -> Iterator[Path]:
    for folder, inner, names in os.walk(top):
        inner[:] = filter(_is_part, inner)
        yield from (path for name in filter(_is_part, names) if (path := Path(folder, name)).is_file())


def _is_part(name: str) -> bool:
    """Whether a file or folder may be sent: hidden ones (.env, .ssh, .git) never leave this machine."""
    return name not in _NOT_PART and not name.startswith(".")


def moved(plan: bytes, roots: Mapping[str, str]) -> bytes:
    """The JSON of a plan with the files of its model and tasks below the folders `roots`, by where they are here."""
    document = msgspec.json.decode(plan)
    longest_first = sorted(roots.items(), key=lambda pair: -len(pair[0]))
    for field in ("source", "task_files", "include_paths"):
        if field in document:
            document[field] = _moved(document[field], longest_first)
    return msgspec.json.encode(document)


def _moved(value: Any, roots: list[tuple[str, str]]) -> Any:
    if isinstance(value, dict):
        return {key: _moved(inner, roots) for key, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, roots) for inner in value]
    if isinstance(value, str):
        here, there = next(((here, there) for here, there in roots if _is_below(value, (here,))), ("", ""))
        return there + value[len(here) :]
    return value
