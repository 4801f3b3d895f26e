"""Reads a folder of lm-eval task YAMLs into entries, by lm-eval's own rules but without importing lm-eval.

The rules are those of lm_eval 0.4.13, tasks/_index.py and tasks/_yaml_loader.py: files in path order, the first of two
equal names wins, `include:` is inherited key by key, `class:` makes a Python task, what cannot be read is left out.
It is several times faster because every file is parsed once, with one loader, and only a few keys are kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchtui.tasks.entries import TaskEntry

Progress = Callable[[int, int], None]
"""Called with (files read, files in all)."""

_IGNORED_FOLDERS = {"__pycache__", ".ipynb_checkpoints"}
_SHAPE = frozenset({"include", "task", "group", "class", "tag"})
_KEPT = _SHAPE | {"output_type", "dataset_path", "num_fewshot", "unsafe_code", "task_alias", "group_alias", "metadata"}
# A child of a group with one of these is a definition in place, not a mistyped reference.
_DEFINING = frozenset({"dataset_path", "custom_dataset", "doc_to_text", "class", "include"})


class NotATaskError(Exception):
    """A YAML file that defines neither a task nor a group, or cannot be read; the message says why."""


class BrokenFileError(NotATaskError):
    """A file that cannot be read or parsed, so that nobody knows whether it is a task."""


def yaml_files(root: Path) -> list[str]:
    """Return every .yaml under `root` as a path string, in lm-eval's order."""
    if _IGNORED_FOLDERS & set(root.parts):
        return []
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in _IGNORED_FOLDERS]
        found += [f"{folder}/{name}" for name in names if name.endswith(".yaml")]
    return sorted(found)


def scan(
    root: Path,
    *,
    relative: bool = False,
    progress: Progress | None = None,
    on_broken: Callable[[str], None] | None = None,
) -> dict[str, TaskEntry]:
    """Return every task, group and tag defined under `root`; with `relative` their files are relative to `root`.

    `on_broken` is called for each file that is skipped because it cannot be read or parsed.
    """
    files = yaml_files(root)
    reader, index = YamlReader(), Index()
    prefix = len(str(root)) + 1
    for done, path in enumerate(files):
        if progress and done % 500 == 0:
            progress(done, len(files))
        try:
            index.add(reader.merged(path), path[prefix:] if relative else path)
        except NotATaskError as error:  # templates, and files that lm-eval too passes over
            if on_broken and isinstance(error, BrokenFileError):
                on_broken(f"{path} {error}")
    if progress:
        progress(len(files), len(files))
    return index.entries()


def scan_file(path: Path) -> TaskEntry:
    """Return the task or group defined in one file. Raises NotATaskError."""
    index = Index()
    index.add(YamlReader().merged(str(path)), str(path))
    return next(entry for entry in index.entries().values() if entry.kind != "tag")


