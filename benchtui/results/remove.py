"""Deleting a run that nobody wants to keep."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.results.choose import scored_runs
from benchtui.results.headlines import FILE_NAME
from benchtui.runs.directory import BENCHMARKS, RunDirectory
from benchtui.runs.records import run_state


def remove_run(run: RunDirectory) -> None:
    """Delete a fine-tuned run and bring benchmark.json up to date with what is left.

    Raises BenchtuiError when it is running, is no fine-tuned run of a model, or cannot be deleted.
    """
    folder = run.path.absolute()
    if folder.parent.name != "fine-tuned" or folder.parent.parent.name != BENCHMARKS:
        raise BenchtuiError(f"{run.path} is not a fine-tuned run of a model.", "Delete it by hand if you mean it.")
    if run_state(run) == "running":
        raise BenchtuiError(f"{run.path} is running.", "Stop it with `benchtui cancel` first.")
    # Renamed first: a folder deleted half way through must not look like a run.
    doomed = folder.parent / f".deleted-{folder.name}"
    try:
        folder.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise BenchtuiError(f"{run.path} cannot be deleted: {error.strerror or error}.") from None
    _renew_summary(folder.parent.parent.parent)


def _renew_summary(model: Path) -> None:
    if scored_runs(model):
        from benchtui.results.summary import write_summary  # brings in numpy

        write_summary(model)
    else:
        (model / BENCHMARKS / FILE_NAME).unlink(missing_ok=True)
