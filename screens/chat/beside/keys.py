"""The pages beside a chat, each on a key: tokens, prompt, settings, export, a test of one's own."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from benchtui.runs.kinds.chat.conversation import Answer
from screens.chat.talk import Talk
from screens.page import Page


class Beside(Page):
    """A page with a chat, which gives what is looked at: `beside_chat`, `beside_answer` (None where there is none) and
    `beside_end`, the last turn of the branch. Its keys open what belongs to that."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "tokens", "Tokens", tooltip="This answer token by token: how unsure, and where the models part"),
        Binding("p", "prompt", "Prompt", tooltip="What the model was given, in its own chat template", show=False),
        Binding("s", "settings", "Settings", tooltip="Temperature, seed, stop strings, system prompt"),
        Binding("x", "export", "Export", tooltip="Write this branch as Markdown, messages or a page", show=False),
        Binding("a", "keep", "Add to tests", tooltip="Keep this answer as a test of your own", show=False),
    ]

    @property
    def beside_chat(self) -> Talk | None:
        return None

    @property
    def beside_answer(self) -> Answer | None:
        return None

    @property
    def beside_end(self) -> int | None:
        return None

    def beside_changed(self) -> None:
        """Draw how answers are written from now on."""

    def action_tokens(self) -> None:
        if (talk := self.beside_chat) and (answer := self.beside_answer):
            from screens.chat.beside.token_view import ChatTokens

            self.app.push_screen(ChatTokens(talk, answer.number))

    def action_prompt(self) -> None:
        if (talk := self.beside_chat) and (answer := self.beside_answer):
            from screens.chat.beside.prompt import PromptPage

            self.app.push_screen(PromptPage(talk, answer.number))

    def action_settings(self) -> None:
        if talk := self.beside_chat:
            from screens.chat.beside.settings import ask_settings

            ask_settings(self, talk, self.beside_changed)

    def action_export(self) -> None:
        if talk := self.beside_chat:
            from screens.chat.beside.export import ask_export

            ask_export(self, talk, self.beside_end)

    def action_keep(self) -> None:
        if (talk := self.beside_chat) and (answer := self.beside_answer):
            if not answer.over:
                self.notify("It is being written: Esc stops it.", timeout=3, markup=False)
                return
            from screens.chat.beside.keep import ask_to_keep

            ask_to_keep(self, talk, answer)
