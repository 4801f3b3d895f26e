"""Computes a digest of everything in files that defines a task: its YAML, included files, Python and local data."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchtui.models.identity import file_identity
from benchtui.tasks.data.trust import is_made
from benchtui.tasks.local_data import DATA, local_data
from benchtui.tasks.scan import NotATaskError, YamlReader, includes

_MAX_DOTS, _MAX_INLINE = 8, 1000
_FUNCTION = re.compile(r"!function\s+[\"']?([\w.]+)")
_KEYS = frozenset({"include", "task", "dataset_path", "dataset_kwargs"})


class SourceDigests:
    """Digests of the files that define tasks; each file is read once."""

    def __init__(self) -> None:
        self._reader = YamlReader(_KEYS)
        self._digests: dict[Path, str] = {}
        self._imports: dict[tuple[Path, Path], list[Path]] = {}

    def of(self, yaml_file: Path) -> str:
        """Return the SHA-256 (hex) over the names and contents of `sources(yaml_file)`."""
        digest = hashlib.sha256()
        ours = is_made(yaml_file)
        for path in self.sources(yaml_file):
            content = self._wherever(path) if ours and path == yaml_file else self._digest(path)
            digest.update(f"{path.name}\0{content}\n".encode())
        return digest.hexdigest()

    def _wherever(self, path: Path) -> str:
        """Return the digest of a task that was made of people's own data, wherever it lies: of the absolute paths of
        its data only the names count, so that a folder that was moved holds the same tasks."""
        config = YamlReader(kept=None).parsed(str(path))
        plain = json.dumps(_without_folders(config), sort_keys=True, default=str)
        return hashlib.sha256(plain.encode()).hexdigest()

    def sources(self, yaml_file: Path) -> list[Path]:
        """Return the YAML, the files it includes, the Python files they name (with their local imports), and local
        data."""
        found: dict[Path, None] = {}
        for path in self._yamls(yaml_file):
            found[path] = None
            modules = list(self._modules(path))
            for module in modules:
                self._add_python(module, path.parent, found)
            if modules:
                found.update(dict.fromkeys(_data_beside(path)))
        for config in _configs(self._merged(yaml_file)):
            found.update(dict.fromkeys(local_data(config)))
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

    def _merged(self, path: Path) -> dict[str, Any]:
        try:
            return self._reader.merged(str(path))
        except NotATaskError:
            return {}

    def _modules(self, path: Path) -> Iterator[Path]:
        """Yield the modules that functions name: `!function utils.score` means utils.py beside the YAML."""
        for qualified in _FUNCTION.findall(path.read_text(encoding="utf-8", errors="replace")):
            module = qualified.rpartition(".")[0].replace(".", "/")
            if module and (file := path.parent / f"{module}.py").is_file():
                yield file.resolve()

    def _add_python(self, path: Path, top: Path, found: dict[Path, None]) -> None:
        if path in found:
            return
        found[path] = None
        if (path, top) not in self._imports:
            self._imports[path, top] = list(_imported(path, top))
        for imported in self._imports[path, top]:
            self._add_python(imported, top, found)

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = file_identity(path)
        return self._digests[path]


def _without_folders(config: dict[str, Any]) -> dict[str, Any]:
    kwargs = config["dataset_kwargs"]
    files = {split: [Path(file).name for file in _strings(files)] for split, files in kwargs["data_files"].items()}
    return {**config, "dataset_kwargs": {**kwargs, "data_files": files}}


def _strings(value: object) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def _data_beside(path: Path) -> Iterator[Path]:
    """Yield data files in a task's own folder, which its Python may read."""
    for entry in sorted(path.parent.iterdir()):
        if entry.suffix in DATA and entry.is_file():
            yield entry.resolve()


def _imported(path: Path, top: Path) -> Iterator[Path]:
    """Yield the task's own Python files that `path` imports: modules and packages in its folder, or below `top`."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _absolute(path, alias.name.split("."), top)
        elif isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            for alias in node.names:
                parts = [*module, alias.name]
                yield from _relative(path, parts, node.level) if node.level else _absolute(path, parts, top)


def _relative(path: Path, parts: list[str], dots: int) -> Iterator[Path]:
    root = path.parent
    for _ in range(min(dots, _MAX_DOTS) - 1):
        root = root.parent
    yield from _module_files(root, parts, path)


def _absolute(path: Path, parts: list[str], top: Path) -> Iterator[Path]:
    """Find a module beside the file or in the task's folder: never further up, where installed packages are."""
    for root in dict.fromkeys((path.parent, top)):
        yield from _module_files(root, parts, path)


def _module_files(root: Path, parts: list[str], importer: Path) -> Iterator[Path]:
    """Return the files below `root` that importing a.b.c runs: a.py, or a/__init__.py and a/b.py, and so on."""
    place = root
    for part in parts:
        for file in (place / f"{part}.py", place / part / "__init__.py"):
            if file.is_file() and file != importer:
                yield file.resolve()
        place /= part
    for part in parts[1:]:  # a package that puts its own folder on sys.path
        if (file := root / f"{part}.py").is_file() and file != importer:
            yield file.resolve()


def _configs(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return `config`, and those of the tasks that a group defines inside itself."""
    waiting: list[Any] = [config]
    for found in waiting:  # grows while it is read
        if isinstance(found, dict):
            yield found
            waiting += [part for part in _list(found.get("task")) if isinstance(part, dict)][:_MAX_INLINE]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
