"""Writes what the workers of a run do that has several: each in a line, and all in one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from benchtui.durations import format_duration
from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.states import doing_words, rate_words
from benchtui.runs.follow.view import WorkersView
from benchtui.runs.workers import LOST, Doing, WorkerNow

_SHORT: Mapping[Doing, str] = {"loading model": "loading", "loading task": "loading", "building prompts": "preparing"}
PLACES = 8
"""Devices or machines that are named in one line."""


def workers_words(count: int) -> str:
    """ "1 worker", "4 workers"."""
    return f"{count:,} worker{'' if count == 1 else 's'}"


def worker_name(worker: WorkerNow, total: int) -> str:
    """ "Worker 2 of 4": people count from 1."""
    return f"Worker {worker.number + 1:,} of {total:,}"


def worker_doing(worker: WorkerNow) -> str:
    """Return what it does now: "evaluating mmlu_anatomy", "waiting for the others", "no sign of life for 1min 30s"."""
    if worker.silent:
        return f"no sign of life for {format_duration(worker.silent)}"
    if worker.doing == "waiting":
        return "waiting for the others"
    words = doing_words(worker.doing)
    if worker.task and worker.doing in ("building prompts", "evaluating"):
        return f"{words}{' for' if worker.doing == 'building prompts' else ''} {worker.task}"
    return words


def worker_glyph(worker: WorkerNow, glyphs: Glyphs) -> str:
    """Return the sign for what it does."""
    if worker.doing in LOST:
        return glyphs.failed
    if worker.silent:
        return glyphs.warning
    signs = {"waiting": glyphs.waiting, "done": glyphs.done, "stopped": glyphs.stopped}
    return signs.get(worker.doing, glyphs.active)


def worker_style(worker: WorkerNow) -> str:
    """Return the colour for what it does, one of the terminal's own."""
    if worker.doing in LOST:
        return "red"
    if worker.silent:
        return "yellow"
    return {"waiting": "dim", "done": "green", "stopped": "yellow"}.get(worker.doing, "cyan")


def worker_parts(worker: WorkerNow) -> tuple[str, str, str]:
    """Return what it has done, how fast, and what else is to say: ("98 samples", "12.4/s", "started twice, GPU 1")."""
    again = f"started {again_words(worker)}" if worker.starts > 1 else ""
    more = ", ".join(part for part in (again, worker.where) if part)
    done = f"{worker.documents:,} sample{'' if worker.documents == 1 else 's'}"
    return done, rate_words(worker.rate) if worker.rate else "", more


def again_words(worker: WorkerNow) -> str:
    """ "twice", "3 times": how often a worker was started in its slot; "" for once."""
    return "" if worker.starts < 2 else "twice" if worker.starts == 2 else f"{worker.starts:,} times"


def troubles_words(workers: WorkersView) -> str:
    """Return how many there are, and how many of them are not well: "8 workers, 1 failed, 1 silent"."""
    parts = [f"{count:,} {doing}" for doing, count in workers.counts if doing in LOST]
    if silent := sum(worker.silent is not None for worker in workers.shown):
        parts.append(f"{silent} silent")
    return ", ".join([workers_words(workers.total), *parts])


def summary_words(workers: WorkersView) -> str:
    """Return all of them in one line, what is wrong first: "4 workers: 1 failed, 2 evaluating, 1 waiting"."""
    silent = [_SHORT.get(worker.doing, worker.doing) for worker in workers.shown if worker.silent is not None]
    counts = Counter[str]({"failed": 0, "timed out": 0, "silent": len(silent), "evaluating": 0, "waiting": 0})
    for doing, count in workers.counts:
        counts[_SHORT.get(doing, doing)] += count
    counts.subtract(silent)
    parts = [f"{count:,} {words}" for words, count in counts.items() if count > 0]
    return f"{workers_words(workers.total)}: {', '.join(parts)}"


def workers_line(workers: WorkersView) -> str:
    """Return how many there are, and what they compute on where that is known: "2 workers (GPU 0, GPU 1)"."""
    places = list(dict.fromkeys(worker.where for worker in workers.shown if worker.where))
    if not places:
        return workers_words(workers.total)
    more = ["…"] if len(places) > PLACES or len(workers.shown) < workers.total else []
    return f"{workers_words(workers.total)} ({', '.join([*places[:PLACES], *more])})"


def hidden_words(workers: WorkersView) -> str:
    """Return how many are not among those shown; "" when all are."""
    hidden = workers.total - len(workers.shown)
    return f"and {hidden:,} more" if hidden > 0 else ""
