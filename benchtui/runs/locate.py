"""Finding runs: every run below outputs/, and the one that a person means."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError, UsageError
from benchtui.runs.directory import BENCHMARKS, RunDirectory
from benchtui.runs.records import read_launch, run_state
from benchtui.text import one_line


@dataclass(frozen=True)
class KnownRun:
    """`name` is what a person types to mean it: MODEL/base, MODEL/2025-11-23T10-30-15, MODEL/previous/… for a base
    run that was set aside."""

    run: RunDirectory
    model: str
    name: str

    @property
    def set_aside(self) -> bool:
        """Whether a later base run took its place: nobody goes on with it."""
        return self.run.path.parent.name == "previous"


def known_runs(outputs: Path) -> list[KnownRun]:
    """Every run with a plan below `outputs`, in no particular order; folders that cannot be read are passed over.

    Raises UsageError when there is no such folder.
    """
    if not outputs.is_dir():
        raise UsageError(f"There is no folder {outputs}.", "Point --outputs at the folder with your models.")
    return [known for model in _folders(outputs) for known in model_runs(model)]


def model_runs(model: Path) -> Iterator[KnownRun]:
    """The runs in one model folder: base, earlier base runs, fine-tuned ones."""
    benchmarks = model / BENCHMARKS
    places = [(benchmarks / "base", "base")]
    places += [(folder, f"previous/{folder.name}") for folder in _folders(benchmarks / "base" / "previous")]
    places += [(folder, folder.name) for folder in _folders(benchmarks / "fine-tuned")]
    for folder, name in places:
        run = RunDirectory(folder)
        if run.exists():
            yield KnownRun(run, model.name, f"{model.name}/{name}")


def run_name(run: RunDirectory) -> str:
    """What to type to mean `run`: MODEL/RUN inside a model's benchmarks/, else its path."""
    parts = run.path.absolute().parts
    if BENCHMARKS not in parts:
        return str(run.path)
    place = len(parts) - 1 - parts[::-1].index(BENCHMARKS)
    model, inside = parts[place - 1], parts[place + 1 :]
    if inside[:1] == ("fine-tuned",) or inside[:2] == ("base", "previous"):
        inside = inside[1:]
    return "/".join((model, *inside))


def shown_name(run: RunDirectory) -> str:
    """`run_name` for a terminal. It is to be typed again, so it is cut only where no path could be longer."""
    return one_line(run_name(run), 4_096)


def find_run(outputs: Path, selector: str | None, *, states: Collection[str] | None = None) -> RunDirectory:
    """The run that `selector` means: a run directory, MODEL/RUN, or a run's own name, whatever its state; for a model's
    name (or its folder) the newest of its runs in `states`; for None the newest of all in `states`.

    Raises BenchtuiError when there is none or several, naming what there is.
    """
    if selector is not None and (direct := _by_path(Path(selector))):
        return direct
    runs = known_runs(outputs)
    if selector is None:
        return _newest(runs, states, "").run
    if of_model := [known for known in runs if known.model == selector.rstrip("/")]:
        return _newest(of_model, states, selector).run
    if (folder := Path(selector)).is_dir() and (of_folder := list(model_runs(folder))):
        return _newest(of_folder, states, selector).run
    named = [known for known in runs if selector in (known.name, known.run.path.name)]
    if len(named) > 1:
        raise BenchtuiError(
            f"There are several runs {selector!r}: {', '.join(known.name for known in named[:5])}.",
            "Give one of these names.",
        )
    if not named:
        raise BenchtuiError(f"There is no run {selector!r}{_nearest(selector, runs)}.", "`benchtui runs` lists them.")
    return named[0].run


def started_together(run: RunDirectory) -> list[RunDirectory]:
    """The runs of one benchmark, in the order in which they are evaluated: `run` itself, and those below the same
    model that the same command started."""
    bench_id = run.plan().bench_id
    parts = run.path.absolute().parts
    if BENCHMARKS not in parts or not bench_id:
        return [run]
    model = Path(*parts[: len(parts) - 1 - parts[::-1].index(BENCHMARKS)])
    found = [run]
    for known in model_runs(model):
        if known.run.path.absolute() == run.path.absolute():
            continue
        try:
            if known.run.plan().bench_id == bench_id:
                found.append(known.run)
        except BenchtuiError:
            continue  # a damaged plan belongs to nobody
    return sorted(found, key=lambda member: (member.plan().role != "base", str(member.path)))


def begun(run: RunDirectory) -> float:
    """When a run was last taken up, in seconds since the epoch: its launch, else when its plan was written."""
    launch = read_launch(run)
    if launch is not None:
        return launch.t
    try:
        return run.plan_file.stat().st_mtime
    except OSError:
        return 0.0


def _by_path(path: Path) -> RunDirectory | None:
    for folder in (path, path.parent):  # the run itself, or its lm-eval/ or run/
        run = RunDirectory(folder)
        if run.exists():
            return RunDirectory(folder.absolute())
    return None


def _newest(runs: list[KnownRun], states: Collection[str] | None, of: str) -> KnownRun:
    fitting = [known for known in runs if states is None or run_state(known.run) in states]
    if not fitting:
        whose = f" of {of}" if of else ""
        what = "" if states is None else " is unfinished" if "died" in states else " is running"
        there = f"No run{whose}{what}." if what else f"There is no run{whose} yet."
        raise BenchtuiError(there, "`benchtui runs` lists them all." if runs else "`benchtui run` starts one.")
    # base and fine-tuned runs of one command are launched together: the fine-tuned one stands for both
    return max(fitting, key=lambda known: (begun(known.run), not known.name.endswith("/base"), known.name))


def _nearest(selector: str, runs: list[KnownRun]) -> str:
    import difflib

    names = {known.name for known in runs} | {known.model for known in runs}
    near = difflib.get_close_matches(selector, sorted(names), n=3)
    return f"; the nearest: {', '.join(near)}" if near else ""


def _folders(parent: Path) -> list[Path]:
    try:
        with os.scandir(parent) as entries:
            return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except OSError:
        return []
