"""The one grammar for naming a run: what a person may type, and the run, model or results file that it means.

MODEL                       a model in outputs/ (or EXPERIMENT/MODEL), or the path of a model folder
MODEL/RUN  MODEL/base       a run as `benchtui runs` prints it, also MODEL/previous/RUN and MODEL/FOLDER/RUN
RUN                         a run's own name, where only one model has it
PATH                        a run directory, its lm-eval/ or run/, a results file, or lm-eval's own output folder
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import BENCHMARKS
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import (
    BASE,
    FINE_TUNED,
    LONGEST_NAME,
    KnownRun,
    begun,
    is_run,
    known_runs,
    model_folders,
    model_of,
    model_runs,
)
from benchtui.runs.records import run_state
from benchtui.runs.result_files import folders_with_results, result_files, run_directory
from benchtui.text import one_line

MOST_NAMED = 5
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL)


@dataclass(frozen=True)
class Named:
    """What a name means. `run` is None where a whole model was named; `model` is the model folder, None for results
    that lie outside a model's benchmarks/; `file` the results file, where one was named itself."""

    run: RunDirectory | None
    model: Path | None
    file: Path | None = None

    @property
    def place(self) -> Path:
        """The folder or file that was named."""
        if self.file is not None:
            return self.file
        place = self.run.path if self.run is not None else self.model
        assert place is not None  # noqa: S101 - a name means a run or a model
        return place


def find(outputs: Path, text: str, *, model: Path | None = None) -> Named:
    """What `text` names, by the grammar above; a run of `model` before others where that is given.

    Raises BenchtuiError when it names nothing, with the nearest names, or several things, naming them.
    """
    if not text.strip():
        raise UsageError("The name of the run is empty.", "`benchtui runs` lists the names.")
    parts = _parts(text)
    inside = _inside(model, parts) if model is not None and parts else []
    found = inside or _distinct([*_by_name(outputs, text), *_by_path(Path(text))])
    if not found:
        found = _distinct(_by_ending(outputs, text)) or _distinct(_folder_alone(Path(text)))
    if len(found) > 1:
        names = ", ".join(_name_of(outputs, named) for named in found[:MOST_NAMED])
        raise BenchtuiError(f"There are several runs {_quoted(text)}: {names}.", "Give one of these names.")
    if not found and model is not None:
        names = ", ".join(one_line(known.run.path.name, 100) for known in model_runs(model)) or "none yet"
        raise BenchtuiError(f"There is no run {_quoted(text)} of {one_line(model.name, 100)}.", f"Its runs: {names}.")
    if not found:
        near = _nearest(outputs, text)
        raise BenchtuiError(f"There is no run {_quoted(text)}{near}.", "`benchtui runs` lists them.")
    return found[0]


def find_run(outputs: Path, text: str | None, *, states: Collection[str] | None = None) -> RunDirectory:
    """The run of ours that `text` names, whatever its state; for a model the newest of its runs in `states`; for None
    the newest of all in `states`.

    Raises BenchtuiError as `find` does, and for results of another tool.
    """
    if text is None:
        return _newest(known_runs(outputs), states, "").run
    named = find(outputs, text)
    if named.run is None:
        assert named.model is not None  # noqa: S101 - no run was named: a model was
        return _newest(model_runs(named.model), states, one_line(named.model.name, 100)).run
    if not named.run.exists():
        raise BenchtuiError(
            f"{named.run.path} holds results of another tool, and no run of benchtui.", "`benchtui compare` reads them."
        )
    return named.run


# By name.


def _parts(text: str) -> list[str]:
    """The parts of a name; none for what can only be a path."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return [] if text.startswith(("/", "./", "../", "~")) or ".." in parts or "\0" in text else parts


def _by_name(outputs: Path, text: str) -> list[Named]:
    parts = _parts(text)
    for length in range(min(len(parts), 2), 0, -1):
        model = outputs.joinpath(*parts[:length])
        benchmarked = _kind(model / BENCHMARKS) == "folder"
        another = len(parts) - length == 2 and RunDirectory(outputs.joinpath(*parts)).exists()
        if benchmarked or another or (length == 1 == len(parts) and _kind(model) == "folder"):
            return _inside(model.absolute(), parts[length:])
    return []


def _inside(model: Path, parts: list[str]) -> list[Named]:
    """What is called `parts` within a model's folder; the model itself for no parts."""
    rest = parts[1:] if parts[:1] == [BENCHMARKS] else parts
    if rest in ([], [FINE_TUNED]):
        return [Named(None, model)]
    benchmarks = model / BENCHMARKS
    places = (benchmarks, benchmarks / FINE_TUNED, benchmarks / BASE)
    found = [named for place in places for named in _by_path(place.joinpath(*rest)) if named.run is not None]
    other = RunDirectory(model.joinpath(*rest))  # of another kind than a benchmark
    return _distinct([*found, Named(other, model)] if len(rest) == 2 and other.exists() else found)


