"""Which fine-tuned run's results are published: the one that was asked for, else the newest that is worth it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchtui.results.locate import base_of, chosen_pair, run_time, scored_runs
from benchtui.results.read import read_run
from benchtui.results.records import RunResults
from benchtui.results.summary import Summary, summarize
from benchtui.runs.directory import RunDirectory


@dataclass(frozen=True)
class Chosen:
    """What is published, and the names of newer runs that were passed over for it."""

    summary: Summary
    passed_over: tuple[str, ...] = ()

    def words(self) -> Iterator[str]:
        """Which run it is, and how to take another."""
        if self.summary.fine_tuned is not None:
            yield f"Results of the run {self.summary.fine_tuned.run.name}."
        if self.passed_over:
            names = ", ".join(self.passed_over)
            yield f"Newer, but limited or without a finished task: {names}. `--run NAME` takes one of them."


def choose_results(model_path: Path, run: Path | None = None) -> Chosen:
    """The results of `run` (its folder or name), else of the newest run that was not limited and finished a task, else
    of the newest; with those of its base.

    Raises BenchtuiError when there is no such run, or the model has no results at all.
    """
    if run is not None:
        base, tuned = chosen_pair(model_path, run)
        return Chosen(summarize(model_path, base=base, fine_tuned=tuned))
    newest_first = sorted(scored_runs(model_path), key=run_time, reverse=True)
    if not newest_first:
        return Chosen(summarize(model_path))
    place = next((i for i, found in enumerate(newest_first) if _worth_publishing(found)), 0)
    tuned = newest_first[place]
    summary = summarize(model_path, base=base_of(tuned, model_path), fine_tuned=tuned)
    return Chosen(summary, tuple(found.path.name for found in newest_first[:place]))


def _worth_publishing(run: RunDirectory) -> bool:
    """Whether a run asked all documents of its tasks, and was not interrupted before the first of them ended."""
    results = read_run(run)
    limited = run.plan().limited if run.exists() else any(_limited(results, task) for task in results.top_level)
    return not limited and any(results.partial_of(task) is None for task in results.top_level)


def _limited(results: RunResults, task: str) -> bool:
    """Whether documents were left out on purpose (--limit), of a run without a plan: neither by an interruption nor by
    an early decision."""
    group = results.group(task)
    stopped = {stop.task for stop in results.early}
    if results.partial_of(task) is not None or stopped.intersection((task, *(group.leaves if group else ()))):
        return False
    return any(score.n < score.total for score in results.scores_of(task))
