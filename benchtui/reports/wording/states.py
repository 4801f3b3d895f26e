"""Writes the state of a run that is being evaluated: phase, signs of life, time left, live scores."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from benchtui.durations import format_duration, rough_duration
from benchtui.models.layout import size_text
from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.numbers import score_words
from benchtui.results.records import is_share
from benchtui.runs.events import Decision, InFlight, Watchdog
from benchtui.runs.follow.view import RowView, RunView
from benchtui.runs.kinds.benchmark.view import TaskView, leaf_tasks
from benchtui.runs.live_score import LiveScore
from benchtui.runs.records import RunState
from benchtui.text import one_line

SILENCE_SHOWN = 10.0
"""Seconds without a sign of life before a display mentions them."""

_PHASES = {
    "starting": "starting",
    "loading model": "loading the model",
    "loading task": "loading tasks and their data",
    "building prompts": "building prompts",
    "evaluating": "evaluating",
    "scoring": "scoring",
    "writing": "writing results",
}
_DECISIONS = {"tokens per forward pass": "up to {} tokens per forward pass", "batch size": "batch {}"}
FEW_ANSWERS = 10
_STATES: dict[RunState, str] = {
    "waiting": "waiting for its turn",
    "running": "running",
    "died": "died: its process is gone",
    "finished": "finished",
    "partial": "finished in part",
    "failed": "failed",
    "cancelled": "stopped",
    "timed out": "timed out",
}


def state_glyph(state: str, glyphs: Glyphs) -> str:
    """Return the sign for the state of a run; a cross where it left no usable results."""
    return {
        "waiting": glyphs.waiting,
        "running": glyphs.active,
        "finished": glyphs.done,
        "partial": glyphs.partial,
        "cancelled": glyphs.stopped,
    }.get(state, glyphs.failed)


def state_style(state: str) -> str:
    """Return the colour for the state, one of the terminal's own."""
    colours = {"waiting": "dim", "running": "cyan", "finished": "green", "partial": "yellow", "cancelled": "yellow"}
    return colours.get(state, "red")


def role_words(view: RunView) -> str:
    """ "Base", "Fine-tuned" or "Model"."""
    return view.role[:1].upper() + view.role[1:]


def phase_words(view: RunView) -> str:
    """Return what the run is doing, or how it ended: "evaluating mmlu_anatomy, 12 of 57"."""
    if view.state != "running":
        return _STATES[view.state]
    if view.results is not None:
        return "results are written"
    if view.phase is None:
        return "starting"
    words = doing_words(view.phase.name)
    if view.phase.name in ("building prompts", "evaluating", "scoring"):
        return f"{words}{' for' if view.phase.name == 'building prompts' else ''} {_task_words(view)}".rstrip()
    if view.advanced_unit == "tensors" and view.phase.name == "loading model" and view.advanced_total:
        return f"loading weights {min(100 * view.advanced // view.advanced_total, 100)} %"
    if amount := _amount(view):
        return f"{words}, {amount} so far"
    return words


def doing_words(phase: str) -> str:
    """What a worker does in this phase: "loading the model"."""
    return _PHASES.get(phase, phase)


def _task_words(view: RunView) -> str:
    name = view.phase.task if view.phase else ""
    order = [task.name for task in leaf_tasks(view)]
    place = f", {order.index(name) + 1} of {len(order)}" if name in order and len(order) > 1 else ""
    return one_line(name, 60) + place


def _amount(view: RunView) -> str:
    """Return what a loading phase has done so far: "2.4 GB", "12 tasks"."""
    phase = view.phase.name if view.phase else ""
    if not view.advanced or phase not in ("loading model", "loading task"):
        return ""
    if view.advanced_unit == "bytes":
        return size_text(view.advanced)
    if view.advanced_unit != "tasks":
        return ""
    return f"{view.advanced:,} task{'s' if view.advanced > 1 else ''}"


def life_words(view: RunView, now: float) -> str:
    """Return the watchdog's warning, or how long ago the last sign of life was; "" when all is well."""
    if view.state != "running":
        return ""
    if view.watchdog is not None:
        return watchdog_words(view.watchdog, now)
    if view.last_sign is None or now - view.last_sign < SILENCE_SHOWN:
        return ""
    return f"last sign of life {format_duration(now - view.last_sign)} ago"


def watchdog_words(event: Watchdog, now: float | None = None) -> str:
    """ "no sign of life for 1min 30s; ending the worker in 28min 30s unless it moves". `now` moves the clock on."""
    passed = 0.0 if now is None else max(now - event.t, 0.0)
    silence = f"no sign of life for {format_duration(event.silent + passed)}"
    match event.state:
        case "quiet" | "waiting":
            if event.remaining is None:
                return silence
            return f"{silence}; ending the worker in {format_duration(event.remaining - passed)} unless it moves"
        case "stacks":
            return f"{silence}; noting where it hangs"
        case "terminating":
            return f"{silence}; ending the worker"
        case "killing":
            return f"{silence}; killing the worker"
        case "alive again":
            return "the worker is alive again"


