"""Keeps the rows of one model beside its runs, so that thousands of models are listed at once.

They are valid only while no file that they were made from has changed: the folders of all runs, and of each run the
files that `HistoryIndex` looks at. Otherwise only the runs that changed are read again. An index that is damaged, of
another version, or cannot be written is ignored.
"""

from __future__ import annotations

import hashlib
import os
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchtui import __version__
from benchtui.compare.history.history import RunReader
from benchtui.compare.history.index import LARGEST, SETTLED
from benchtui.compare.leaderboard.rows import Row, rows_of
from benchtui.files import BENCHMARKS, read_regular, write_run_file
from benchtui.models.training import METRICS
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import BASE, FINE_TUNED, PREVIOUS
from benchtui.runs.result_files import result_files

FILE = ".leaderboard-index"
SCHEMA = 2
_UNSIGNED = (1 << 64) - 1


class _Index(msgspec.Struct):
    """`folder` is where the model was, and `runs` are the runs' folders within its benchmarks/, each with its newest
    results file within that."""

    schema: int
    version: str
    model: str
    folder: str
    runs: tuple[tuple[str, str], ...]
    digest: bytes
    rows: tuple[Row, ...]


_DECODER = msgspec.msgpack.Decoder(_Index)


def rows_in(model: Path, name: str) -> list[Row]:
    """Return the rows of the model called `name`, whose folder is `model`, from the index or from its runs. Runs are
    named by their whole paths: the index may be read from any folder."""
    model = model.absolute()
    kept = _kept(model)
    known = kept is not None and (kept.model, kept.folder) == (name, str(model))
    if kept is not None and known and [run for run, _ in kept.runs] == list(_run_folders(model)):
        digest, _ = _digest(model, kept.runs)
        if digest == kept.digest:
            return list(kept.rows)
    runs = tuple((run, _newest_results(model, run)) for run in _run_folders(model))
    digest, changed = _digest(model, runs)
    reader = RunReader(model, name)
    rows = rows_of(name, model, reader.runs(), reader)
    if reader.settled and changed < (time.time() - SETTLED) * 1e9:
        _keep(model, _Index(SCHEMA, __version__, name, str(model), runs, digest, tuple(rows)))
    return rows


def _kept(model: Path) -> _Index | None:
    try:
        index = _DECODER.decode(read_regular(model / BENCHMARKS / FILE, LARGEST))
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return index if (index.schema, index.version) == (SCHEMA, __version__) else None


def _keep(model: Path, index: _Index) -> None:
    try:
        write_run_file(model / BENCHMARKS / FILE, msgspec.msgpack.encode(index))
    except OSError:
        return  # a folder that we may not write: everything is read again next time


def _run_folders(model: Path) -> Iterator[str]:
    """Yield the folders within benchmarks/ that a run may be in, as text: there are tens of thousands of them."""
    yield BASE
    for parent in (f"{BASE}/{PREVIOUS}", FINE_TUNED):
        try:
            with os.scandir(f"{model}/{BENCHMARKS}/{parent}") as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir())
        except OSError:
            continue
        yield from (f"{parent}/{name}" for name in names)


def _newest_results(model: Path, name: str) -> str:
    run = RunDirectory(model / BENCHMARKS / name)
    try:
        files = result_files(run.lm_eval) or result_files(run.path)
    except OSError:
        return ""
    return str(files[-1].relative_to(run.path)) if files else ""


def _digest(model: Path, runs: tuple[tuple[str, str], ...]) -> tuple[bytes, int]:
    """Return a digest of the state of all files that the rows are made from, and when the latest of them changed, in
    nanoseconds since the epoch."""
    found = array("Q")
    for place in (f"{model}/{METRICS}", f"{model}/lora/{METRICS}"):
        found.extend(_identity(place))
    for name, results in runs:
        run = f"{model}/{BENCHMARKS}/{name}"
        for place in (run, f"{run}/lm-eval", f"{run}/run/plan.json", f"{run}/run/done.json", f"{run}/{results}"):
            found.extend(_identity(place))
    return hashlib.blake2b(found.tobytes(), digest_size=16).digest(), max(found[::3])


def _identity(place: str) -> tuple[int, int, int]:
    try:
        facts = os.stat(place)  # noqa: PTH116 - joined as text
    except (OSError, ValueError):
        return (0, 0, 0)
    return (facts.st_mtime_ns & _UNSIGNED, facts.st_size, facts.st_ino & _UNSIGNED)
