"""Whether two GGUF models are the same by what is in them, remembered, since it takes reading every byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from benchtui.files import write_atomic
from benchtui.models.gguf.digest import content_digest
from benchtui.models.gguf.parts import GgufFiles, files_of
from benchtui.models.reading import Unreadable

_FILE = "gguf-contents.json"
_MOST = 10_000
_LARGEST = 8 * 2**20

Facts = tuple[str, int, int, int]
"""Path, size, time of the last change in nanoseconds, inode: a file with the same is not read again."""


class Contents:
    """Digests of the content of GGUF models, kept in a folder for the next time; `folder` None keeps none. `reading` is
    told the first file of a model that is read through, and the bytes of all of them."""

    def __init__(
        self, folder: Path | None = None, reading: Callable[[Path, int], None] = lambda _path, _size: None
    ) -> None:
        self._reading = reading
        self._path = None if folder is None else folder / _FILE
        self._known: dict[str, str] | None = None

    def same(self, one: Path, others: Iterable[Path]) -> list[Path]:
        """Return those of `others` that have the metadata and the tensors of `one`; what cannot be read is none.

        Files whose tensors differ in name, type or shape are told apart without being read through.
        """
        wanted = _headers(one)
        if wanted is None:
            return []
        alike = [other for other in others if (found := _headers(other)) is not None and _alike(wanted, found)]
        mine = self.digest(wanted.files) if alike else ""
        return [other for other in alike if mine and self.digest(files_of(other).files) == mine]

    def digest(self, files: Sequence[Path]) -> str:
        """Return the digest of a model's content, "" where it cannot be read."""
        try:
            key = repr([_facts(path) for path in files])
            known = self._load()
            if key not in known:
                self._reading(files[0], sum(path.stat().st_size for path in files))
                known[key] = content_digest(files)
                self._save()
        except (OSError, Unreadable):
            return ""
        return known[key]

    def _load(self) -> dict[str, str]:
        if self._known is None:
            self._known = {}
            try:
                if self._path is not None and self._path.stat().st_size <= _LARGEST:
                    self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
            except (OSError, msgspec.MsgspecError):
                pass  # none yet, or damaged: what was remembered is read again
        return self._known

    def _save(self) -> None:
        if self._path is None or self._known is None:
            return
        newest = dict(list(self._known.items())[-_MOST:])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path, msgspec.json.encode(newest))
        except OSError:
            self._path = None  # a cache that cannot be written is no reason to stop


def _facts(path: Path) -> Facts:
    at = path.resolve()
    found = at.stat()
    return str(at), found.st_size, found.st_mtime_ns, found.st_ino


def _headers(path: Path) -> GgufFiles | None:
    try:
        found = files_of(path)
    except (OSError, Unreadable):
        return None
    return found if found.headers and not found.problem else None


def _alike(one: GgufFiles, other: GgufFiles) -> bool:
    """Whether the tensors have the same names, types and shapes."""

    def shapes(model: GgufFiles) -> dict[str, tuple[int, tuple[int, ...]]]:
        tensors = [item for header in model.headers for item in header.tensors.items()]
        return {name: (tensor.kind, tensor.shape) for name, tensor in tensors}

    return shapes(one) == shapes(other)
