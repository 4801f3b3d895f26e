"""Turns the tasks that the user asked for into the files that a worker must read."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from benchtui.errors import UsageError
from benchtui.tasks.catalogue import Catalogue, is_pattern
from benchtui.tasks.digest import SourceDigests
from benchtui.tasks.entries import TaskEntry


@dataclass(frozen=True)
class ResolvedTasks:
    """The requested tasks and the files behind them.

    `requested`: each spec as typed -> the names it means. `leaves`: each of those names -> its leaf tasks.
    `task_files`: every task and group a worker may need -> absolute YAML path, in lm-eval's order of files. `tags`:
    every tag among them -> its tasks; lm-eval's index gets them again from the tasks' own YAMLs. `digests`: each name
    -> digest of all its files. `unsafe`: the leaf tasks that run code which a model wrote. `output_types`: each leaf
    task whose YAML says it -> what it asks of a model, in lm-eval's word. `datasets`: each leaf task whose YAML says it
    -> the data set that its documents come from.
    """

    requested: Mapping[str, tuple[str, ...]]
    leaves: Mapping[str, tuple[str, ...]]
    task_files: Mapping[str, str]
    tags: Mapping[str, tuple[str, ...]]
    digests: Mapping[str, str]
    unsafe: tuple[str, ...]
    output_types: Mapping[str, str]
    datasets: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.leaves)


def resolve(catalogue: Catalogue, specs: Iterable[str]) -> ResolvedTasks:
    """Find what a worker needs to load `specs`: names, glob patterns, or paths of .yaml files.

    Raises UsageError for unknown names, and where two specs would run the same task twice.
    """
    requested: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        if spec not in catalogue and _is_path(spec):
            catalogue, name = catalogue.with_file(Path(spec))
            requested[spec] = (name,)
        else:
            requested[spec] = _names(catalogue, spec)
    names = list(dict.fromkeys(name for stands_for in requested.values() for name in stands_for))
    leaves = {name: catalogue.expand([name]) for name in names}
    _refuse_twice(leaves)
    # In lm-eval's order of files: where its index meets a name twice, the first file wins.
    below = _below(catalogue, names)
    met = [name for name in catalogue.entries if name in below]
    digests = SourceDigests()
    known = [entry for found in leaves.values() for leaf in found if (entry := catalogue.get(leaf))]
    return ResolvedTasks(
        requested=requested,
        leaves=leaves,
        task_files={name: str(file) for name in met if (file := catalogue.file(name))},
        tags={name: catalogue.entries[name].members for name in met if catalogue.entries[name].kind == "tag"},
        digests={name: _digest(catalogue, name, digests) for name in names},
        unsafe=tuple(entry.name for entry in known if entry.unsafe_code),
        output_types={entry.name: entry.output_type for entry in known if entry.output_type},
        datasets={entry.name: entry.dataset for entry in known if entry.dataset},
    )


def _is_path(spec: str) -> bool:
    return spec.endswith((".yaml", ".yml")) and not (is_pattern(spec) and not Path(spec).is_file())


def _names(catalogue: Catalogue, spec: str) -> tuple[str, ...]:
    """Return the names that one spec means."""
    if spec in catalogue:
        return (spec,)
    if is_pattern(spec) and (matched := _matching(catalogue, spec)):
        return matched
    raise catalogue.unknown(spec)


def _matching(catalogue: Catalogue, pattern: str) -> tuple[str, ...]:
    """Return the names that fit a glob, chosen so that no task is run twice: a group that fits includes all of its
    tasks.

    lm-eval itself takes every name that fits and then fails at the first task that occurs twice, as it does for most
    patterns over a family with groups. Groups that lm-eval could not load are skipped.
    """
    order = {"group": 0, "tag": 1, "task": 2}
    fitting: list[tuple[TaskEntry, tuple[str, ...]]] = []
    for name, entry in catalogue.entries.items():
        if fnmatchcase(name, pattern):
            with contextlib.suppress(UsageError):
                fitting.append((entry, catalogue.expand([name])))
    fitting.sort(key=lambda found: (order[found[0].kind], -len(found[1]), found[0].name))
    chosen: list[str] = []
    covered: set[str] = set()
    for entry, leaves in fitting:
        fresh = [leaf for leaf in leaves if leaf not in covered]
        if len(fresh) == len(leaves):
            chosen.append(entry.name)
        else:  # partly run already by another group: only the rest of it
            chosen += [leaf for leaf in fresh if leaf in catalogue]
        covered.update(leaves)
    return tuple(sorted(chosen))


def _refuse_twice(leaves: dict[str, tuple[str, ...]]) -> None:
    owner: dict[str, str] = {}
    for name, found in leaves.items():
        if not found:
            raise UsageError(f"The group {name} holds no tasks.", "Choose another; `benchtui tasks` searches them.")
        for leaf in found:
            if leaf in owner:
                first, second = owner[leaf], name
                raise UsageError(
                    f"{leaf} would run twice: it is in both {first} and {second}."
                    if leaf not in (first, second)
                    else f"{leaf} would run twice: it is also part of {second if leaf == first else first}.",
                    "Leave one of them out.",
                )
            owner[leaf] = name


def _below(catalogue: Catalogue, names: Iterable[str]) -> set[str]:
    """Return `names` and everything registered below them."""
    waiting = list(names)
    seen = set(waiting)
    while waiting:
        for member in catalogue.entries[waiting.pop()].members:
            registered = catalogue.member(member)
            if registered and registered not in seen:
                seen.add(registered)
                waiting.append(registered)
    return seen


def task_digest(name: str, file: Path) -> str:
    """Return the digest that `resolve` gives the task `name` where `file` alone registers it."""
    return _whole([(name, SourceDigests().of(file.resolve()))])


def _digest(catalogue: Catalogue, name: str, digests: SourceDigests) -> str:
    """Return sixteen hex digits over the files of `name` and of everything below it."""
    return _whole(
        (met, digests.of(file.resolve()) if (file := catalogue.file(met)) else catalogue.entries[met].members)
        for met in sorted(_below(catalogue, [name]))
    )


def _whole(parts: Iterable[tuple[str, object]]) -> str:
    whole = hashlib.sha256()
    for name, content in parts:
        whole.update(f"{name}\0{content}\n".encode())
    return whole.hexdigest()[:16]