class YamlReader:
    """Parses each file once and merges what it includes."""

    def __init__(self, kept: frozenset[str] | None = _KEPT) -> None:
        import yaml

        base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._yaml = yaml
        self._kept = kept
        loader: Any = type("TaskLoader", (base,), {})
        self._loader = loader
        loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
        self._parsed: dict[str, dict[str, Any]] = {}

    def parsed(self, path: str) -> dict[str, Any]:
        """Return the kept keys of one file, without those of included files."""
        known = self._parsed.get(path)
        if known is not None:
            return known
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - Path objects cost a second over 14,000 files
                config = self._yaml.load(file.read(), Loader=self._loader)
        except OSError as error:
            raise BrokenFileError(f"cannot be read ({error.strerror})") from None
        except (self._yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            raise BrokenFileError(f"is not valid YAML ({_where(error)})") from None
        if not isinstance(config, dict):
            raise NotATaskError("does not hold keys and values")
        kept = {key: value for key, value in config.items() if self._kept is None or key in self._kept}
        self._parsed[path] = kept
        return kept

    def merged(self, path: str, seen: set[str] | None = None) -> dict[str, Any]:
        """Return the kept keys of `path` merged with those of the files it includes; the file's own win."""
        seen = set() if seen is None else seen
        path = os.path.normpath(path)
        if path in seen:
            raise NotATaskError(f"includes {Path(path).name} twice")
        seen.add(path)
        own = self.parsed(path)
        if "include" not in own:
            return own
        result: dict[str, Any] = {}
        for included in includes(own, path):
            result.update(self.merged(included, seen))
        result.update(own)
        del result["include"]
        return result


def includes(config: dict[str, Any], path: str) -> Iterator[str]:
    """Return the paths of the files that the YAML at `path` includes."""
    value = config.get("include", [])
    for name in value if isinstance(value, list) else [value]:
        if not isinstance(name, str):
            raise NotATaskError("has an include that is not a file name")
        yield str(Path(path).parent / name) if "/" in name else f"{path.rpartition('/')[0]}/{name}"


class Index:
    """Collects entries in the order in which files are read: the first of two equal names wins, tags collect their
    tasks."""

    def __init__(self) -> None:
        self._entries: dict[str, TaskEntry] = {}
        self._tagged: dict[str, set[str]] = {}

    def add(self, config: dict[str, Any], file: str) -> None:
        """Add what the merged `config` of `file` defines. Raises NotATaskError when it defines nothing."""
        is_group = "group" in config and "class" not in config
        name = config.get("group" if is_group else "task")
        if not isinstance(name, str) or not name:
            raise NotATaskError("names neither a task nor a group")
        if name in self._entries:
            return
        tags = tuple(sorted(set(_strings(config.get("tag")))))
        self._entries[name] = _group(name, file, config, tags) if is_group else _task(name, file, config, tags)
        for tag in () if is_group else tags:
            # A tag with the name of a task or group is hidden by it, as in lm-eval.
            if self._entries.setdefault(tag, TaskEntry(tag, "tag")).kind == "tag":
                self._tagged.setdefault(tag, set()).add(name)

    def entries(self) -> dict[str, TaskEntry]:
        for tag, names in self._tagged.items():
            self._entries[tag] = TaskEntry(tag, "tag", members=tuple(sorted(names)))
        return self._entries


def _task(name: str, file: str, config: dict[str, Any], tags: tuple[str, ...]) -> TaskEntry:
    python = "class" in config
    shots = config.get("num_fewshot")
    return TaskEntry(
        name=name,
        kind="task",
        file=file,
        # lm-eval's TaskConfig.output_type is generate_until where a YAML names none.
        output_type="" if python else _text(config.get("output_type")) or "generate_until",
        dataset=_text(config.get("dataset_path")),
        tags=tags,
        description=_description(config, "task_alias"),
        shots=shots if isinstance(shots, int) else None,
        unsafe_code=config.get("unsafe_code", False) is not False,
    )


def _group(name: str, file: str, config: dict[str, Any], tags: tuple[str, ...]) -> TaskEntry:
    children = config.get("task")
    # Keys of the group's own YAML are handed down to its children, so one of these defines them all.
    defines = bool(_DEFINING & config.keys())
    found = list(_members(children, "", defines)) if isinstance(children, list) else []
    return TaskEntry(
        name=name,
        kind="group",
        file=file,
        members=tuple(member for member, _ in found),
        described=tuple(member for member, described in found if described),
        tags=tags,
        description=_description(config, "group_alias"),
    )


def _members(children: list[Any], inside: str, defines: bool) -> Iterator[tuple[str, bool]]:
    """Return (child, defined in place?) for every child, those of inner groups too; "" for a child without a name."""
    for child in children:
        if isinstance(child, dict) and "group" in child and isinstance(child.get("task"), list):
            yield from _members(child["task"], f"{inside}{child['group']}::", defines or bool(_DEFINING & child.keys()))
        elif isinstance(child, dict):
            name = child.get("task", child.get("group"))
            described = defines or bool(_DEFINING & child.keys())
            yield (f"{inside}{name}" if isinstance(name, str) else "", described)
        else:
            yield (f"{inside}{child}", defines)


def _description(config: dict[str, Any], alias: str) -> str:
    metadata = config.get("metadata")
    described = metadata.get("description") if isinstance(metadata, dict) else None
    return _text(described) or _text(config.get(alias))


def _text(value: object) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _strings(value: object) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"{problem}, line {mark.line + 1}" if mark else str(problem)
