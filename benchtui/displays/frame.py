"""The live table as lines of text: a section for each run, a row for each task, at any width and height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from benchtui.displays.rows import Columns, choose_columns, row_line
from benchtui.displays.worker_lines import worker_lines
from benchtui.durations import format_duration
from benchtui.reports.wording.glyphs import Glyphs
from benchtui.reports.wording.routing import Author, answer_parts, routing_words
from benchtui.reports.wording.states import (
    in_flight_words,
    life_words,
    phase_words,
    role_words,
    settings_words,
    state_glyph,
    state_style,
)
from benchtui.reports.wording.workers import summary_words
from benchtui.results.health import health_words
from benchtui.runs.follow.view import RunView
from benchtui.runs.kinds.benchmark.view import newest_routed, routing_of
from benchtui.text import one_line

STALLED_AFTER = 60.0
ROOMY = 100
ROUTED_SHOWN = 3
"""Newest answers of two models that are drawn."""
STRIP = 24
_AUTHORS: Mapping[Author, str] = {"small": "cyan", "large": "magenta", "both": "blue"}


@dataclass(frozen=True)
class _Section:
    """One run: `active` is the row to keep in sight when there is no room for all."""

    head: Text
    rows: list[Text]
    active: int
    current: bool
    ended: bool


def draw(
    views: Sequence[RunView], *, width: int, height: int, glyphs: Glyphs, now: float, title: str = "", hint: str = ""
) -> list[Text]:
    """Return lines of at most `width` cells, fewer than `height`; `now` in seconds since the epoch."""
    current = current_view(views)
    columns = choose_columns([row for view in views for row in view.rows], width, glyphs)
    sections = [_section(view, view is current, columns, width, glyphs, now) for view in views]
    top = _title(views, title, width, glyphs, now)
    foot = _footer(current, views, glyphs, now, hint)[: max(height // 4, 1)]
    room = max(height - 1 - len(top) - len(foot), 1)
    _make_fit(sections, room, glyphs)
    spacious = sum(1 + len(section.rows) for section in sections) + len(sections) + 1 <= room
    lines = list(top)
    for section in sections:
        if spacious:
            lines.append(Text())
        lines += [section.head, *section.rows]
    workers = worker_lines(current, glyphs) if spacious and current is not None else []
    if workers and len(lines) - len(top) + len(workers) + 2 <= room:
        lines += [Text(), *workers]
    if spacious and foot:
        lines.append(Text())
    lines += foot
    for line in lines:
        line.rstrip()
        line.truncate(width, overflow="ellipsis" if glyphs.more == "…" else "crop")
    return lines


def current_view(views: Sequence[RunView]) -> RunView | None:
    """Return the run that is evaluated now: of those that share a worker, the one whose turn it is."""
    running = [view for view in views if view.state == "running"]
    unfinished = [view for view in running if view.results is None] or running
    started = [view for view in unfinished if view.phase is not None]
    return max(started, key=lambda v: v.phase.t if v.phase else 0.0) if started else next(iter(unfinished), None)


def _title(views: Sequence[RunView], title: str, width: int, glyphs: Glyphs, now: float) -> list[Text]:
    known = [view.started for view in views if view.started is not None]
    first = min(known, default=None)
    going = any(view.state == "running" for view in views)
    last = now if going else max((view.ended_at or 0.0 for view in views), default=now)
    left = Text(one_line(title or _own_title(views, glyphs), 200), style="bold")
    right = "" if first is None else format_duration(last - first)
    return [_justified(left, Text(right, style="dim"), width)]


def _own_title(views: Sequence[RunView], glyphs: Glyphs) -> str:
    names = list(dict.fromkeys(view.model for view in views))
    suites = list(dict.fromkeys(view.suite for view in views if view.suite))
    what = f"{glyphs.dot}suite {suites[0]}" if len(suites) == 1 else ""
    return (names[0] if len(names) == 1 else f"{len(names)} models") + what


def _justified(left: Text, right: Text, width: int) -> Text:
    gap = width - left.cell_len - right.cell_len
    if gap < 2:
        return left
    return Text.assemble(left, " " * gap, right)


def _section(view: RunView, current: bool, columns: Columns, width: int, glyphs: Glyphs, now: float) -> _Section:
    moving = view.state == "running" and not _stalled(view, now)
    rows: list[Text] = []
    active = None
    for row in view.rows:
        if active is None and not row.over:
            active = len(rows)
        rows.append(row_line(row, columns, glyphs, now, moving=moving, settled=view.ended))
        if words := "; ".join(health_words(row.health)):
            rows.append(Text(f"    {glyphs.warning} {words}", style="yellow"))
    active = len(rows) - 1 if active is None else active
    if routing := routing_of(view):
        rows.append(Text(f"    {routing_words(routing, glyphs)}"))
    if message := _message(view):
        rows.append(Text.assemble("  ", (message, "red" if view.state in ("failed", "died") else "yellow")))
    return _Section(_head(view, current, width, glyphs), rows, active, current, view.ended)


def _stalled(view: RunView, now: float) -> bool:
    """Tell whether nothing has moved for so long that an estimate of the time left would be wrong."""
    return view.watchdog is not None or (view.last_sign is not None and now - view.last_sign > STALLED_AFTER)


def _message(view: RunView) -> str:
    if view.ended:
        return one_line(view.message, 300)
    if view.failed is not None:
        return one_line(view.failed.message, 300)
    return ""


def _head(view: RunView, current: bool, width: int, glyphs: Glyphs) -> Text:
    waits = view.state == "running" and not current and view.phase is None
    words = "waiting for its turn" if waits else phase_words(view)
    style = "dim" if waits else state_style(view.state)
    role = role_words(view)
    room = width - len(role) - cell_len(words) - 5  # the name of the model is cut before its state is
    head = Text.assemble(
        (f"{_state_glyph(view, waits, glyphs)} ", style),
        (f"{role} ", "bold"),
        one_line(view.weights, max(room, 8)),
        "  ",
        (words, style),
    )
    # In a narrow terminal they would come and go with the length of the task's name.
    settings = settings_words(view.decisions) if width >= ROOMY or view.ended else []
    return _justified(head, Text(glyphs.dot.join(settings), style="dim"), width)


def _state_glyph(view: RunView, waits: bool, glyphs: Glyphs) -> str:
    if waits:
        return glyphs.waiting
    written = view.state == "running" and view.results is not None
    return glyphs.done if written else state_glyph(view.state, glyphs)


def _footer(current: RunView | None, views: Sequence[RunView], glyphs: Glyphs, now: float, hint: str) -> list[Text]:
    lines = []
    if current is not None:
        lines += _life_lines(current, glyphs, now)
        lines += _routed_lines(current, glyphs)
    newest = max((view.warning for view in views if view.warning), key=lambda warning: warning.t, default=None)
    if newest is not None:
        lines.append(Text.assemble((f"{glyphs.warning} ", "yellow"), one_line(newest.message, 300)))
        if newest.next_step:
            lines.append(Text(f"  {glyphs.next_step} {one_line(newest.next_step, 300)}"))
    if hint and current is not None:
        lines.append(Text(hint, style="dim"))
    return lines


def _life_lines(view: RunView, glyphs: Glyphs, now: float) -> list[Text]:
    life = life_words(view, now)
    if view.watchdog is not None:
        lines = [Text(f"{glyphs.warning} {life}", style="yellow")]
        if view.in_flight is not None and view.in_flight.documents:
            lines.append(Text(f"  working on {in_flight_words(view.in_flight)}", style="yellow"))
        return lines
    evaluating = view.phase is not None and view.phase.name == "evaluating"
    speed = f"{view.tokens_per_second:,.0f} tokens/s" if evaluating and view.tokens_per_second else ""
    workers = summary_words(view.workers) if view.workers is not None else ""
    words = glyphs.dot.join(part for part in (life or speed, workers) if part)
    return [Text(words, style="dim")]


def _routed_lines(view: RunView, glyphs: Glyphs) -> list[Text]:
    """Who of two models wrote the newest answers, newest first."""
    lines = []
    for task, answer in reversed(newest_routed(view)[-ROUTED_SHOWN:]):
        line = Text(f"  {one_line(task, 24)} #{answer.doc_id} ")
        for words, author in answer_parts(answer, STRIP, glyphs):
            line.append(words, style=_AUTHORS[author] if author else "dim")
        lines.append(line)
    return lines


def _make_fit(sections: list[_Section], room: int, glyphs: Glyphs) -> None:
    """Fold what matters least until the sections take at most `room` lines."""
    order = sorted(sections, key=lambda section: (section.current, section.ended))
    for section in order[:-1]:  # waiting ones first, then those that ended; never the current one
        if sum(1 + len(s.rows) for s in sections) <= room:
            return
        section.rows.clear()
    if len(sections) > room:
        place = next((i for i, section in enumerate(sections) if section.current), len(sections) - 1)
        start = min(max(place - room // 2, 0), len(sections) - room)
        sections[:] = sections[start : start + room]
    kept = next((s for s in sections if s.current), sections[-1]) if sections else None
    if kept is not None:
        _window(kept, room - (len(sections) - 1) - 1, glyphs)


def _window(section: _Section, room: int, glyphs: Glyphs) -> None:
    """Keep the rows around the active one, and say how many are out of sight."""
    rows = section.rows
    if len(rows) <= room:
        return
    inside = room - 1 if room > 1 else max(room, 0)
    start = min(max(section.active - inside // 2, 0), len(rows) - inside)
    hidden = len(rows) - inside
    rows[:] = rows[start : start + inside]
    if room > 1:
        rows.append(Text(f"    {glyphs.more} and {hidden} more tasks", style="dim"))
