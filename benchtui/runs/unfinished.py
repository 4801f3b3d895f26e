"""Finding the runs that are running and those that can be resumed, again and again while the application is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.kind import CHAT
from benchtui.runs.known import FINE_TUNED, KnownRun, known_runs, model_runs
from benchtui.runs.listing import ListedRun, list_run
from benchtui.runs.outcome import RESUMABLE


@dataclass(frozen=True)
class OpenRuns:
    """`unfinished` holds, newest first, one run of each benchmark that can be resumed and that no later finished run of
    its model replaces; no chats, which have a list of their own and no end to reach."""

    running: tuple[RunDirectory, ...] = ()
    unfinished: tuple[ListedRun, ...] = ()


class OpenRunsReader:
    """A run that has ended is read once, until its records change: thousands of them cost nothing after that."""

    def __init__(self) -> None:
        self._ended: dict[Path, tuple[int, ListedRun]] = {}

    def read(self, outputs: Path) -> OpenRuns:
        """Raises UsageError when there is no such folder."""
        listed = [
            (known, self._listed(known))
            for known in known_runs(outputs)
            if not known.problem and not known.set_aside and known.run.exists()
        ]
        going = tuple(known.run for known, run in listed if run.state == "running")
        return OpenRuns(going, tuple(_left_over(run for _, run in listed)))

    def _listed(self, known: KnownRun) -> ListedRun:
        changed = _changed(known.run)
        before = self._ended.get(known.run.path)
        if before is not None and before[0] == changed:
            return before[1]
        listed = list_run(known)
        if listed.state not in ("running", "waiting", "died"):  # these change without a word
            self._ended[known.run.path] = (changed, listed)
        return listed


def fine_tuned_listed(model: Path) -> list[ListedRun]:
    """The fine-tuned runs of a model folder in any state, newest first; those that cannot be read among them."""
    runs = [list_run(known) for known in model_runs(model) if known.run.path.parent.name == FINE_TUNED]
    return sorted(runs, key=lambda run: run.started or 0.0, reverse=True)


def _left_over(listed: Iterable[ListedRun]) -> list[ListedRun]:
    benches: dict[str, list[ListedRun]] = {}
    finished: dict[tuple[Path, str], float] = {}
    for run in (run for run in listed if run.kind != CHAT.name):
        benches.setdefault(f"{_model(run)}\0{run.bench_id or run.path}", []).append(run)
        if run.state == "finished" and run.role != "base":
            finished[_work(run)] = max(finished.get(_work(run), 0.0), run.started or 0.0)
    found = []
    for runs in benches.values():
        resumable = [run for run in runs if run.state in RESUMABLE]
        if not resumable or any(run.state == "running" for run in runs):
            continue
        run = max(resumable, key=lambda run: run.role != "base")  # resuming it resumes its base too
        if (run.started or 0.0) >= finished.get(_work(run), 0.0):
            found.append(run)
    return sorted(found, key=lambda run: run.started or 0.0, reverse=True)


def _work(run: ListedRun) -> tuple[Path, str]:
    """The runs of which a later finished one replaces an unfinished one."""
    return _model(run), run.kind


def _model(run: ListedRun) -> Path:
    """The model folder, from OUTPUTS/MODEL/benchmarks/base, …/benchmarks/fine-tuned/RUN or …/FOLDER/RUN."""
    place = Path(run.path)
    return place.parents[2 if place.parent.name == FINE_TUNED else 1]


def _changed(run: RunDirectory) -> int:
    try:
        return run.records.stat().st_mtime_ns
    except OSError:
        return 0
