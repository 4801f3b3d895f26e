"""Delete a run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.files import BENCHMARKS, delete_run_file, run_folder
from benchtui.models.last_result import SUMMARY_FILE
from benchtui.results.choose import scored_runs
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.kind import CHAT
from benchtui.runs.kinds.registry import kind_of
from benchtui.runs.records import run_state


def remove_run(run: RunDirectory) -> None:
    """Delete a chat, or a fine-tuned run, and bring benchmark.json up to date with what is left of those.

    Raises BenchtuiError when it is running, is neither, or cannot be deleted.
    """
    folder = run.path.absolute()
    benchmark = folder.parent.name == "fine-tuned" and folder.parent.parent.name == BENCHMARKS
    if not benchmark and not (folder.parent.name == CHAT.folder and run.exists() and kind_of(run) is CHAT):
        raise BenchtuiError(f"{run.path} is not a fine-tuned run of a model.", "Delete it by hand if you mean it.")
    if run_state(run) == "running":
        raise BenchtuiError(f"{run.path} is running.", "Stop it with `benchtui cancel` first.")
    # Renamed first: a folder deleted half way through must not look like a run.
    doomed = f".deleted-{folder.name}"
    try:
        with run_folder(folder), run_folder(folder.parent) as parent:  # a link in place of either leads elsewhere
            os.rename(folder.name, doomed, src_dir_fd=parent, dst_dir_fd=parent)
            shutil.rmtree(doomed, dir_fd=parent)
    except OSError as error:
        raise BenchtuiError(f"{run.path} cannot be deleted: {error.strerror or error}.") from None
    if benchmark:
        _renew_summary(folder.parent.parent.parent)


def _renew_summary(model: Path) -> None:
    if scored_runs(model):
        from benchtui.compare.summary import write_summary  # brings in numpy

        write_summary(model)
    else:
        delete_run_file(model / BENCHMARKS / SUMMARY_FILE)
