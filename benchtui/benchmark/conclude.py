"""Report a benchmark whose runs have ended: benchmark.json, the comparison, the READMEs, how each run ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.benchmark.evaluate import BenchOutcome
from benchtui.benchmark.frontend import Frontend
from benchtui.runs.directory import RunDirectory

if TYPE_CHECKING:
    from benchtui.compare.summary import Summary


def conclude(model: Path, outcome: BenchOutcome, frontend: Frontend, *, readme: bool) -> None:
    """Say how each run ended; where the fine-tuned one left results, write benchmark.json and (with `readme`) the
    READMEs of the folder `model`, and show the comparison."""
    for path, record in outcome.done.items():
        if record.status != "finished":
            frontend.say(f"{path}: {record.status}. {record.message}")
    runs = outcome.runs
    if not _has_results(runs.fine_tuned):
        return
    from benchtui.compare.summary import summarize  # brings in numpy
    from benchtui.results.choose import ChosenRuns, of_quantization

    if of_quantization(runs.fine_tuned):
        frontend.say(f"This is one of several files of {model.name}: `benchtui quantizations` compares them.")
        return
    summary = _write_summary(model, frontend)
    weaker = next((newer for newer in summary.newer if newer.run == runs.fine_tuned), None)
    if weaker is None:
        frontend.show(summary)
    else:
        base = runs.base if runs.base and _has_results(runs.base) else None
        frontend.show(summarize(model, ChosenRuns(base, runs.fine_tuned)))
    if weaker and summary.fine_tuned:
        frontend.say(f"{weaker} The results of the full run {summary.fine_tuned.run.name} stay those of the model.")
    if readme:
        for line in _update_readmes(model, summary, runs.fine_tuned, replaced=weaker is None):
            frontend.say(line)


def _has_results(run: RunDirectory) -> bool:
    return any(run.lm_eval.glob("results_*.json"))


def _write_summary(model: Path, frontend: Frontend) -> Summary:
    """Write benchmark.json and return the summary; only compute it where a newer benchtui wrote that file."""
    from benchtui.compare.summary import NewerSummaryError, summarize, write_summary

    try:
        return write_summary(model)
    except NewerSummaryError as error:
        frontend.say(str(error))
        return summarize(model)


def _update_readmes(model: Path, summary: Summary, run: RunDirectory, *, replaced: bool) -> Iterator[str]:
    """Write the READMEs where `run` is a full run that `replaced` the model's earlier results; yield what was done,
    or why nothing was done."""
    if not replaced:
        yield "READMEs are left as they are."
    elif run.plan().limited:
        yield (
            "READMEs are left as they are, since this run was limited; "
            f"`benchtui readme --run {run.path.name}` puts it in."
        )
    else:
        from benchtui.reports.readme.readme import update_readmes

        yield from update_readmes(model, summary)
