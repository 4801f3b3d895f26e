"""The text of one document, token by token, and what the models would have written at the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.text import Text
from textual.binding import Binding, BindingType

from benchtui.reports.wording.tokens import number, pair_words
from benchtui.results.tokens import TokensResults
from benchtui.text import one_line
from benchtui.tokens.summary import Place
from screens.dialogs import Enter
from screens.tokens.details import details
from screens.tokens.html import write_page
from screens.tokens.layout import Layout, lay_out
from screens.tokens.reading import ReadDocument, Sides, all_sides, changed_side, metrics_of, read_document
from screens.tokens.text import TokenText
from screens.tokens.token_page import TokenPage
from screens.widgets.plain import Plain

_CHANGES = {"fixed": "▲ fixed", "broken": "▼ broken"}


class TokenView(TokenPage):
    """`documents` are the ones to walk through, in their order; `place` is where the cursor begins, None for the first
    divergence; `sides` what is looked at first."""

    HELP = (
        "Every token of one text, and what the models would have written in its place. Numbers are in nats, at "
        "temperature 1. n goes to the next divergence: a token whose JS (of one model alone, its entropy) is among the "
        "highest 5 % of the whole run. f keeps to the documents that became right or wrong."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "far(1)", "Divergence", key_display="n/N", tooltip="The next divergence"),
        Binding("N", "far(-1)", "Previous divergence", tooltip="The divergence before", show=False),
        Binding("d", "document(1)", "Document", key_display="d/D", tooltip="The next document"),
        Binding("D", "document(-1)", "Previous document", tooltip="The document before", show=False),
        Binding("f", "flipped", "Flipped", tooltip="Only documents that became right or wrong; again: all"),
        Binding("m", "metric", "Metric", tooltip="What colour and bars show"),
        Binding("left_square_bracket", "sides(-1)", "Pair before", tooltip="The pair or model before", show=False),
        Binding("right_square_bracket", "sides(1)", "Next pair", tooltip="The next pair, or model", show=False),
        Binding("full_stop", "tour(1)", "Next place", tooltip="The next of the places that were chosen", show=False),
        Binding("comma", "tour(-1)", "Place before", tooltip="The place before of those", show=False),
        Binding("slash", "find", "Find", tooltip="Find words in the text; again: the next place"),
        Binding("c", "classes", "Classes", tooltip="The tables of this run: classes of tokens", show=False),
        Binding("h", "page", "HTML", tooltip="Write a page for browsers: texts in colour, tables and curves"),
        Binding("question_mark", "app.help", "Help", show=False),
    ]

    def __init__(
        self,
        found: TokensResults,
        documents: Sequence[int],
        at: int,
        *,
        place: int | None = None,
        sides: Sides | None = None,
        tour: Sequence[Place] = (),
    ) -> None:
        super().__init__()
        self._found = found
        self._documents = list(documents)
        self._number = at
        self._start = place
        self._all_sides = all_sides(found)
        self._sides = sides if sides in self._all_sides else self._all_sides[0]
        self._metric = metrics_of(self._sides)[0]
        self._flipped = False
        self._read: ReadDocument | None = None
        self._words = ""
        self._tour, self._at_place = tour, 0

    def on_mount(self) -> None:
        self.crumbs("Tokens", self._found.run.name)

    # Reading.

    def on_token_text_resized(self, message: TokenText.Resized) -> None:
        keep = self.query_one(TokenText).cursor if self._read is not None else self._start
        self._open(self._number, keep, width=message.width)

    def _open(self, document: int, place: int | None, *, width: int | None = None) -> None:
        """Read a document in a thread and set it in lines; then show it."""
        found, sides, metric = self._found, self._sides, self._metric
        width = width or self.query_one(TokenText).columns

        def read() -> tuple[ReadDocument, Layout, int]:
            one = read_document(found, sides, metric, document)
            far = one.far
            first = int(far[0]) if len(far) else 0
            return one, lay_out(one.text.pieces, width), first if place is None else place

        self.load(read, self._show, group="document")

    def _show(self, found: tuple[ReadDocument, Layout, int]) -> None:
        self._read, layout, place = found
        self._number = self._read.number
        self.clear_notice()
        self.draw_head()
        text = self.query_one(TokenText)
        text.show(layout, place)
        if not layout.tokens:
            self.query_one("#token-detail-text", Plain).show("No token of this text was scored.")

    # Drawing.

    def draw_head(self) -> None:
        read = self._read
        if read is None:
            return
        colours, about = self.colours, read.about
        line = Text.assemble((one_line(about.place, 60), "bold"))
        if changed_side(about):
            style = colours.gain if about.change == "fixed" else colours.loss
            line.append(f"  {_CHANGES[about.change]}", style=style)
        if about.written_by:
            line.append("  written by ", style=colours.muted).append(one_line(about.written_by, 40))
        order = self._order()
        where = f"{order.index(self._number) + 1:,} of {len(order):,}" if self._number in order else ""
        more = " that changed side" if self._flipped else ""
        line.append(f"  document {where}{more}" if where else "", style=colours.muted)
        line.append("\n").append_text(self._numbers(read))
        self.show_head(line)
        who = pair_words(*read.labels) if len(read.labels) == 2 else one_line(read.labels[0], 40)
        self.crumbs("Tokens", self._found.run.name, right=who)

    def _numbers(self, read: ReadDocument) -> Text:
        colours = self.colours
        title = "JS" if read.pair is not None else "entropy"
        known = read.ranked[np.isfinite(read.ranked)]
        mean = number(float(known.mean(dtype=np.float64)) if len(known) else None)
        least = "≥" if read.pair is not None and read.pair.bound == "lower" else ""
        line = Text.assemble((f"{title} mean ", colours.muted), f"{least}{mean}")
        line.append(" · ", style=colours.muted).append(f"{len(read.far):,} of {len(read.ranked):,} tokens")
        line.append(f" at or above {number(read.threshold)}", style=colours.muted)
        line.append(" · colour and bars: ", style=colours.muted).append(read.metric.title)
        if read.text.left_out:
            line.append(f" · {read.text.left_out:,} more tokens are not shown", style=colours.warning)
        return line

    def details(self, position: int, width: int) -> Text | None:
        return None if self._read is None else details(self._read, position, width, self.colours)

    # What can be done.

    def _order(self) -> list[int]:
        if not self._flipped:
            return self._documents
        about = self._found.store.texts(self._sides.second).documents
        return [one for one in self._documents if changed_side(about[one])]

    def action_far(self, by: int) -> None:
        if self._read is None:
            return
        far, cursor = self._read.far, self.query_one(TokenText).cursor
        ahead = far[far > cursor] if by > 0 else far[far < cursor][::-1]
        if len(ahead):
            self.query_one(TokenText).go_to(int(ahead[0]))
            return
        key, which = ("d", "next") if by > 0 else ("D", "previous")
        side = "after" if by > 0 else "before"
        self.say(f"No divergence {side} this token. {key} opens the {which} document.")

    def action_tour(self, by: int) -> None:
        """Go to another of the places that a line of a list has."""
        at = self._at_place + by
        if not 0 <= at < len(self._tour):
            self.say("There is no other place." if self._tour else "Open a replacement, or a token, to have several.")
            return
        self._at_place, place = at, self._tour[at]
        if place.document == self._number:
            self.query_one(TokenText).go_to(place.position)
        else:
            self._open(place.document, place.position)
        self.say(f"Place {at + 1} of {len(self._tour)}.")

    def action_document(self, by: int) -> None:
        order = self._order()
        if self._number in order:
            place = order.index(self._number) + by
        else:
            ahead = [n for n, one in enumerate(order) if one > self._number]
            place = (ahead[0] if ahead else len(order)) if by > 0 else (ahead[0] if ahead else len(order)) - 1
        if 0 <= place < len(order):
            self._open(order[place], None)
        else:
            self.say("This is the last document." if by > 0 else "This is the first document.")

    def action_flipped(self) -> None:
        self._flipped = not self._flipped
        order = self._order()
        if not order:
            self._flipped = False
            self.say("No document of this run is known to have changed side.")
        elif self._number not in order:
            self._open(next((one for one in order if one > self._number), order[0]), None)
        else:
            self.draw_head()

    def action_metric(self) -> None:
        self._cycle_metric()
        self._open(self._number, self.query_one(TokenText).cursor)

    def _cycle_metric(self) -> None:
        known = metrics_of(self._sides)
        self._metric = known[(known.index(self._metric) + 1) % len(known)]

    def action_sides(self, by: int) -> None:
        if len(self._all_sides) == 1:
            self.say("This run has one pair." if self._sides.compared else "This run has one model.")
            return
        place = self._all_sides.index(self._sides)
        self._sides = self._all_sides[(place + by) % len(self._all_sides)]
        if self._metric not in metrics_of(self._sides):
            self._metric = metrics_of(self._sides)[0]
        self._open(self._number, self.query_one(TokenText).cursor)

    def action_find(self) -> None:
        asked = Enter("Find which words in this text?", "Enter again goes to the next place.", value=self._words)
        self.app.push_screen(asked, self._find)

    def _find(self, typed: str | None) -> None:
        if self._read is None or not typed or not typed.strip():
            return
        self._words = typed
        text = self.query_one(TokenText)
        token = find_words(self._read, typed, text.cursor)
        if token is None:
            self.say("These words are not in the tokens of this text.")
        else:
            text.go_to(token)

    def action_classes(self) -> None:
        self.navigator.open_tokens(self._found.run, "classes")

    def action_page(self) -> None:
        write_page(self, self._found, self._sides)


def find_words(read: ReadDocument, words: str, after: int) -> int | None:
    """Return the next scored token behind `after` where `words` begin, from the start again after the last; case is
    ignored. None where they are nowhere."""
    starts, ends = (spans[read.tokens.first :] for spans in (read.tokens.starts, read.tokens.ends))
    text, wanted = read.about.text, words.strip("\n")
    folded = text.lower()
    if len(folded) == len(text):
        wanted = wanted.lower()
    else:  # a letter that is written with two in lower case would move all behind it
        folded = text
    covering = (np.flatnonzero((starts <= place) & (place < ends)) for place in _places(folded, wanted))
    tokens = [int(found[0]) for found in covering if len(found)]
    return next((token for token in tokens if token > after), tokens[0] if tokens else None)


def _places(text: str, wanted: str) -> Sequence[int]:
    found: list[int] = []
    at = text.find(wanted)
    while at >= 0 and len(found) < 10_000:
        found.append(at)
        at = text.find(wanted, at + 1)
    return found
