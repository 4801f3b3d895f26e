"""Reads files that other people wrote: regular files only, never more than a limit, never code.

A model folder may come from anywhere. A named pipe called config.json must not hang a listing, a README of two
gigabytes must not fill memory, and YAML creates no objects.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_JSON = 4 * 1024 * 1024
MAX_INDEX = 32 * 1024 * 1024
MAX_TEXT = 256 * 1024

_MAX_YAML_DEPTH = 20
_MAX_YAML_EVENTS = 20_000
_YAML_NULLS = {"", "~", "null", "Null", "NULL"}

YamlPath = tuple[str, ...]

LFS_POINTER = b"version https://git-lfs"
"""The first bytes of the small text file that Git LFS leaves where a file was not fetched."""
NOT_FETCHED = "is a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)"


class Unreadable(Exception):  # noqa: N818 - a finding about a file, worded to follow the file's name
    """Why a file could not be used, worded to follow the file's name: `is not JSON (line 3)`."""


def open_regular(path: Path | str) -> int:
    """Open the regular file at `path`, and nothing else; returns a file descriptor.

    Raises FileNotFoundError when there is none, Unreadable for anything that is not a readable regular file.
    """
    try:
        # O_NONBLOCK: opening a named pipe would otherwise wait for ever for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise Unreadable(f"cannot be opened ({_reason(error)})") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("is not a regular file")
    return descriptor


def read_bytes(path: Path | str, limit: int) -> tuple[bytes, bool]:
    """Read the first `limit` bytes of `path`; returns them and whether that is all of it.

    Raises FileNotFoundError, Unreadable.
    """
    descriptor = open_regular(path)
    try:
        data = b""
        while len(data) <= limit and (chunk := os.read(descriptor, limit + 1 - len(data))):
            data += chunk
    except OSError as error:
        raise Unreadable(f"cannot be read ({_reason(error)})") from None
    finally:
        os.close(descriptor)
    return data[:limit], len(data) <= limit


def read_json(path: Path | str, limit: int = MAX_JSON) -> dict[str, Any]:
    """Read the JSON object in `path`. Raises FileNotFoundError, Unreadable."""
    data, whole = read_bytes(path, limit)
    if not whole:
        raise Unreadable(f"is larger than {limit // 1_000_000} MB")
    try:
        value = json.loads(data)
    except json.JSONDecodeError as error:
        if data.startswith(LFS_POINTER):
            raise Unreadable(NOT_FETCHED) from None
        raise Unreadable("is empty" if not data.strip() else f"is not JSON (line {error.lineno})") from None
    except UnicodeDecodeError:
        raise Unreadable("is not JSON (it is not text)") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, brackets thousands deep
        raise Unreadable("is not sensible JSON") from None
    if not isinstance(value, dict):
        raise Unreadable("is not a JSON object")
    return value


def read_yaml_scalars(path: Path | str) -> dict[YamlPath, str]:
    """Read the scalars of the YAML file `path`, by their paths. Raises FileNotFoundError, Unreadable."""
    data, whole = read_bytes(path, MAX_TEXT)
    if not whole:
        raise Unreadable(f"is larger than {MAX_TEXT // 1000} KB")
    return yaml_scalars(data.decode("utf-8", "replace"))


def read_front_matter(path: Path | str) -> dict[YamlPath, str]:
    """Read the scalars of the YAML block at the start of a model card; empty when it has none.

    Raises FileNotFoundError, Unreadable.
    """
    data, _ = read_bytes(path, MAX_TEXT)
    lines = data.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != "---":
        return {}
    for end, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            return yaml_scalars("\n".join(lines[1:end]))
    return {}


def yaml_scalars(text: str) -> dict[YamlPath, str]:
    """Return every scalar of the first document in `text` as written, by its path: `("model", "base")`, `("tags",
    "0")`.

    Reads the parser's events and creates no objects, so tags, aliases and deep nesting do no harm: PyYAML's loaders
    recurse once a level, and the C one crashes the process on a deep document. Nulls are left out. Raises Unreadable.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    walk = _Walk()
    try:
        for count, event in enumerate(yaml.parse(text, Loader=loader)):
            if isinstance(event, yaml.DocumentEndEvent):
                break
            if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                walk.enter(isinstance(event, yaml.MappingStartEvent))
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                walk.leave()
            elif isinstance(event, yaml.ScalarEvent):
                walk.scalar(event.value, quoted=bool(event.style))
            elif isinstance(event, yaml.AliasEvent):
                walk.scalar("", quoted=False)
            if walk.depth > _MAX_YAML_DEPTH or count > _MAX_YAML_EVENTS:
                raise Unreadable("is not sensible YAML")
    except yaml.MarkedYAMLError as error:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise Unreadable(f"is not YAML{line}") from None
    except (yaml.YAMLError, UnicodeError):
        raise Unreadable("is not YAML") from None
    return walk.found


class _Walk:
    """The position in a YAML document: one level for each open mapping or sequence."""

    def __init__(self) -> None:
        self.found: dict[YamlPath, str] = {}
        self._path: list[str] = []
        self._levels: list[_Level] = []

    @property
    def depth(self) -> int:
        return len(self._levels)

    def enter(self, mapping: bool) -> None:
        self._value_begins()
        self._levels.append(_Level(mapping))

    def leave(self) -> None:
        self._levels.pop()
        self._value_ends()

    def scalar(self, value: str, *, quoted: bool) -> None:
        level = self._levels[-1] if self._levels else None
        if level and level.mapping and not level.has_key:
            level.has_key, level.key = True, value
            return
        self._value_begins()
        if quoted or value not in _YAML_NULLS:
            self.found.setdefault(tuple(self._path), value)
        self._value_ends()

    def _value_begins(self) -> None:
        if not self._levels:
            return
        level = self._levels[-1]
        if level.mapping and not level.has_key:  # a mapping or sequence as a key: of no use here
            level.has_key, level.key, level.key_is_opening = True, "", True
        self._path.append(level.key if level.mapping else str(level.index))

    def _value_ends(self) -> None:
        if not self._levels:
            return
        level = self._levels[-1]
        self._path.pop()
        level.index += 1
        if level.key_is_opening:
            level.key_is_opening = False
        else:
            level.has_key = False


class _Level:
    def __init__(self, mapping: bool) -> None:
        self.mapping = mapping
        self.has_key = False
        self.key = ""
        self.key_is_opening = False
        self.index = 0


def _reason(error: Exception) -> str:
    return (error.strerror or "").lower() if isinstance(error, OSError) and error.strerror else type(error).__name__
