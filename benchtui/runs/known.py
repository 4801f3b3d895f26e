"""Every run below outputs/, what each is called, and which of them belong together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import BENCHMARKS
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.registry import kind_of
from benchtui.runs.records import read_launch
from benchtui.text import one_line

BASE, PREVIOUS, FINE_TUNED = "base", "previous", "fine-tuned"
LONGEST_NAME = 4_096
"""No path can be longer: a name is to be typed again, and is not cut before."""


@dataclass(frozen=True)
class KnownRun:
    """A run and its name.

    `name` is what a person types to mean it: MODEL/base, MODEL/2025-11-23T10-30-15, MODEL/previous/… for a base run
    that was set aside, MODEL/FOLDER/2025-11-23T10-30-15 for a run of another kind. `problem` says why a folder in a
    run's place cannot be read, "" where it can.
    """

    run: RunDirectory
    model: str
    name: str
    problem: str = ""

    @property
    def set_aside(self) -> bool:
        """Whether a later base run replaced it: it is not resumed any more."""
        return self.run.path.parent.name == PREVIOUS


def known_runs(outputs: Path) -> list[KnownRun]:
    """Every run below `outputs`, in no particular order; a folder that cannot be read is listed with what is wrong.

    Raises UsageError when there is no such folder, or it cannot be read.
    """
    return [known for name, folder in model_folders(outputs) for known in model_runs(folder, name)]


def model_folders(outputs: Path) -> list[tuple[str, Path]]:
    """The folders in `outputs` that may have runs, with their names: each folder directly in it, and those one level
    below (EXPERIMENT/MODEL) that have runs."""
    try:
        folders = _folders(outputs)
    except NotADirectoryError:
        raise UsageError(f"{outputs} is a file, not a folder.", "Point --outputs at your trained models.") from None
    except OSError as error:
        raise UsageError(f"{outputs} cannot be read: {error.strerror}.", "Make it readable.") from None
    if not folders and not outputs.is_dir():
        raise UsageError(f"There is no folder {outputs}.", "Point --outputs at the folder with your models.")
    found = []
    for folder in folders:
        found.append((folder.name, folder))
        if _is_folder(folder / BENCHMARKS):
            continue
        try:
            below = _folders(folder)
        except OSError:
            continue  # `model_runs` says that it cannot be read
        found += [(f"{folder.name}/{inner.name}", inner) for inner in below if _has_runs(inner)]
    return found


def model_runs(model: Path, name: str | None = None) -> Iterator[KnownRun]:
    """The runs in one model folder: base, earlier base runs, fine-tuned ones; those of other tools too, which have
    lm-eval/ and no plan; then those of other kinds, FOLDER/RUN. `name` is what the model is called, its folder's name
    where not given."""
    name = model.name if name is None else name
    benchmarks = model / BENCHMARKS
    yield from _known(benchmarks / BASE, name, f"{name}/{BASE}")
    for parent, inside in ((benchmarks / BASE / PREVIOUS, f"{PREVIOUS}/"), (benchmarks / FINE_TUNED, "")):
        try:
            folders = _folders(parent)
        except OSError as error:
            yield KnownRun(RunDirectory(parent), name, f"{name}/{inside or FINE_TUNED}".rstrip("/"), _unreadable(error))
            continue
        for folder in folders:
            yield from _known(folder, name, f"{name}/{inside}{folder.name}")
    for folder in _other_runs(model):
        yield KnownRun(RunDirectory(folder), name, f"{name}/{folder.parent.name}/{folder.name}")


def _other_runs(model: Path) -> Iterator[Path]:
    """The runs in a model folder that lie beside benchmarks/, in the folder of their kind; also those of a kind that
    this version does not have, and those whose plan cannot be read. A copy of benchmarks/ is none."""
    for folder in _folder_names(model):
        if folder != BENCHMARKS:
            runs = (RunDirectory(model / folder / name) for name in _folder_names(f"{model}/{folder}"))
            yield from (run.path for run in runs if run.exists() and _may_lie_in(folder, run))


def _may_lie_in(folder: str, run: RunDirectory) -> bool:
    try:
        kind = kind_of(run)
    except BenchtuiError:
        return True  # the list says what is wrong with it
    return folder == kind.folder or not kind.known


def _has_runs(model: Path) -> bool:
    return _is_folder(model / BENCHMARKS) or any(_other_runs(model))


def _known(folder: Path, model: str, name: str) -> Iterator[KnownRun]:
    run = RunDirectory(folder)
    try:
        if is_run(run) or os.path.lexists(run.records):
            yield KnownRun(run, model, name)
    except OSError as error:
        yield KnownRun(run, model, name, _unreadable(error))


def is_run(run: RunDirectory) -> bool:
    """Whether a folder is a run of ours, or of another tool that keeps lm-eval's files where we do.

    Raises OSError where it cannot be read.
    """
    return run.exists() or run.lm_eval.is_dir()


def _unreadable(error: OSError) -> str:
    return f"{error.filename} cannot be read: {error.strerror}"


def model_of(run: RunDirectory) -> Path | None:
    """The model folder that a run is in; None for a run kept somewhere else."""
    place = _place(run)
    return place[0] if place else None


def model_folder(run: RunDirectory) -> Path:
    """The same. Raises BenchtuiError for a run kept somewhere else."""
    model = model_of(RunDirectory(run.path.resolve()))
    if model is None:
        raise BenchtuiError(
            f"{run.path} is not inside a model's {BENCHMARKS}/ folder.", "Give a run that `benchtui runs` lists."
        )
    return model


def run_name(run: RunDirectory) -> str:
    """What to type to mean `run`: MODEL/RUN inside a model's folder, else its path."""
    place = _place(run)
    if place is None:
        return str(run.path)
    return f"{place[0].name}/{place[1]}"


