"""Every name that lm-eval accepts for --tasks: look one up, find the nearest, search, resolve to files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from benchtui.errors import UsageError
from benchtui.tasks.cache import builtin_entries, cache_folder, lm_eval_tasks_folder
from benchtui.tasks.entries import Kind, TaskEntry
from benchtui.tasks.scan import NotATaskError, Progress, scan, scan_file
from benchtui.text import one_line

_NOW: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"truthfulqa_mc": ("truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen")}
)
"""Tasks of earlier versions of lm-eval, and what they have become."""


@dataclass(frozen=True)
class Catalogue:
    """`entries` by name, in the order in which lm-eval reads their files; relative files are relative to `root`.

    `broken` has a sentence for each of the user's own files that cannot be read or parsed.
    """

    root: Path
    entries: Mapping[str, TaskEntry]
    broken: tuple[str, ...] = ()

    def get(self, name: str) -> TaskEntry | None:
        return self.entries.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __len__(self) -> int:
        return len(self.entries)

    def file(self, name: str) -> Path | None:
        """Return the absolute path of the YAML that defines `name`; None for a tag or an unknown name."""
        entry = self.entries.get(name)
        return self.root / entry.file if entry and entry.file else None

    def nearest(self, name: str, n: int = 3) -> tuple[str, ...]:
        """Return up to `n` names that `name` may mean, nearest first."""
        from benchtui.tasks.search import nearest

        return nearest(name, self.entries, n)

    def search(self, query: str, limit: int | None = 20, kind: Kind | None = None) -> tuple[TaskEntry, ...]:
        """Return the entries whose name, title or description fits `query`, best first; all of them when `limit` is
        None."""
        from benchtui.tasks.search import search

        chosen = [entry for entry in self.entries.values() if kind is None or entry.kind == kind]
        return search(query, chosen, limit)

    def expand(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the leaf tasks of `names` (tasks, groups, tags), each once, in order.

        A task defined inside a group's own YAML is named `group::task`, as lm-eval names it. Raises UsageError for an
        unknown name, with the nearest ones.
        """
        leaves: dict[str, None] = {}
        for name in names:
            if name not in self.entries:
                raise self.unknown(name)
            leaves.update(dict.fromkeys(self._leaves(name)))
        return tuple(leaves)

    def _leaves(self, name: str) -> tuple[str, ...]:
        known = self._expanded.get(name)
        if known is None:
            found: dict[str, None] = {}
            self._collect(name, found, set())
            known = self._expanded[name] = tuple(found)
        return known

    def _collect(self, name: str, leaves: dict[str, None], parents: set[str]) -> None:
        entry = self.entries[name]
        if entry.kind == "task":
            leaves[name] = None
            return
        if name in parents:
            raise UsageError(f"The group {name} contains itself.", "Fix its YAML.")
        for member in entry.members:
            if not member or member.endswith("::"):
                raise UsageError(
                    f"The group {one_line(name)} lists a task without a name: lm-eval cannot load it.",
                    "Choose other tasks; `benchtui tasks` searches them.",
                )
            if registered := self.member(member):
                self._collect(registered, leaves, parents | {name})
            elif member in entry.described:
                leaves[f"{name}::{member}"] = None
            else:
                raise UsageError(
                    f"The {entry.kind} {one_line(name)} lists {one_line(member)}, which lm-eval does not know.",
                    "Give the folder it is in with --include-path, or leave this group out.",
                )

    def member(self, member: str) -> str | None:
        """Return the name under which a member (perhaps `inner::name`) is registered; None when its group's YAML
        defines it."""
        outer, _, name = member.partition("::")
        while name:
            if outer in self.entries:  # an inner group with a registered name is a reference to that
                return outer
            outer, _, name = name.partition("::")
        return outer if outer in self.entries else None

    def with_file(self, path: Path) -> tuple[Catalogue, str]:
        """Return the catalogue with the task or group of one YAML file put first, and its name. Raises UsageError."""
        try:
            entry = scan_file(path.expanduser().resolve())
        except NotATaskError as error:
            raise UsageError(f"{path}: {error}.", "Give an lm-eval task file.") from None
        return replace(self, entries=MappingProxyType({**self.entries, entry.name: entry})), entry.name

    def unknown(self, name: str) -> UsageError:
        """Return the error for a name that is not in the catalogue."""
        problem = f"There is no task, group or tag {one_line(name, 60)!r}."
        if self.broken:
            others = f" (and {len(self.broken) - 1} more like it)" if len(self.broken) > 1 else ""
            return UsageError(problem, f"{one_line(self.broken[0], 300)}{others}: fix it if it defines this task.")
        near = [other for other in _NOW.get(name, ()) if other in self] or self.nearest(name)
        hint = f"Did you mean {_or(near)}?" if near else "`benchtui tasks QUERY` searches them."
        return UsageError(problem, hint)

    @cached_property
    def _expanded(self) -> dict[str, tuple[str, ...]]:
        return {}


def load_catalogue(
    include_paths: Sequence[Path] = (), progress: Progress | None = None, *, cache: Path | None = None
) -> Catalogue:
    """Load lm-eval's tasks (cached) and those under `include_paths` (read each time; later ones override earlier ones).

    `progress` is called only while the cache is built. `cache` is the folder to keep it in, by default the user's.
    Raises UsageError for an include path that is not a folder, BenchtuiError when lm-eval is not installed.
    """
    root = lm_eval_tasks_folder()
    for path in include_paths:
        if not path.expanduser().is_dir():
            raise UsageError(f"{path} is not a folder.", "--include-path takes a folder of lm-eval task files (.yaml).")
    broken: list[str] = []
    entries = builtin_entries(root, cache or cache_folder(), progress)
    for path in include_paths:
        entries = {**entries, **scan(path.expanduser().resolve(), on_broken=broken.append)}
    return Catalogue(root, MappingProxyType(entries), tuple(broken))


def is_pattern(spec: str) -> bool:
    """Return whether `spec` is a glob, as lm-eval's --tasks accepts them."""
    return bool(re.search(r"[*?\[]", spec))


def _or(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
