"""Who of a small and a large model answers, while they do: what both did so far, and a bar for each of the newest
answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.content import Content

from benchtui.displays.frame import current_view
from benchtui.reports.wording.glyphs import UNICODE
from benchtui.reports.wording.routing import Author, answer_parts, routing_words
from benchtui.runs.follow.view import RunView
from benchtui.runs.kinds.benchmark.events import RoutedAnswer
from benchtui.runs.kinds.benchmark.view import newest_routed, routing_of
from benchtui.text import one_line
from screens.widgets.plain import Plain

AUTHORS: Mapping[Author, str] = {"small": "$primary", "large": "$accent", "both": "$secondary"}
ROOMY = 30
"""Rows of the screen from which on several bars are drawn."""
LONGEST = 40


class Routing(Plain):
    """Nothing of a run that one model answers alone."""

    def follow(self, views: Sequence[RunView], width: int, height: int) -> None:
        """Draw the run that is evaluated now, or the last one that two models answered, on a screen of this size."""
        current = current_view(views)
        shown = next((view for view in (current, *reversed(views)) if view is not None and routing_of(view)), None)
        self.display = shown is not None
        if shown is not None:
            self.update(routing_text(shown, width, 3 if height >= ROOMY else 1))


def routing_text(view: RunView, width: int, answers: int) -> Content:
    """What both models did so far, and who wrote the newest answers, newest first."""
    routing = routing_of(view)
    if routing is None:
        return Content("")
    lines = [Content.assemble(("Routing: ", "bold"), routing_words(routing, UNICODE))]
    for task, answer in reversed(newest_routed(view)[-answers:]):
        name = (f"{one_line(task, 24)} #{answer.doc_id} ", "$muted")
        lines.append(Content.assemble(name, answer_bar(answer, width - 66)))
    return Content("\n").join(line.truncate(max(width - 2, 20), ellipsis=True) for line in lines)


def answer_bar(answer: RoutedAnswer, cells: int) -> Content:
    """Draw who wrote an answer, from its begin, in so many cells at most, and how many tokens of each."""
    parts = answer_parts(answer, min(max(cells, 12), LONGEST), UNICODE)
    return Content.assemble(*((words, AUTHORS[author] if author else "$muted") for words, author in parts))