def shown_name(run: RunDirectory) -> str:
    """`run_name` for a terminal."""
    return one_line(run_name(run), LONGEST_NAME)


def _place(run: RunDirectory) -> tuple[Path, str] | None:
    """A run's model folder, and the run's name there."""
    path = run.path.absolute()
    above = path.parent
    if path.name == BASE and above.name == BENCHMARKS:
        return above.parent, BASE
    if above.name == FINE_TUNED and above.parent.name == BENCHMARKS:
        return above.parent.parent, path.name
    if above.name == PREVIOUS and above.parent.name == BASE and above.parent.parent.name == BENCHMARKS:
        return above.parent.parent.parent, f"{PREVIOUS}/{path.name}"
    return (above.parent, f"{above.name}/{path.name}") if _lies_with_its_kind(run, above) else None


def _lies_with_its_kind(run: RunDirectory, folder: Path) -> bool:
    """Whether a run is in the folder where a model keeps the runs of its kind; True for a kind that this version does
    not have, since its folder is not known."""
    try:
        kind = kind_of(run)
    except BenchtuiError:
        return False
    return folder.name == kind.folder if kind.known else True


def started_together(run: RunDirectory) -> list[RunDirectory]:
    """`run` and the others of its model that the same command started, in the order in which they are evaluated: a
    base first."""
    bench_id = run.header().bench_id
    model = model_of(run)
    if model is None or not bench_id:
        return [run]
    found = [run]
    for known in model_runs(model):
        if known.problem or not known.run.exists() or known.run.path.absolute() == run.path.absolute():
            continue
        try:
            if known.run.header().bench_id == bench_id:
                found.append(known.run)
        except BenchtuiError:
            continue  # a damaged plan says nothing of its group
    return sorted(found, key=lambda member: (not is_base(member), str(member.path)))


def is_base(run: RunDirectory) -> bool:
    """Whether a run lies where a model keeps those of its base."""
    return run.path.name == BASE or run.path.parent.name == PREVIOUS


def begun(run: RunDirectory) -> float:
    """When a run was last started or resumed (seconds since the epoch): its launch, else when its plan was written."""
    launch = read_launch(run)
    if launch is not None:
        return launch.t
    try:
        return run.plan_file.stat().st_mtime
    except OSError:
        return 0.0


def _folders(parent: Path) -> list[Path]:
    """The folders in `parent` that are not hidden; none where it is missing. Raises OSError where it cannot be read."""
    try:
        with os.scandir(parent) as entries:
            return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and _is_dir(entry))
    except FileNotFoundError:
        return []


def _folder_names(parent: str | Path) -> list[str]:
    """The names of the folders in `parent` that are not hidden; none where it cannot be read."""
    try:
        with os.scandir(parent) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith(".") and _is_dir(entry))
    except OSError:
        return []


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle
        return False


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