def in_flight_words(in_flight: InFlight, shown: int = 3) -> str:
    """ "ifeval document 12 (Write a haiku…), 14 and 6 more"; "" when nothing is in flight."""
    documents = in_flight.documents
    if not documents:
        return ""
    first = documents[0]
    words = f"{one_line(in_flight.task, 60)} sample {first.doc_id}"
    if first.first_line:
        words += f" ({one_line(first.first_line, 60)})"
    others = [str(document.doc_id) for document in documents[1:shown]]
    more = len(documents) - shown
    return ", ".join([words, *others]) + (f" and {more} more" if more > 0 else "")


def left_words(row: RowView, now: float) -> str:
    """Return how long a row still takes: "8min 20s left"; "8min 20s left?" while there are few answers; "time unknown"
    after that time has passed; "" where nothing shows it."""
    left = row.remaining_at(now)
    if not row.active or left is None:
        return ""
    if left <= 0:
        return "time unknown"
    guess = "?" if few_answers(row) else ""
    return f"{rough_duration(left)} left{guess}"


def few_answers(row: RowView) -> bool:
    """Return whether the estimate of a row's time comes from so few answers that it is a guess."""
    return row.documents < FEW_ANSWERS


def run_left_words(view: RunView, now: float) -> str:
    """Return the same for all tasks of a run; "over 8min left" where the time of some of them is not known yet."""
    unfinished = [row for row in view.rows if not row.over]
    left = [row.remaining_at(now) for row in unfinished]
    known = [seconds for seconds in left if seconds is not None]
    if not known:
        return ""
    if any(seconds == 0 for seconds in known):
        return "time unknown"
    few = any(few_answers(row) for row in unfinished if row.remaining is not None)
    at_least, guess = "over " if len(known) < len(left) else "", "?" if few else ""
    return f"{at_least}{rough_duration(sum(known))} left{guess}"


def rate_words(per_second: float) -> str:
    """Return documents a second, minute or hour, whichever reads best: "141/s", "2.5/s", "5.7/min", "3.2/h"."""
    for size, unit in ((1.0, "s"), (60.0, "min"), (3600.0, "h")):
        value = per_second * size
        if value >= 1 or unit == "h":
            break
    return f"{value:.0f}/{unit}" if value >= 100 else f"{value:.1f}/{unit}"


def live_score_words(score: LiveScore) -> tuple[str, str]:
    """Return the value and its standard error ("" where there is none): ("41.3%", "2.1"), ("23.41", "0.12")."""
    if score.value is None or not math.isfinite(score.value):
        return "NaN", ""
    known = score.stderr is not None and math.isfinite(score.stderr)
    share = is_share(score.metric, score.value)
    value = score_words(score.value, is_share=share, digits=1)
    if not known:
        return value, ""
    return value, f"{100 * (score.stderr or 0):.1f}" if share else f"{score.stderr:.2g}"


def score_text(score: LiveScore, plus_minus: str = "±") -> str:
    """ "prompt_level_strict_acc 41.3% ± 2.1 n=541"; the filter is named where a task has several."""
    value, error = live_score_words(score)
    name = one_line(score.metric, 40) + ("" if score.filter in ("none", "") else f" ({one_line(score.filter, 30)})")
    return f"{name} {value}" + (f" {plus_minus} {error}" if error else "") + f" {live_n_words(score)}"


def live_n_words(score: LiveScore) -> str:
    """Return how many documents a score is computed on: "n=541"."""
    return f"n={score.n}"


def task_scores(task: TaskView, plus_minus: str = "±") -> str:
    return ", ".join(score_text(score, plus_minus) for score in task.scores[:4])


def decision_words(decision: Decision) -> str:
    """ "batch 8 (3.2 GB free, about 0.3 GB for 2,048 tokens)"."""
    number = decision.choice.isdecimal() and len(decision.choice) < 20
    choice = f"{int(decision.choice):,}" if number else one_line(decision.choice, 80)
    words = _DECISIONS.get(decision.what, f"{one_line(decision.what, 90)} {{}}").replace("{}", choice)
    return f"{words} ({one_line(decision.why, 160)})" if decision.why else words


def settings_words(decisions: Sequence[Decision]) -> list[str]:
    """Return the choices that fit in a word: ["cpu", "float32", "batch 8"]."""
    chosen = {decision.what: one_line(decision.choice, 20) for decision in decisions}
    words = [chosen[what] for what in ("device", "dtype") if what in chosen]
    return [*words, f"batch {chosen['batch size']}"] if "batch size" in chosen else words


def clock_words(t: float) -> str:
    """Return the local time of day, "--:--:--" for what is no time."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(t))
    except (OverflowError, OSError, ValueError):
        return "--:--:--"
