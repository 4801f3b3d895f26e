"""A chat: the same messages to one to four models, whose answers are written side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from benchtui.errors import BenchtuiError
from benchtui.reports.wording.chat import sampling_words
from benchtui.routing.records import Sampling
from benchtui.runs.kinds.chat.asked import Turn
from benchtui.runs.kinds.chat.conversation import Answer, Conversation
from benchtui.runs.kinds.chat.events import ChatUnready
from benchtui.text import one_line, printable
from screens.chat.beside.keys import Beside
from screens.chat.composer import Composer
from screens.chat.scene import Rates, Scene, beside, newest_below
from screens.chat.view import ChatView

if TYPE_CHECKING:
    from benchtui.chat.session import ChatSession

EVERY = 1 / 30
"""Seconds between two looks at what the models have written."""
Begin = Callable[[Callable[[str], None]], "ChatSession"]
"""Starts a chat, or opens one that is kept; says meanwhile what it does. May take a while, and raise BenchtuiError."""


class ChatPage(Beside):
    """`begin` starts the chat while the page is open already: `labels` are what its models are called until then."""

    HELP = (
        "Every message goes to all models, and each answers it in a column of its own. They are loaded while you "
        "write; what is sent before is answered as soon as a model is there. Esc stops what is being written. Tab goes "
        "to the answers, where the other keys work. The chat is kept: c on the first screen lists it."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "write", "Write", show=False, tooltip="To where one writes"),
        Binding("r", "again", "Again", tooltip="Let this model answer once more: another try"),
        Binding("e", "edit", "Edit", tooltip="Write this message differently: a new branch"),
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
        Binding("escape", "back", "Stop", tooltip="Stop what is being written; else back to where you came from"),
    ]

    def __init__(self, begin: Begin, labels: Sequence[str]) -> None:
        super().__init__()
        self._begin = begin
        self._labels = tuple(labels)
        self.chat: ChatSession | None = None
        """None until it has begun."""
        self.end: int | None = None
        """The last turn of the branch that is shown."""
        self._nothing = Conversation(len(self._labels), Sampling())
        self._queue: list[str] = []
        self._editing: Turn | None = None
        self._unfolded: set[int] = set()
        self._rates = Rates()
        self._began = 0.0
        self._said: tuple[Sequence[str], str] | None = None
        self._told_problem = ""
        self._unready: set[int] = set()
        self._ended = self._failed = False

    def body(self) -> ComposeResult:
        yield ChatView(len(self._labels), id="chat")
        yield Composer("Write to the models: Enter sends, Ctrl+J begins a new line", id="write")

    def on_mount(self) -> None:
        self._began = self.settings.clock()
        self._crumbs("starting …")
        self.query_one(Composer).focus()
        self._draw()
        self.load(lambda: self._begin(self._say), self._take, group="chat", failed=self._not_begun)
        self.set_interval(EVERY, self._follow)

    def _say(self, line: str) -> None:
        """Show what is done before the chat has begun; called in the thread that does it."""
        self.app.call_from_thread(self._crumbs, line)

    def _take(self, chat: ChatSession) -> None:
        self.chat = chat
        self._labels = tuple(model.label for model in chat.plan.models)
        self.end = chat.conversation.newest_end()
        queued, self._queue = self._queue, []
        for text in queued:
            self._send(text)
        self._remember()
        self._show_queue()
        self._follow(force=True)
        self.view.go_to_end()

    def _not_begun(self, what: str, next_step: str) -> None:
        """Say why, and give back what was written."""
        self._failed = True
        self._crumbs("not begun")
        self.tell(what, next_step)
        self._take_back()

    def _take_back(self) -> None:
        """Put what waits to be sent back to where one writes."""
        composer = self.query_one(Composer)
        if self._queue:
            composer.put("\n".join([*self._queue, *([composer.text] if composer.text else [])]))
            self._queue.clear()
            self._show_queue()

    async def on_unmount(self) -> None:
        self._close()

    def _close(self) -> None:
        """End the worker, in a thread: it may have to finish what it does."""
        if self.chat is not None and not self._ended:
            self._ended = True
            self.app.run_worker(self.chat.close, thread=True, exit_on_error=False, group="closing")

    # Following.

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
        self._follow(force=True)

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

    def _follow(self, force: bool = False) -> None:
        """Read what is new, send what waits, and draw what has changed."""
        chat = self.chat
        if chat is None:
            self._draw()
            return
        changed = chat.poll()
        open_answers = any(True for _ in chat.conversation.open_answers())
        if open_answers:
            self._rates.note(chat.conversation, self.settings.clock())
        self._tell(chat)
        loading = len(chat.conversation.ready) < len(self._labels)
        if (changed or open_answers or loading or force) and self.is_active:
            self._draw()

    def on_screen_resume(self) -> None:
        """Draw what came while another page hid this one."""
        if self.chat is not None:
            self._follow(force=True)

    def _tell(self, chat: ChatSession) -> None:
        """Show, once, which model cannot be asked, and why the chat has ended."""
        for model, ready in chat.conversation.ready.items():
            if isinstance(ready, ChatUnready) and model not in self._unready:
                self._unready.add(model)
                self.tell(f"{one_line(self._labels[model], 60)}: {ready.what}", ready.next_step)
        if chat.problem and chat.problem != self._told_problem:
            self._told_problem = chat.problem
            self.tell(chat.problem)

    def _draw(self) -> None:
        chat = self.chat
        conversation = chat.conversation if chat else self._nothing
        scene = Scene(conversation, self._labels, self._rates, self._unfolded)
        if chat is not None:
            scene.know(chat.plan, chat.waiting)
        waited = self.settings.clock() - self._began
        if self._failed:
            scene.give_up()
        heads = [scene.head(model, waited) for model in range(len(self._labels))]
        self.view.show(self.path, heads, scene.heading, scene.answer)
        if chat is not None:
            self._crumbs(sampling_words(conversation.sampling, conversation.system))

    def _crumbs(self, right: str) -> None:
        """Say where one is; the line is laid out again, so only where it has changed."""
        if (said := (self._labels, right)) != self._said:
            self._said = said
            self.crumbs("Chat", " | ".join(self._labels), right=right)

    # Writing.

    def on_composer_sent(self, message: Composer.Sent) -> None:
        editing, self._editing = self._editing, None
        self._show_editing()
        if editing is not None and self.chat is not None:
            chat = self.chat
            self._ask(lambda: self._go_to(chat.edit(editing.number, message.text)), message.text)
        elif self._failed:
            self.query_one(Composer).put(message.text)
        elif self.chat is None:
            self._queue.append(message.text)
            self._show_queue()
        else:
            self._send(message.text)

    def _send(self, text: str) -> None:
        if chat := self.chat:
            self._ask(lambda: self._go_to(chat.say(text, self.end)), text)

    def _go_to(self, turn: Turn) -> None:
        self.end = turn.number
        self._remember()
        self._draw()
        self.view.go_to_end()

    def _remember(self) -> None:
        if self.chat is not None:
            texts = list(dict.fromkeys(turn.text for turn in self.chat.conversation.turns.values()))
            self.query_one(Composer).remember(texts)

    def _ask(self, what: Callable[[], object], text: str = "") -> None:
        """Do it; where that fails, say why, and put `text` back to where one writes."""
        self.clear_notice()
        try:
            what()
        except BenchtuiError as error:
            self.tell(error.what, error.next_step)
        except OSError as error:
            self.tell(f"The chat cannot be written: {error.strerror or error}.", "Free space, and send it again.")
        else:
            self._follow(force=True)
            return
        if text:
            self.query_one(Composer).put(text)

    def _show_queue(self) -> None:
        count = len(self._queue)
        words = f"{count} message{'s' if count != 1 else ''} sent when the chat has begun (Esc takes it back)"
        self.query_one(Composer).border_subtitle = words if count else ""

    def _show_editing(self) -> None:
        words = "Another message in its place: Enter sends, Esc leaves it as it was" if self._editing else ""
        self.query_one(Composer).border_title = words

    # Keys.

    def action_back(self) -> None:
        """Stop the first of these that is going on; leave the page where nothing is."""
        composer = self.query_one(Composer)
        if self._editing is not None:
            self._editing = None
            composer.put("")
            self._show_editing()
        elif self._queue:
            self._take_back()
        elif self.chat is not None and self.chat.unfinished and not self.chat.problem:
            self._ask(self.chat.cancel)
        elif composer.has_focus and self.path:
            self.view.focus()
        else:
            self._close()
            super().action_back()

    def action_write(self) -> None:
        self.query_one(Composer).focus()

    def action_again(self) -> None:
        if (chat := self.chat) and (turn := self.selected_turn):
            self._ask(lambda: chat.regenerate(turn.number, self.view.model))

    def action_edit(self) -> None:
        if turn := self.selected_turn:
            self._editing = turn
            composer = self.query_one(Composer)
            composer.put(turn.text)
            composer.focus()
            self._show_editing()

    def action_go_on(self) -> None:
        if (chat := self.chat) and (answer := self._over()):
            self._ask(lambda: chat.go_on(answer.number, self.view.model))

    def action_other(self) -> None:
        """Let the next model continue the answer under the cursor, and go there."""
        other = (self.view.model + 1) % len(self._labels)
        if len(self._labels) == 1:
            self.notify("There is no other model in this chat.", timeout=3, markup=False)
        elif (chat := self.chat) and (answer := self._over()):
            self._ask(lambda: chat.go_on(answer.number, other))
            self.view.go_to_model(other)

    def action_use(self) -> None:
        chat, turn, answer = self.chat, self.selected_turn, self._over()
        if chat is None or turn is None or answer is None:
            return

        def use() -> None:
            for model in range(len(self._labels)):
                if model != self.view.model:
                    chat.use(turn.number, model, answer.number)

        self._ask(use)

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
            self._ask(lambda: chat.use(turn.number, self.view.model, tries[place]))

    def action_branch(self, by: int) -> None:
        if (chat := self.chat) and (turn := self.selected_turn) and (other := beside(chat.conversation, turn, by)):
            self.end = newest_below(chat.conversation, other.number)
            self._draw()

    def action_model(self, number: int) -> None:
        if number <= len(self._labels):
            self.view.go_to_model(number - 1)

    def action_fold(self) -> None:
        if answer := self.selected:
            self._unfolded ^= {answer.number}
            self._draw()

    def on_chat_view_folding(self) -> None:
        self.action_fold()

    def action_copy(self) -> None:
        if answer := self.selected:
            self.navigator.copy(printable(answer.text), f"the answer of {self._labels[answer.asked.model]}")
