"""lm-eval's result and sample files: where they lie in a run directory or output folder, and what their names say."""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory

_STAMP = re.compile(r"_(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?)\.jsonl?$")


def stamp_of(file: Path) -> str:
    """The time in a result or sample file's name, as lm-eval writes it ("2025-11-23T10-30-15.123456"), else ""."""
    match = _STAMP.search(file.name)
    return match.group(1) if match else ""


def stamp_time(stamp: str, file: Path) -> dt.datetime:
    """That time, without a zone; for a file without one, when it was last changed."""
    if not stamp:
        return dt.datetime.fromtimestamp(file.stat().st_mtime).replace(microsecond=0)  # noqa: DTZ006 - as lm-eval's names
    day, _, clock = stamp.partition("T")
    return dt.datetime.fromisoformat(f"{day}T{clock.replace('-', ':')}")


def is_result_file(name: str) -> bool:
    """Whether a file's name is one that lm-eval gives to results."""
    return name.startswith("results") and name.endswith(".json")


def result_files(folder: Path) -> list[Path]:
    """The result files in a folder, oldest first; none where the folder is missing. Raises OSError where it cannot be
    read."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_result_file(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((folder / name for name in names), key=lambda file: (stamp_of(file), file.name))


def _candidates(place: Path) -> list[Path]:
    """Folders that may hold the result files of `place`: itself, its `lm-eval/`, and what lm-eval nests inside."""
    folders = [place, place / "lm-eval"]
    for folder in tuple(folders):
        if folder.is_dir():
            folders += sorted(entry for entry in folder.iterdir() if entry.is_dir() and entry.name != "run")
    return folders


def folders_with_results(place: Path) -> list[Path]:
    """The folders in and below `place` that hold result files: `place` or its `lm-eval/` alone where these do.

    Raises BenchtuiError when `place` cannot be read.
    """
    try:
        for direct in (place / "lm-eval", place):
            if result_files(direct):
                return [direct]
        return [folder for folder in _candidates(place) if result_files(folder)]
    except OSError as error:
        raise BenchtuiError(f"{error.filename or place} cannot be read: {error.strerror or error}.") from None


def latest_results(place: Path) -> Path:
    """The newest result file of a run directory or an lm-eval output folder.

    Raises BenchtuiError when there is none, or when the folder holds those of several models.
    """
    if not place.exists():
        raise BenchtuiError(f"{place} does not exist.", "`benchtui history` lists the runs there are.")
    found = folders_with_results(place)
    if not found:
        raise BenchtuiError(
            f"{place} holds no results_*.json of lm-eval.",
            "Give a run directory or lm-eval's output folder; a run that did not finish can be resumed.",
        )
    if len(found) > 1:
        names = ", ".join(folder.name for folder in found)
        raise BenchtuiError(f"{place} holds results of several models: {names}.", "Name one of these folders.")
    return result_files(found[0])[-1]


def run_directory(file: Path) -> RunDirectory:
    """The run that a result file belongs to; the file's own folder when no run directory is around it."""
    folder = file.parent
    for parent in (folder, *list(folder.parents)[:2]):
        if parent.name == "lm-eval":
            return RunDirectory(parent.parent)
    return RunDirectory(folder)


def sample_files(folder: Path, stamp: str) -> dict[str, Path]:
    """The sample files of one result file, by `file_part` of the task."""
    ending = f"_{stamp}.jsonl" if stamp else ".jsonl"
    return {
        file.name[len("samples_") : -len(ending)]: file
        for file in sorted(folder.glob("samples_*.jsonl"))
        if file.name.endswith(ending)
    }


def file_part(task: str) -> str:
    """A task's name as it stands in file names: names come from YAML files and may hold slashes."""
    return task.replace("/", "__").replace("\\", "__").replace("\0", "")


def has_results(run: RunDirectory) -> bool:
    """Whether a run left a result file; False where its folder cannot be read."""
    try:
        return bool(result_files(run.lm_eval)) or bool(result_files(run.path))
    except OSError:
        return False  # the list of runs says what is wrong with the folder
