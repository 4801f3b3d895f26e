"""The tokens of an answer in a chat: how unsure its model was, what the others would have written, where they part."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from benchtui.errors import BenchtuiError
from benchtui.reports.chat.tokens import PARTED, Reading, answer_pieces, differs_at, parted, readings
from benchtui.reports.wording.tokens import number
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.runs.kinds.chat.events import ChatReady, ChatUnready
from benchtui.text import one_line
from screens.chat.beside.token_details import Side, side_lines
from screens.chat.beside.token_shades import Shade, shades
from screens.chat.talk import Talk, beside
from screens.tokens.layout import Layout, lay_out
from screens.tokens.text import TokenText
from screens.tokens.token_page import TokenPage
from screens.widgets.plain import Plain

EVERY = 0.2
"""Seconds after which is looked whether there is more to show."""
PAUSE = 4
"""How many times as long as setting an answer in lines has taken it is not set again."""


class ChatTokens(TokenPage):
    """`answer` is the one that is shown first; the page below keeps the chat up to date."""

    HELP = (
        "Every token of one answer, and what each model would have written in its place. Numbers are in nats, at "
        "temperature 1; H is the entropy. When the answer is over, the other models read it, and JS says how far each "
        f"is from the one that wrote it: two models part where it is {PARTED} or more. w goes to where they part, and "
        "to where the texts differ."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "part", "Where they part", tooltip="Where the models part, and where their texts differ"),
        Binding(
            "n",
            "far(1)",
            "Divergence",
            key_display="n/N",
            tooltip=f"The next token with a JS of {PARTED} or more",
            show=False,
        ),
        Binding("N", "far(-1)", "Divergence before", tooltip="The divergence before", show=False),
        Binding("m", "shade", "Metric", tooltip="What colour and bars show"),
        Binding("left_square_bracket", "answer(-1)", "Answer before", tooltip="The answer before", show=False),
        Binding(
            "right_square_bracket", "answer(1)", "Answer", key_display="[/]", tooltip="The next answer to this turn"
        ),
        Binding("l", "look", "Read again", tooltip="Let the other models read this answer again", show=False),
        Binding("c", "copy", "Copy", tooltip="Copy the answer", show=False),
        Binding("question_mark", "app.help", "Help", show=False),
    ]

    def __init__(self, talk: Talk, answer: int) -> None:
        super().__init__()
        self._talk = talk
        self._labels = [one_line(model.label, 60) for model in talk.plan.models]
        self._number = answer
        self._chosen: Shade | None = None
        self._shown: tuple[object, ...] = ()
        self._readings: dict[int, Reading] = {}
        self._places: list[int] = []
        self._asked: set[int] = set()
        self._next = 0.0

    def on_mount(self) -> None:
        self.crumbs("Chat", "Tokens")
        self.set_interval(EVERY, self._follow)

    @property
    def _answer(self) -> Answer:
        return self._talk.conversation.answers[self._number]

    @property
    def _shades(self) -> list[Shade]:
        """What colour and bars can show."""
        return shades(self._answer, self._readings)

    @property
    def _shade(self) -> Shade:
        shades = self._shades
        return self._chosen if self._chosen in shades else shades[0]

    # Following.

    def on_token_text_resized(self) -> None:
        self._read()

    def _follow(self) -> None:
        """Read again what has grown; let the others read an answer that is over."""
        if time.monotonic() < self._next:
            return
        answer, conversation = self._answer, self._talk.conversation
        wanted = answer.over and answer.tokens and len(self._labels) > 1 and not self._talk.problem
        if wanted and self._number not in self._asked and not self._looks():
            self._look()
        looked = sum(len(conversation.looked.get(look, ())) for look in self._looks())
        state = (self._number, len(answer.tokens), answer.state, looked, len(conversation.ready))
        if state != self._shown:
            self._shown = state
            self._read()

    def _looks(self) -> list[int]:
        return [look.number for look in self._talk.conversation.looks.values() if look.answer == self._number]

    def _look(self) -> None:
        self._asked.add(self._number)
        try:
            self._talk.look(self._number)
        except BenchtuiError as error:
            self.tell(error.what, error.next_step)

    def _read(self) -> None:
        """Set the answer in lines, in a thread; the cursor stays."""
        text = self.query_one(TokenText)
        self._readings = readings(self._talk.conversation, self._number)
        width, shade, at = text.columns, self._shade, self._number
        answer = dataclasses.replace(self._answer, tokens=list(self._answer.tokens))
        reading = self._readings.get(shade.other) if shade.other is not None else None
        others = reading or next((one for one in self._readings.values() if one.top), Reading())
        values = shade.values(answer, reading)
        tops = list(others.top)

        def lines() -> tuple[int, Layout, float]:
            began = time.monotonic()
            layout = lay_out(answer_pieces(answer, values, shade.metric, tops).pieces, width)
            return at, layout, time.monotonic() - began

        self._next = math.inf  # one after another: a newer one would take the place of this one
        self.load(lines, self._show, group="lines", failed=self._failed)

    def _failed(self, what: str, next_step: str) -> None:
        self._next = 0.0
        self.tell(what, next_step)

    def _show(self, found: tuple[int, Layout, float]) -> None:
        at, layout, took = found
        self._next = time.monotonic() + PAUSE * took
        if at != self._number:
            return
        text = self.query_one(TokenText)
        if self._answer.over:
            text.show(layout, text.cursor)
        else:  # what is in sight stays while more is written
            text.replace(layout)
        self.draw()
        if not layout.tokens:
            self.query_one("#token-detail-text", Plain).show(self._why_none())

    def _why_none(self) -> str:
        ready = self._talk.conversation.ready.get(self._answer.asked.model)
        if isinstance(ready, ChatUnready):
            return ready.what
        if self._answer.over:
            why = ready.why_not if isinstance(ready, ChatReady) else ""
            return why or "No tokens are known of this answer."
        return "Nothing is written yet."

    # Drawing.

    def draw_head(self) -> None:
        answer, colours = self._answer, self.colours
        line = Text.assemble((self._labels[answer.asked.model], "bold"))
        same = self._talk.conversation.tries(answer.asked.turn, answer.asked.model)
        words = f"  turn {answer.asked.turn}"
        if len(same) > 1:
            words += f", try {[one.number for one in same].index(self._number) + 1} of {len(same)}"
        line.append(words, style=colours.muted)
        known = [token.entropy for token in answer.tokens if token.entropy is not None]
        mean = number(sum(known) / len(known)) if known else number(None)
        line.append(" · entropy mean ", style=colours.muted).append(mean)
        line.append(" · colour and bars: ", style=colours.muted).append(self._shade_words())
        line.append("\n").append_text(self._partings())
        self.show_head(line)

    def _shade_words(self) -> str:
        shade = self._shade
        return shade.metric.title + ("" if shade.other is None else f" with {self._labels[shade.other]}")

    def _partings(self) -> Text:
        """Where each other model parts from the one that wrote, and where the texts differ; keeps the places."""
        answer, conversation, colours = self._answer, self._talk.conversation, self.colours
        first: list[str] = []
        nowhere, differ, places = [], [], []
        for other, label in enumerate(self._labels):
            if other == answer.asked.model:
                continue
            reading = self._readings.get(other)
            far = parted(reading.divergence) if reading is not None else []
            if far and reading is not None:
                places.append(far[0])
                js = number(reading.divergence[far[0]])
                first.append(f"{far[0] + 1:,} from {label} ({'' if first else 'JS '}{js})")
            elif reading is not None and reading.done and not reading.problem:
                nowhere.append(label)
            used = conversation.used(answer.asked.turn, other)
            differs = differs_at(answer, used) if used is not None and used.number != self._number else None
            if differs is not None:
                places.append(differs)
                differ.append(f"{differs + 1:,}")
        self._places = sorted(set(places))
        said = (
            ("parts at token ", ", ".join(first)),
            ("parts nowhere from ", ", ".join(nowhere)),
            ("texts differ from token ", ", ".join(dict.fromkeys(differ))),
        )
        return Text(" · ".join(words + what for words, what in said if what), style=colours.muted)

    def details(self, position: int, width: int) -> Text | None:
        tokens = self._answer.tokens
        if position >= len(tokens):
            return None
        order = [self._answer.asked.model, *(n for n in range(len(self._labels)) if n != self._answer.asked.model)]
        sides = [self._side(model, position) for model in order]
        return side_lines(position, len(tokens), tokens[position].text, sides, width, self.colours)

    def _side(self, model: int, position: int) -> Side:
        label, token = self._labels[model], self._answer.tokens[position]
        if model == self._answer.asked.model:
            unknown = token.logprob is None and token.entropy is None and not token.top
            return Side(label, token.entropy, None, token.logprob, token.top, self._why_none() if unknown else "")
        reading = self._readings.get(model)
        if reading is not None and position < len(reading.divergence):
            return Side(
                label,
                reading.entropy[position],
                reading.divergence[position],
                reading.logprob[position],
                reading.top[position],
            )
        return Side(label, note=self._why_not_read(model, reading))

    def _why_not_read(self, model: int, reading: Reading | None) -> str:
        ready = self._talk.conversation.ready.get(model)
        if reading is not None and reading.problem:
            return reading.problem
        if isinstance(ready, ChatUnready):
            return ready.what
        if isinstance(ready, ChatReady) and not ready.compares:
            return ready.why_not or "It cannot read the answers of others token by token."
        if not self._answer.over:
            return "It reads this answer when it is over."
        return self._talk.problem or "It is reading this answer …"

    # What can be done.

    def action_part(self) -> None:
        cursor = self.query_one(TokenText).cursor
        if not self._places:
            self.say("It is not known yet." if not self._answer.over else "The models part nowhere in this answer.")
            return
        self.query_one(TokenText).go_to(next((place for place in self._places if place > cursor), self._places[0]))

    def action_far(self, by: int) -> None:
        cursor = self.query_one(TokenText).cursor
        far = sorted({place for reading in self._readings.values() for place in parted(reading.divergence)})
        ahead = (
            [place for place in far if place > cursor] if by > 0 else [place for place in far[::-1] if place < cursor]
        )
        if ahead:
            self.query_one(TokenText).go_to(ahead[0])
        else:
            self.say(f"No divergence {'after' if by > 0 else 'before'} this token.")

    def action_shade(self) -> None:
        shades = self._shades
        self._chosen = shades[(shades.index(self._shade) + 1) % len(shades)]
        self._read()

    def action_answer(self, by: int) -> None:
        found = beside(self._talk.conversation, self._number, by)
        if found == self._number:
            self.say("It is the only answer to this turn.")
            return
        self._number = found
        self._chosen = None
        self.query_one(TokenText).show(lay_out((), 8), 0)
        self._follow()

    def action_look(self) -> None:
        if len(self._labels) == 1:
            self.say("There is no other model in this chat.")
        elif not self._answer.over:
            self.say("The answer is being written: it is read when it is over.")
        elif self._talk.problem:
            self.tell(self._talk.problem)
        else:
            self._look()

    def action_copy(self) -> None:
        self.navigator.copy(self._answer.text, f"the answer of {self._labels[self._answer.asked.model]}")
