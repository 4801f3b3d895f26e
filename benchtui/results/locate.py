"""Where result files are: run directories, lm-eval's own output folders, model folders."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from benchtui.errors import BenchtuiError, UsageError
from benchtui.runs.directory import RunDirectory, base_run, benchmarks_folder, fine_tuned_runs, named_base

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


def _result_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("results*.json"), key=lambda file: (stamp_of(file), file.name)) if folder.is_dir() else []


def _candidates(place: Path) -> list[Path]:
    """Folders that may hold the result files of `place`: itself, its `lm-eval/`, and what lm-eval nests inside."""
    folders = [place, place / "lm-eval"]
    for folder in tuple(folders):
        if folder.is_dir():
            folders += sorted(entry for entry in folder.iterdir() if entry.is_dir() and entry.name != "run")
    return folders


def latest_results(place: Path) -> Path:
    """The newest result file of a run directory or an lm-eval output folder.

    Raises BenchtuiError when there is none, or when the folder holds those of several models.
    """
    if not place.exists():
        raise BenchtuiError(f"{place} does not exist.", "`benchtui history` lists the runs there are.")
    for direct in (place / "lm-eval", place):
        if files := _result_files(direct):
            return files[-1]
    nested = {folder: files for folder in _candidates(place) if (files := _result_files(folder))}
    if not nested:
        raise BenchtuiError(
            f"{place} holds no results_*.json of lm-eval.",
            "Give a run directory or lm-eval's output folder; a run that did not finish can be resumed.",
        )
    if len(nested) > 1:
        names = ", ".join(folder.name for folder in nested)
        raise BenchtuiError(f"{place} holds results of several models: {names}.", "Name one of these folders.")
    return next(iter(nested.values()))[-1]


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
    return bool(_result_files(run.lm_eval)) or bool(_result_files(run.path))


def model_folder(named: str | Path | None, outputs: Path) -> Path:
    """A model folder by path or by its name in `outputs`; without a name the one benchmarked last.

    Raises BenchtuiError naming what was looked for, with the nearest names.
    """
    if named is None:
        return _newest_benchmarked(outputs)
    for candidate in (Path(named), outputs / named):
        if candidate.is_dir():
            return candidate.absolute()
    known = [entry.name for entry in outputs.iterdir() if entry.is_dir()] if outputs.is_dir() else []
    import difflib

    near = difflib.get_close_matches(str(named), known, n=3)
    hint = f"The nearest in {outputs}: {', '.join(near)}." if near else "`benchtui models` lists what there is."
    raise BenchtuiError(f"There is no model folder {str(named)!r}.", hint)


def _newest_benchmarked(outputs: Path) -> Path:
    if not outputs.is_dir():
        raise UsageError(f"There is no folder {outputs}.", "Name a model folder, or point --outputs at yours.")
    found = [(run_time(runs[-1]), entry) for entry in outputs.iterdir() if (runs := scored_runs(entry))]
    if not found:
        raise BenchtuiError(f"No model in {outputs} has been benchmarked yet.", "Type `benchtui run` first.")
    return max(found)[1].absolute()


def scored_runs(model: Path) -> list[RunDirectory]:
    """The fine-tuned runs of a model folder that left results, oldest first."""
    return [run for run in fine_tuned_runs(benchmarks_folder(model)) if has_results(run)]


def run_time(run: RunDirectory) -> str:
    """When a run's latest results were written, as a text that sorts by time."""
    return stamp_of(latest_results(run.path))


def latest_pair(model: Path) -> tuple[RunDirectory | None, RunDirectory | None]:
    """The base run and the latest fine-tuned run of a model folder, None for what is not there.

    A fine-tuned run that names the base run it was compared with is given that one.
    """
    runs = scored_runs(model)
    tuned = max(runs, key=run_time) if runs else None
    return base_of(tuned, model), tuned


def chosen_pair(model: Path, run: Path | None) -> tuple[RunDirectory | None, RunDirectory | None]:
    """The base and fine-tuned run of a model, the latter by folder or by its name when `run` names it.

    Raises BenchtuiError when that run does not exist.
    """
    if run is None:
        return latest_pair(model)
    by_name = benchmarks_folder(model) / "fine-tuned" / run
    chosen = next((RunDirectory(place.absolute()) for place in (run, by_name) if place.is_dir()), None)
    if chosen is None:
        names = ", ".join(known.path.name for known in scored_runs(model)) or "none yet"
        raise BenchtuiError(f"There is no run {str(run)!r} of {model.name}.", f"Its runs: {names}.")
    return base_of(chosen, model), chosen


def base_of(tuned: RunDirectory | None, model: Path) -> RunDirectory | None:
    """The base run that a fine-tuned run names, else the model's own; None when it left no results."""
    benchmarks = benchmarks_folder(model)
    named = named_base(benchmarks, tuned.plan()) if tuned is not None and tuned.exists() else None
    base = named or base_run(benchmarks)
    return base if has_results(base) else None


def runs_to_compare(first: str, second: str | None, outputs: Path) -> tuple[tuple[Path, Path], tuple[str, str]]:
    """The two places to read and what they are called, for `benchtui compare A [B]`.

    Raises BenchtuiError naming what cannot be found.
    """
    if second is not None:
        return (_place(first, outputs), _place(second, outputs)), ("A", "B")
    model = model_folder(first, outputs)
    base, tuned = latest_pair(model)
    if base is None or tuned is None:
        lacking = "base" if base is None else "fine-tuned"
        raise BenchtuiError(f"{model.name} has no {lacking} results.", "Name two runs, or type `benchtui run` first.")
    return (base.path, tuned.path), ("Base", "Fine-tuned")


def _place(named: str, outputs: Path) -> Path:
    """A run directory, lm-eval folder or file as named; a model stands for its latest fine-tuned run."""
    path = Path(named)
    if path.is_file():
        return path
    model = next((m for m in (path, outputs / named) if benchmarks_folder(m).is_dir()), None)
    if model is None:
        return path.absolute()
    _, tuned = latest_pair(model)
    if tuned is None:
        raise BenchtuiError(
            f"{model} has no fine-tuned results.", "Name a run directory, or type `benchtui run` first."
        )
    return tuned.path
