"""The files that a plan names on this machine, as they have to be on another one: there already, or sent there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

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
_OF_TRAINING = frozenset({"optimizer.pt", "scheduler.pt", "trainer_state.json", "training_args.bin", "wandb", "runs"})
"""What training leaves beside a model; other checkpoints (checkpoint-…) as well."""
_OF_TASKS = frozenset(
    {".yaml", ".yml", ".py", ".json", ".jsonl", ".csv", ".tsv", ".parquet", ".arrow", ".txt", ".jinja", ".jinja2"}
)
"""Endings of the files that a task may be made of."""

Part = Literal["all", "model", "tasks", "named"]
"""Which files of a folder are meant: all that are not hidden; those of the model in it; those directly in it that a
task may be made of; or only the named ones."""


class TreeFile(msgspec.Struct, frozen=True):
    """A file below the root of a tree: its name there, its size in bytes, and a digest of its content."""

    name: str
    size: int
    identity: str


class Tree(msgspec.Struct, frozen=True):
    """A folder of this machine, with those of its files that a worker needs; `part` says which those are."""

    root: str
    files: tuple[TreeFile, ...]
    part: Part = "all"

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def key(self) -> str:
        """A digest of what it holds, wherever it lies."""
        return hashlib.sha256(msgspec.json.encode(self.files)).hexdigest()[:24]


def same_files(tree: Tree, root: Path) -> bool:
    """Whether the folder `root` of this machine holds the same files as `tree`, and no others of that part, by their
    sizes and their content, of which that of very large files is sampled."""
    try:
        if tree.part != "named" and _names(root, tree.part) != {file.name for file in tree.files}:
            return False
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
    wanted = {**dict(_task_roots(plan)), **dict(_model_files(plan.source))}
    return [_tree(root, part, names) for root, (part, names) in wanted.items() if not _is_below(root, installed)]


def _model_files(source: Source) -> Iterator[tuple[str, tuple[Part, tuple[str, ...]]]]:
    """Yield each folder, and which files in it count."""
    if isinstance(source, HybridSource):
        for part in source.parts:
            yield from _model_files(part.source)
    elif isinstance(source, GgufSource):
        files = [Path(place) for place in source.places]
        yield str(files[0].parent), ("named", tuple(file.name for file in files))
    else:
        yield from ((place, ("model", ())) for place in source.places if Path(place).is_absolute())


def _task_roots(plan: BenchmarkPlan) -> Iterator[tuple[str, tuple[Part, tuple[str, ...]]]]:
    """Yield the folders of task files: the whole of an --include-path, of any other only what lies directly in it."""
    for file in plan.task_files.values():
        holding = next((folder for folder in plan.include_paths if _is_below(file, (folder,))), None)
        yield (holding, ("all", ())) if holding is not None else (str(Path(file).parent), ("tasks", ()))


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)


def _tree(root: str, part: Part, names: Iterable[str] = ()) -> Tree:
    top = Path(root)
    files = list[TreeFile]()
    for path in [top / name for name in names] if part == "named" else sorted(_walk(top, part)):
        if len(files) == MOST_FILES:
            raise BenchtuiError(
                f"{one_line(root, 300)} has more than {MOST_FILES:,} files, too many to compare with those of a node.",
                "Keep what is evaluated in a folder of its own.",
            )
        files.append(TreeFile(path.relative_to(top).as_posix(), path.stat().st_size, file_identity(path)))
    return Tree(root, tuple(files), part)


def _names(root: Path, part: Part) -> set[str]:
    return {path.relative_to(root).as_posix() for path in _walk(root, part)}


def _walk(top: Path, part: Part) -> Iterator[Path]:
    for folder, inner, names in os.walk(top):
        inner[:] = [] if part == "tasks" else [name for name in inner if _may_be_sent(name, part)]
        wanted = [name for name in names if _may_be_sent(name, part)]
        if part == "tasks":
            wanted = [name for name in wanted if Path(name).suffix in _OF_TASKS]
        yield from (path for name in wanted if (path := Path(folder, name)).is_file())


def _may_be_sent(name: str, part: Part) -> bool:
    """Return whether a file or folder belongs to what is sent. Hidden ones (.env, .ssh, .git) stay on this machine."""
    if name in _NOT_PART or name.startswith("."):
        return False
    return part != "model" or not (name in _OF_TRAINING or name.startswith("checkpoint-"))


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
