"""Beginning a chat: which models shall answer; and the chats that are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from benchtui.backends.registry import DEFAULT_BACKEND, find_backend
from benchtui.chat.listing import KeptChat, find_chats
from benchtui.models.listing import ListedModel, list_models
from benchtui.plans.chat import MOST_MODELS
from benchtui.plans.chat_choice import ChatChoice
from benchtui.plans.choice import Choice
from benchtui.plans.token_choice import BASE
from benchtui.text import one_line
from screens.dialogs import Enter
from screens.page import Page
from screens.result_text import ago
from screens.widgets.plain import Plain
from screens.widgets.rows import Column, Rows

if TYPE_CHECKING:
    from benchtui.chat.session import ChatSession


LOOK_EVERY = 2.0
"""Seconds between two looks at the kept chats."""


class ModelRows(Rows):
    HELP = (
        "Models that can be talked with. Space chooses one, Enter begins. They answer in the order in which they were "
        "chosen; base is the base of the first trained one. o names one that is not listed: a path, a Hub id, or "
        "BACKEND:MODEL such as ollama:my-model."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Begin", tooltip="Begin a chat with the chosen models"),
    ]


class KeptRows(Rows):
    HELP = "The chats that are kept, the one talked in last first. Enter opens one again where it was left."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Open", tooltip="Open this chat again"),
    ]


class ChatsPage(Page):
    """`wanted` is the model that was selected where the page was opened, which is chosen with its base."""

    HELP = (
        "One to four models answer the same messages side by side; an adapter and its base share one set of weights. "
        "Every chat is kept, and opened again with Enter in the list below, after a crash too."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pick", "Choose", tooltip="Choose the model under the cursor, or leave it out"),
        Binding("o", "name", "Other model", tooltip="Name a model that is not listed"),
        Binding("v", "vote", "Blind vote", tooltip="Vote on unnamed answers of the chosen models"),
        Binding("tab", "app.focus_next", "Kept chats", show=False),
    ]

    def __init__(self, wanted: str | None = None) -> None:
        super().__init__()
        self._wanted = wanted
        self._names: list[str] = [BASE]
        self._about: dict[str, str] = {BASE: "the base of the first trained model"}
        self._chosen: list[str] = []
        self._kept: list[KeptChat] = []

    def body(self) -> ComposeResult:
        with Vertical(id="chat-models", classes="pane"):
            yield Plain(id="chat-chosen")
            yield ModelRows([Column("", 3), Column("Model", 20, grow=2), Column("", 16, grow=2, drop=1)], header=False)
        with Vertical(id="chat-kept", classes="pane"):
            columns = [
                Column("Kept chats", 24, grow=3),
                Column("Models", 18, grow=2, drop=2),
                Column("When", 10, drop=1),
            ]
            yield KeptRows(columns, id="kept", empty="Looking …")

    def on_mount(self) -> None:
        self.crumbs("Chat", right=str(self.settings.outputs))
        self.query_one("#chat-models").border_title = "Who shall answer?"
        self.query_one(ModelRows).focus()
        self.set_interval(LOOK_EVERY, self._read_kept)

    def on_screen_resume(self) -> None:
        self._read()

    def _read(self) -> None:
        choice = self.settings.choice
        self.load(lambda: _models(choice), self._take, group="models", failed=self._no_models)
        self._read_kept()

    def _read_kept(self) -> None:
        """Look again from time to time: a chat that was just left is open until its worker has ended."""
        outputs = self.settings.outputs
        if self.app.screen is self:
            self.load(lambda: find_chats(outputs), self._take_kept, group="kept", failed=self._none_kept)

    def _take(self, listed: list[ListedModel]) -> None:
        found = {one.model.name: f"base: {Path(one.base.name).name}" if one.base else "" for one in listed}
        added = [name for name in self._chosen if name not in found and name != BASE]
        self._about = {BASE: self._about[BASE], **found, **dict.fromkeys(added, "")}
        self._names = [*self._about]
        if not self._chosen:
            chosen = next((one for one in listed if one.model.name == self._wanted), listed[0] if listed else None)
            if chosen is not None:
                self._chosen = [*([BASE] if chosen.base else []), chosen.model.name]
        at = self._names.index(self._chosen[-1]) if self._chosen else 0
        self.query_one(ModelRows).show(len(self._names), self._model_cells, cursor=at)
        self._say_chosen()

    def _no_models(self, what: str, next_step: str) -> None:
        self._take([])
        self.tell(what, next_step)

    def _take_kept(self, kept: list[KeptChat]) -> None:
        self._kept = kept
        rows = self.query_one("#kept", Rows)
        rows.empty = "No chat is kept yet."
        rows.show(len(kept), self._kept_cells)

    def _none_kept(self, what: str, next_step: str) -> None:
        del what, next_step  # the models are in the same folder, and say so
        self._take_kept([])

    # What is shown.

    def _model_cells(self, index: int) -> Sequence[Text]:
        name, colours = self._names[index], self.colours
        place = self._chosen.index(name) + 1 if name in self._chosen else 0
        mark = Text(f"[{place or ' '}]", style=colours.accent if place else colours.muted)
        return mark, Text(one_line(name, 120)), Text(one_line(self._about[name], 120), style=colours.muted)

    def _kept_cells(self, index: int) -> Sequence[Text]:
        chat, colours = self._kept[index], self.colours
        begins = "blind vote" if chat.blind else chat.begins or "nothing was said"
        if chat.open:
            begins = f"(open) {begins}"
        models = " | ".join(chat.models)
        when = ago(chat.changed, self.settings.clock())
        return (
            Text(one_line(begins, 200)),
            Text(one_line(models, 120), style=colours.muted),
            Text(when, style=colours.muted),
        )

    def _say_chosen(self) -> None:
        words = " | ".join(one_line(name, 60) for name in self._chosen) or "Space chooses a model."
        self.query_one("#chat-chosen", Plain).show(words)

    # What can be done.

    def action_pick(self) -> None:
        rows = self.query_one(ModelRows)
        if rows.has_focus and rows.cursor < len(self._names):
            self._toggle(self._names[rows.cursor])

    def _toggle(self, name: str) -> None:
        if name in self._chosen:
            self._chosen.remove(name)
        elif len(self._chosen) == MOST_MODELS:
            self.notify(f"At most {MOST_MODELS} models answer side by side.", timeout=3, markup=False)
        else:
            self._chosen.append(name)
        self.query_one(ModelRows).redraw()
        self._say_chosen()

    def action_name(self) -> None:
        about = "A path, a GGUF file, a Hub id, NAME:FORMAT, or BACKEND:MODEL such as ollama:my-model."
        self.app.push_screen(Enter("Which model?", about), self._add)

    def _add(self, typed: str | None) -> None:
        name = (typed or "").strip()
        if name and name not in self._chosen:
            self._about.setdefault(name, "")
            self._names = [*self._about]
            self._toggle(name)
            self.query_one(ModelRows).show(len(self._names), self._model_cells, cursor=self._names.index(name))

    def on_rows_chosen(self, message: Rows.Chosen) -> None:
        message.stop()
        if message.rows.id == "kept":
            self._open_kept(self._kept[message.index])
        else:
            self._begin(blind=False)

    def action_vote(self) -> None:
        if len(self._chosen) < 2:
            self.notify("A vote needs two models at least.", timeout=3, markup=False)
        else:
            self._begin(blind=True)

    def _begin(self, *, blind: bool) -> None:
        if not self._chosen:
            self.notify("Space chooses a model.", timeout=3, markup=False)
            return
        choice = ChatChoice(self.settings.choice, tuple(self._chosen), blind=blind)
        opening = self.navigator.open_vote if blind else self.navigator.open_chat
        opening(partial(_new, choice), choice.models)

    def _open_kept(self, chat: KeptChat) -> None:
        opening = self.navigator.open_vote if chat.blind else self.navigator.open_chat
        opening(partial(_kept, chat, self.settings.choice), chat.models)


def _models(choice: Choice) -> list[ListedModel]:
    backend = find_backend(choice.backend)
    if backend.served:
        backend = find_backend(DEFAULT_BACKEND)
    return [one for one in list_models(choice.outputs, backend) if one.model.usable]


def _new(choice: ChatChoice, say: Callable[[str], None]) -> ChatSession:
    from benchtui.chat.start import start_chat

    return start_chat(choice, say)


def _kept(chat: KeptChat, settings: Choice, say: Callable[[str], None]) -> ChatSession:
    from benchtui.chat.resume import open_again

    return open_again(chat.run, settings, say)