def _by_ending(outputs: Path, text: str) -> list[Named]:
    """Runs by their own name, and by the name as it was printed where it holds what no terminal shows; models one level
    down by theirs."""
    if not outputs.is_dir():
        return []
    wanted = text.rstrip("/")
    models = [Named(None, folder.absolute()) for name, folder in model_folders(outputs) if _means(wanted, name)]
    runs = [
        Named(RunDirectory(known.run.path.absolute()), model_of(known.run))
        for known in known_runs(outputs)
        if not known.problem and _means(wanted, known.name)
    ]
    return models or runs


def _means(text: str, name: str) -> bool:
    return text in (name, one_line(name, LONGEST_NAME)) or name.endswith(f"/{text}")


# By path.


def _by_path(path: Path) -> list[Named]:
    """The run, results or benchmarked model at `path`; nothing for any other folder."""
    kind = _kind(path)
    if kind is None:
        return _by_path(path.parent) if path.name in ("run", "lm-eval") else []
    path = path.resolve() if ".." in path.parts else path.absolute()
    if kind == "file":
        run = run_directory(path)
        return [Named(run, model_of(run), path)]
    try:
        return [named] if (named := _folder(path)) else []
    except OSError as error:
        raise BenchtuiError(f"{error.filename or path} cannot be read: {error.strerror}.") from None


def _folder(path: Path) -> Named | None:
    for folder in (path, path.parent) if path.name in ("run", "lm-eval") else (path,):
        run = RunDirectory(folder)
        if is_run(run):
            return Named(run, model_of(run))
    if _kind(path / BENCHMARKS) == "folder":
        return Named(None, path)
    if path.name == BENCHMARKS:
        return Named(None, path.parent)
    if path.name == FINE_TUNED and path.parent.name == BENCHMARKS:
        return Named(None, path.parent.parent)
    if places := folders_with_results(path):
        run = run_directory(result_files(places[0])[-1]) if places == [path] else RunDirectory(path)
        return Named(run, model_of(run))
    return None


def _folder_alone(path: Path) -> list[Named]:
    """A folder that may be a model's, and has no benchmarks yet."""
    return [Named(None, path.absolute())] if _kind(path) == "folder" else []


def _kind(path: Path) -> str | None:
    """ "folder" or "file"; None where nothing can be. Raises BenchtuiError for what may be there and cannot be read."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - pathlib's own questions raise for a name that is too long
    except ValueError:
        return None
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise BenchtuiError(f"{path} cannot be read: {error.strerror}.", "Make it readable.") from None
    return "folder" if stat.S_ISDIR(mode) else "file"


# Words.


def _distinct(found: Iterable[Named]) -> list[Named]:
    return list({named.place.resolve(): named for named in found}.values())


def _name_of(outputs: Path, named: Named) -> str:
    """A name that means this one alone."""
    try:
        place = named.place.resolve().relative_to(outputs.resolve())
    except ValueError:
        return one_line(str(named.place), LONGEST_NAME)
    for known in known_runs(outputs):
        if named.run is not None and known.run.path.resolve() == named.place.resolve():
            return one_line(known.name, LONGEST_NAME)
    return one_line(str(outputs / place), LONGEST_NAME)


def _quoted(text: str) -> str:
    return repr(one_line(text, 200))


def _nearest(outputs: Path, text: str) -> str:
    from benchtui.models.selection import nearest

    if not outputs.is_dir():
        return f", and no folder {outputs}"
    runs = known_runs(outputs)
    names = {known.name for known in runs} | {name for name, _ in model_folders(outputs)}
    near = nearest(text[:200], sorted(names))
    return f"; the nearest: {', '.join(one_line(name, 200) for name in near)}" if near else ""


def _newest(runs: Iterable[KnownRun], states: Collection[str] | None, of: str) -> KnownRun:
    ours = [known for known in runs if not known.problem and known.run.exists()]
    fitting = [known for known in ours if states is None or run_state(known.run) in states]
    if not fitting:
        whose = f" of {of}" if of else ""
        what = "" if states is None else " is unfinished" if "died" in states else " is running"
        there = f"No run{whose}{what}." if what else f"There is no run{whose} yet."
        raise BenchtuiError(there, "`benchtui runs` lists them all." if ours else "`benchtui run` starts one.")
    # base and fine-tuned runs of one command are launched together: the fine-tuned one is the one that is meant
    return max(fitting, key=lambda known: (begun(known.run), known.run.path.name != BASE, known.name))
