"""Files of numpy arrays: the same bytes for the same numbers, and read a slice at a time, from whomever they come."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.files import open_regular_file, read_regular, write_run_file
from benchtui.text import one_line
from benchtui.tokens.layout import LAYOUTS

Arrays = Mapping[str, NDArray[Any]]

_FACTS = "benchtui"
"""The one entry that a file's metadata have."""


def write_arrays(place: Path, arrays: Arrays, facts: Mapping[str, str] | None = None) -> str:
    """Write arrays, and facts of them, into a safetensors file; returns a digest of it. Raises OSError."""
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # One entry: of several, safetensors writes the order at random, and a shard has the same bytes each time.
    noted = {_FACTS: msgspec.json.encode(facts, order="sorted").decode()} if facts else None
    data = save(whole, metadata=noted)
    write_run_file(place, data)
    return hashlib.sha256(data).hexdigest()


class ShardFile:
    """A safetensors file of numpy arrays, read a slice at a time. Raises BenchtuiError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        self.path = path
        try:
            open_regular_file(path).close()
            file: Any = safe_open(path, "np")
            self._file = file
            self._names: frozenset[str] = frozenset(file.keys())
        except (OSError, SafetensorError) as error:
            raise damaged(path, str(error)) from None

    @property
    def facts(self) -> Mapping[str, str]:
        """What was written beside the arrays."""
        try:
            return msgspec.json.decode((self._file.metadata() or {}).get(_FACTS, "{}"), type=dict[str, str])
        except (msgspec.MsgspecError, RecursionError) as error:
            raise damaged(self.path, str(error)) from None

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str, rows: slice = slice(None)) -> NDArray[Any]:
        """Rows of an array. Raises BenchtuiError where there is no such array, it is too short, or not as `LAYOUTS` has
        it."""
        if name not in self._names:
            raise damaged(self.path, f"it has no {one_line(name, 40)}")
        stored = self._file.get_slice(name)
        length = (stored.get_shape() or [0])[0]
        if rows.stop is not None and rows.stop > length:
            raise damaged(self.path, "it ends early")
        # Of nothing safetensors takes no slice: a shard whose texts have no scored token.
        found: NDArray[Any] = np.asarray(stored[rows] if length else self._file.get_tensor(name))
        if (layout := LAYOUTS.get(name)) is not None and (misfit := layout.misfit(found)):
            raise damaged(self.path, f"its {name} {misfit}")
        return found


def file_digest(place: Path) -> str:
    """Return the digest of a file of a store; "" where it is not there. Raises OSError where it cannot be read."""
    try:
        with open_regular_file(place) as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except FileNotFoundError:
        return ""


def read_record(place: Path, of: type[Any], unfinished: str = "scored") -> Any:
    """Read a file of JSON. Raises BenchtuiError where it is damaged, or missing: then what was to be done with the
    tokens is `unfinished`."""
    try:
        return msgspec.json.decode(read_regular(place), type=of)
    except FileNotFoundError:
        raise BenchtuiError(
            f"{one_line(str(place), 400)} is missing: the tokens were not {unfinished} to the end.",
            "Resume the run: `benchtui runs` names it.",
        ) from None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(place, str(error)) from None


def damaged(place: Path, why: str) -> BenchtuiError:
    """Return the error of a file of a store that cannot be read."""
    return BenchtuiError(
        f"{one_line(str(place), 400)} cannot be read: {one_line(why, 200)}.", "Run the comparison of tokens again."
    )
