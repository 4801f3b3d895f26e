"""A digest of everything in files that defines a task: its YAML, what that includes, its Python, its local data."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchtui.tasks.scan import NotATaskError, YamlReader, includes

_FUNCTION = re.compile(r"!function\s+[\"']?([\w.]+)")
_DATA = frozenset({".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet"})
_KEYS = frozenset({"include", "dataset_kwargs"})


class SourceDigests:
    """Digests of the files behind tasks; each file is read once."""

    def __init__(self) -> None:
        self._reader = YamlReader(_KEYS)
        self._digests: dict[Path, str] = {}
        self._imports: dict[Path, list[Path]] = {}

    def of(self, yaml_file: Path) -> str:
        """SHA-256 (hex) over the names and contents of `sources(yaml_file)`."""
        digest = hashlib.sha256()
        for path in self.sources(yaml_file):
            digest.update(f"{path.name}\0{self._digest(path)}\n".encode())
        return digest.hexdigest()

    def sources(self, yaml_file: Path) -> list[Path]:
        """The YAML, the YAMLs it includes, the Python files they name (with the siblings those import), local data."""
        found: dict[Path, None] = {}
        for path in self._yamls(yaml_file):
            found[path] = None
            modules = list(self._modules(path))
            for module in modules:
                self._add_python(module, found)
            if modules:
                found.update(dict.fromkeys(_data_beside(path)))
            found.update(dict.fromkeys(self._data_files(path)))
        return list(found)

    def _yamls(self, path: Path) -> Iterator[Path]:
        waiting, seen = [path], set()
        while waiting:
            current = waiting.pop(0)
            if current in seen or not current.is_file():
                continue
            seen.add(current)
            yield current
            waiting += [Path(name).resolve() for name in includes(self._config(current), str(current))]

    def _config(self, path: Path) -> dict[str, Any]:
        try:
            return self._reader.parsed(str(path))
        except NotATaskError:  # lm-eval reports it when it loads the task
            return {}

    def _modules(self, path: Path) -> Iterator[Path]:
        """`!function utils.score` means utils.py beside the YAML it stands in."""
        for qualified in _FUNCTION.findall(path.read_text(encoding="utf-8", errors="replace")):
            module = qualified.rpartition(".")[0].replace(".", "/")
            if module and (file := path.parent / f"{module}.py").is_file():
                yield file.resolve()

    def _add_python(self, path: Path, found: dict[Path, None]) -> None:
        if path in found:
            return
        found[path] = None
        if path not in self._imports:
            self._imports[path] = list(_siblings(path))
        for sibling in self._imports[path]:
            self._add_python(sibling, found)

    def _data_files(self, path: Path) -> Iterator[Path]:
        """Local files named by dataset_kwargs.data_files, looked up as the datasets library does: from here."""
        kwargs = self._config(path).get("dataset_kwargs")
        for name in _strings(kwargs.get("data_files") if isinstance(kwargs, dict) else None):
            try:
                if (file := Path(name)).is_file():
                    yield file.resolve()
            except (OSError, ValueError):  # a URL too long for a path, a NUL in it: nothing local
                continue

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            with path.open("rb") as file:
                self._digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[path]


def _data_beside(path: Path) -> Iterator[Path]:
    """Data files in a task's own folder, which its Python may read."""
    for entry in sorted(path.parent.iterdir()):
        if entry.suffix in _DATA and entry.is_file():
            yield entry.resolve()


def _siblings(path: Path) -> Iterator[Path]:
    """Python files in the same folder that `path` imports, by whatever form of import."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
        for name in {part for dotted in names for part in dotted.split(".") if part}:
            if (file := path.parent / f"{name}.py").is_file() and file != path:
                yield file.resolve()


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
