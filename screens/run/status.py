"""The state of a run in words: what it does, whether it is active, what was decided, what it answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content

from benchtui.displays.frame import current_view
from benchtui.durations import format_duration
from benchtui.models.layout import size_text
from benchtui.reports.wording.states import decision_words, in_flight_words, phase_words, role_words, watchdog_words
from benchtui.reports.wording.two_models import models_words
from benchtui.reports.wording.workers import troubles_words
from benchtui.results.health import health_words
from benchtui.results.routing import planned
from benchtui.runs.follow.view import RunView
from benchtui.runs.kinds.benchmark.view import newest_routed
from benchtui.text import one_line, printable
from screens.run.reader import Snapshot
from screens.run.routing import answer_bar

QUIET = 10.0
"""Seconds without a sign of life from which on the words about it stand out."""


_MARKS: Mapping[bool | None, tuple[str, str]] = {
    True: ("✓ right ", "$success"),
    False: ("✗ wrong ", "$error"),
    None: ("·       ", "$muted"),
}


def status_text(views: Sequence[RunView], now: float) -> Content:
    """Two lines: what is being done; when the last sign of life was, and the newest warning."""
    view = current_view(views)
    if view is None:
        return Content("\n").join([_ended_line(view) for view in views[-2:]])
    doing = Content.assemble((f"{role_words(view)}: ", "bold"), one_line(phase_words(view), 200))
    if view.workers is not None:
        doing += Content.assemble((f" · {troubles_words(view.workers)}", "$muted"))
    life = _life(view, now)
    if view.warning is not None:  # last, so that a long one hides nothing but its own end
        life += Content.assemble("   ", ("▲ ", "$warning"), one_line(view.warning.message, 200))
    return Content("\n").join([doing, life])


def _life(view: RunView, now: float) -> Content:
    if view.watchdog is not None:
        words = watchdog_words(view.watchdog, now)
        if view.in_flight is not None and view.in_flight.documents:
            words += f" · working on {in_flight_words(view.in_flight, 1)}"
        return Content.assemble(("▲ ", "$warning"), (printable(words, 300), "$warning"))
    if view.last_sign is None:
        return Content.assemble(("no sign of life yet", "$muted"))
    silent = max(now - view.last_sign, 0.0)
    style = "$warning" if silent >= QUIET else "$muted"
    words = "active" if silent < 2 else f"last sign of life {format_duration(silent)} ago"
    speed = f" · {view.tokens_per_second:,.0f} tokens/s" if view.tokens_per_second and silent < QUIET else ""
    return Content.assemble((words + speed, style))


def _ended_line(view: RunView) -> Content:
    glyph, style = ("✓", "$success") if view.state == "finished" else ("✗", "$error")
    if view.state in ("partial", "cancelled"):
        glyph, style = "◐", "$warning"
    if view.state == "waiting":
        glyph, style = "·", "$muted"
    message = f": {one_line(view.message, 200)}" if view.message else ""
    return Content.assemble((f"{glyph} ", style), (role_words(view), "bold"), f" {phase_words(view)}{message}")


def ending_words(bad: Sequence[RunView]) -> str:
    """How runs ended that did not finish: "You stopped it: 2 of 18 answered, fine-tuned not started"."""
    stopped = [view for view in bad if view.state == "cancelled"]
    if len(stopped) < len(bad):
        view = bad[-1]
        return f"{role_words(view)} {view.state}" + (f": {printable(view.message, 400)}" if view.message else ".")
    begun = [view for view in stopped if view.counts.documents]
    parts = [(f"{view.role} " if len(begun) > 1 else "") + view.counts.words for view in begun]
    parts += [
        f"{view.role} {'not started' if view.phase is None else 'without an answer'}"
        for view in stopped
        if view not in begun
    ]
    return f"You stopped it: {', '.join(parts)}."


def decisions_text(views: Sequence[RunView]) -> Content:
    """What was chosen and why, and every warning; the newest warnings last."""
    lines = []
    for view in views:
        lines.append(Content.assemble((f"{role_words(view)} ", "bold"), (one_line(view.weights, 120), "$secondary")))
        plan = view.run.readable_plan()
        if plan is not None and (routing := planned(plan)) is not None:
            lines.append(Content.assemble("  ", (models_words(routing), "$accent")))
        lines += [Content.assemble("  ", one_line(decision_words(decision), 300)) for decision in view.decisions]
        for warning in view.warnings[-10:]:
            step = f" → {one_line(warning.next_step, 200)}" if warning.next_step else ""
            lines.append(Content.assemble(("  ▲ ", "$warning"), one_line(warning.message, 300), (step, "bold")))
        for row in view.rows:
            for words in health_words(row.health):
                lines.append(Content.assemble(("  ▲ ", "$warning"), f"{one_line(row.name, 60)}: {words}"))
        if view.failed is not None:
            lines.append(Content.assemble(("  ✗ ", "$error"), one_line(view.failed.message, 300)))
    return Content("\n").join(lines)


def samples_text(snapshot: Snapshot, width: int, height: int) -> Content:
    """The newest answers, newest first, as many as have room, each on two lines of `width` cells at most, and a
    third one with who wrote it where two models answer."""
    if not snapshot.newest:
        return Content.assemble(("No answers yet.", "$muted"))
    lines = []
    written = {(task, one.doc_id): one for view in snapshot.views for task, one in newest_routed(view)}
    for answer in snapshot.newest[: max(height // (3 if written else 2), 1)]:
        asked = one_line(snapshot.questions.get((answer.task, answer.doc_id), ""), 200)
        name = (f"{one_line(answer.task, 40)} ", "$secondary")
        mark = _MARKS[snapshot.marks.get((answer.task, answer.doc_id))]
        lines.append(Content.assemble(mark, name, (f"#{answer.doc_id} ", "bold"), (asked, "$muted")))
        text = " ".join(printable(answer.answer, 600).split()) or "(empty)"
        lines.append(Content(f"{' ' * len(mark[0])}{one_line(text, 300)}"))
        if routed := written.get((answer.task, answer.doc_id)):
            lines.append(Content(" " * len(mark[0])) + answer_bar(routed, width - 50))
    return Content("\n").join(line.truncate(max(width, 20), ellipsis=True) for line in lines)


def of_words(used: int, total: int) -> str:
    """ "2.1 of 25.0 GB", "900 MB of 25.0 GB"."""
    part, whole = size_text(used), size_text(total)
    same = part.split(" ")[1] == whole.split(" ")[1]
    return f"{part.split(' ')[0] if same else part} of {whole}"
