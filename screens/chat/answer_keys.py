"""The keys of a chat's page that act on the turn and the answer under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from benchtui.errors import BenchtuiError
from benchtui.runs.kinds.chat.asked import Turn
from benchtui.runs.kinds.chat.conversation import Answer
from screens.chat.beside.keys import Beside
from screens.chat.scene import beside, newest_below
from screens.chat.view import ChatView

if TYPE_CHECKING:
    from benchtui.chat.session import ChatSession


class ActsOnAnswers(Beside):
    """`chat` is None until it has begun; `end` is the last turn of the branch that is shown, and `unfolded` are the
    answers whose thinking is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "Again", tooltip="Let this model answer once more: another try"),
        Binding("g", "go_on", "Continue", tooltip="Let this model continue this answer"),
        Binding("o", "other", "Other continues", tooltip="Let the next model continue this answer's text", show=False),
        Binding("u", "use", "Use for all", tooltip="Tell the other models this answer as their own", show=False),
        Binding("less_than_sign", "try(-1)", "Try before", tooltip="The try before", show=False),
        Binding("greater_than_sign", "try(1)", "Next try", tooltip="The next try of this model", show=False),
        Binding("left_square_bracket", "branch(-1)", "Branch before", tooltip="The branch before", show=False),
        Binding("right_square_bracket", "branch(1)", "Next branch", tooltip="The next branch", show=False),
        Binding("f", "fold", "Thinking", tooltip="Show what the model thought, or fold it", show=False),
        Binding("y", "copy", "Copy", tooltip="Copy this answer as the model wrote it", show=False),
        *(Binding(str(n), f"model({n})", f"Model {n}", tooltip=f"To model {n}", show=False) for n in range(1, 5)),
    ]

    def __init__(self, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.labels = labels
        self.chat: ChatSession | None = None
        self.end: int | None = None
        self.unfolded: set[int] = set()

    # What the page itself does.

    def draw(self) -> None:
        """Draw all."""

    def follow(self, force: bool = False) -> None:
        """Read what is new, and draw what has changed; all with `force`."""

    def give_back(self, text: str) -> None:
        """Put what could not be sent to where one writes."""

    # What is looked at.

    @property
    def view(self) -> ChatView:
        """What was said."""
        return self.query_one(ChatView)

    @property
    def beside_chat(self) -> ChatSession | None:
        return self.chat

    @property
    def beside_answer(self) -> Answer | None:
        return self.selected

    @property
    def beside_end(self) -> int | None:
        return self.end

    def beside_changed(self) -> None:
        self.follow(force=True)

    @property
    def path(self) -> list[Turn]:
        """The turns that are shown."""
        return self.chat.conversation.path(self.end) if self.chat else []

    @property
    def selected_turn(self) -> Turn | None:
        """The turn under the cursor."""
        path = self.path
        return path[self.view.turn] if self.view.turn < len(path) else None

    @property
    def selected(self) -> Answer | None:
        """The answer under the cursor."""
        turn = self.selected_turn
        return self.chat.conversation.used(turn.number, self.view.model) if self.chat and turn else None

    def ask(self, what: Callable[[], object], text: str = "") -> None:
        """Do it; where that fails, say why, and give `text` back."""
        self.clear_notice()
        try:
            what()
        except BenchtuiError as error:
            self.tell(error.what, error.next_step)
        except OSError as error:
            self.tell(f"The chat cannot be written: {error.strerror or error}.", "Free space, and send it again.")
        else:
            self.follow(force=True)
            return
        self.give_back(text)

    # Keys.

    def action_again(self) -> None:
        if (chat := self.chat) and (turn := self.selected_turn):
            self.ask(lambda: chat.regenerate(turn.number, self.view.model))

    def action_go_on(self) -> None:
        if (chat := self.chat) and (answer := self._over()):
            self.ask(lambda: chat.go_on(answer.number, self.view.model))

    def action_other(self) -> None:
        """Let the next model continue the answer under the cursor, and go there."""
        other = (self.view.model + 1) % len(self.labels)
        if len(self.labels) == 1:
            self.notify("There is no other model in this chat.", timeout=3, markup=False)
        elif (chat := self.chat) and (answer := self._over()):
            self.ask(lambda: chat.go_on(answer.number, other))
            self.view.go_to_model(other)

    def action_use(self) -> None:
        chat, turn, answer = self.chat, self.selected_turn, self._over()
        if chat is None or turn is None or answer is None:
            return

        def use() -> None:
            for model in range(len(self.labels)):
                if model != self.view.model:
                    chat.use(turn.number, model, answer.number)

        self.ask(use)

    def _over(self) -> Answer | None:
        """The answer under the cursor, where it is over."""
        answer = self.selected
        if answer is not None and not answer.over:
            self.notify("It is being written: Esc stops it.", timeout=3, markup=False)
            return None
        return answer

    def action_try(self, by: int) -> None:
        """Tell the model another of its tries as its answer."""
        chat, turn, used = self.chat, self.selected_turn, self.selected
        if chat is None or turn is None or used is None:
            return
        tries = [answer.number for answer in chat.conversation.tries(turn.number, self.view.model)]
        place = tries.index(used.number) + by if used.number in tries else len(tries) - 1
        if 0 <= place < len(tries):
            self.ask(lambda: chat.use(turn.number, self.view.model, tries[place]))

    def action_branch(self, by: int) -> None:
        if (chat := self.chat) and (turn := self.selected_turn) and (other := beside(chat.conversation, turn, by)):
            self.end = newest_below(chat.conversation, other.number)
            self.draw()

    def action_model(self, number: int) -> None:
        if number <= len(self.labels):
            self.view.go_to_model(number - 1)

    def action_fold(self) -> None:
        if answer := self.selected:
            self.unfolded ^= {answer.number}
            self.draw()

    def on_chat_view_folding(self) -> None:
        self.action_fold()

    def action_copy(self) -> None:
        if answer := self.selected:
            self.navigator.copy(answer.text, f"the answer of {self.labels[answer.asked.model]}")
