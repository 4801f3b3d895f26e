"""What a model was given to answer: its chat template, filled with the messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from benchtui.errors import BenchtuiError
from benchtui.files import read_regular
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import LONGEST_LINE
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.text import one_line
from screens.chat.talk import Talk, beside
from screens.page import Page
from screens.widgets.plain import Plain

MOST = 200_000
"""Characters that are shown."""


@dataclass(frozen=True)
class Prompt:
    """A prompt: `rendered` with the model's chat template, or the messages that were sent to a server. `left_out`
    counts the characters at its beginning that are not shown."""

    text: str
    rendered: bool
    left_out: int = 0


def read_prompt(run: RunDirectory, answer: Answer) -> Prompt:
    """Return what a model was given for an answer. Raises BenchtuiError where it cannot be read."""
    file = run.path / "chat" / "prompts" / f"{answer.number}.txt"
    try:
        text, rendered = read_regular(file, 2 * LONGEST_LINE).decode("utf-8", "replace"), True
    except FileNotFoundError:
        parts = [f"{message.role}:\n{message.content}" for message in answer.asked.messages]
        text, rendered = "\n\n".join(parts), False
    except OSError as error:
        raise BenchtuiError(f"{file} cannot be read: {error.strerror or error}.", "Check that path.") from None
    return Prompt(text[-MOST:], rendered, max(len(text) - MOST, 0))


class PromptPage(Page):
    """`answer` is the one whose prompt is shown first."""

    HELP = (
        "The text that the model was given to go on from: the messages in its own chat template, with all that the "
        "template adds. [ and ] show that of the other answers to this turn."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "answer(-1)", "Answer before", tooltip="The answer before", show=False),
        Binding(
            "right_square_bracket", "answer(1)", "Answer", key_display="[/]", tooltip="The next answer to this turn"
        ),
        Binding("c", "copy", "Copy", tooltip="Copy the prompt"),
        Binding("question_mark", "app.help", "Help", show=False),
    ]

    def __init__(self, talk: Talk, answer: int) -> None:
        super().__init__()
        self._talk, self._number = talk, answer
        self._prompt: Prompt | None = None

    def body(self) -> ComposeResult:
        yield Plain(id="prompt-head")
        with VerticalScroll(id="prompt"):
            yield Plain(id="prompt-text")

    def on_mount(self) -> None:
        self.crumbs("Chat", "Prompt")
        self.query_one("#prompt").focus()
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self._read()

    def _read(self) -> None:
        run, answer = self._talk.run, self._talk.conversation.answers[self._number]
        self.load(lambda: (answer.number, read_prompt(run, answer)), self._show, group="prompt")

    def _show(self, found: tuple[int, Prompt]) -> None:
        number, prompt = found
        if number == self._number:
            self._prompt = prompt
            self.query_one("#prompt-text", Plain).show(prompt.text, None)
            self._draw()

    def _draw(self) -> None:
        prompt, answer = self._prompt, self._talk.conversation.answers[self._number]
        if prompt is None:
            return
        model, colours = self._talk.plan.models[answer.asked.model], self.colours
        line = Text.assemble((one_line(model.label, 60), "bold"))
        line.append(f"  turn {answer.asked.turn}", style=colours.muted)
        if answer.begun is not None and answer.begun.prompt is not None:
            cached = answer.begun.cached
            in_memory = "" if not cached else f", {cached:,} of them in memory before"
            line.append(f" · {answer.begun.prompt:,} tokens{in_memory}", style=colours.muted)
        if not prompt.rendered:
            why = "the messages; its server puts them into the template" if answer.begun else "not given to it by now"
            line.append(f" · {why}", style=colours.warning)
        if prompt.left_out:
            line.append(f" · {prompt.left_out:,} characters before these are not shown", style=colours.warning)
        self.query_one("#prompt-head", Plain).update(line)

    def action_answer(self, by: int) -> None:
        found = beside(self._talk.conversation, self._number, by)
        if found == self._number:
            self.notify("It is the only answer to this turn.", timeout=3, markup=False)
            return
        self._number = found
        self.query_one("#prompt").scroll_home(animate=False)
        self._read()

    def action_copy(self) -> None:
        if self._prompt is not None:
            self.navigator.copy(self._prompt.text, "the prompt")
