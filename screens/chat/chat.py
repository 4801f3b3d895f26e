"""A chat: the same messages to one to four models, whose answers are written side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from benchtui.errors import BenchtuiError
from benchtui.reports.wording.chat import sampling_words
from benchtui.routing.records import Sampling
from benchtui.runs.kinds.chat.asked import Turn
from benchtui.runs.kinds.chat.conversation import Conversation
from benchtui.runs.kinds.chat.events import ChatUnready
from benchtui.text import one_line, printable
from screens.chat.answer_keys import ActsOnAnswers
from screens.chat.composer import Composer
from screens.chat.held import Held
from screens.chat.scene import Rates, Scene
from screens.chat.view import ChatView

if TYPE_CHECKING:
    from benchtui.chat.session import ChatSession

EVERY = 1 / 30
"""Seconds between two looks at what the models have written."""
Begin = Callable[[Callable[[str], None]], "ChatSession"]
"""Starts a chat, or opens one that is kept; says meanwhile what it does. May take a while, and raise BenchtuiError."""


class ChatPage(ActsOnAnswers):
    """`begin` starts the chat while the page is open already: `labels` are what its models are called until then."""

    HELP = (
        "Every message goes to all models, and each answers it in a column of its own. They are loaded while you "
        "write; what is sent before is answered as soon as a model is there. Esc stops what is being written. Tab goes "
        "to the answers, where the other keys work. The chat is kept: c on the first screen lists it."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "write", "Write", show=False, tooltip="To where one writes"),
        Binding("e", "edit", "Edit", tooltip="Write this message differently: a new branch"),
        Binding("escape", "back", "Stop", tooltip="Stop what is being written; else back to where you came from"),
    ]

    def __init__(self, begin: Begin, labels: Sequence[str]) -> None:
        super().__init__(tuple(labels))
        self._begin = begin
        self._nothing = Conversation(len(self.labels), Sampling())
        self._queue: list[str] = []
        self._editing: Turn | None = None
        self._rates = Rates()
        self._scene: Scene | None = None
        self._began = 0.0
        self._said: tuple[Sequence[str], str] | None = None
        self._told_problem = ""
        self._unready: set[int] = set()
        self._failed = False
        self._held: Held[ChatSession] = Held()

    def body(self) -> ComposeResult:
        yield ChatView(len(self.labels), id="chat")
        yield Composer("Write to the models: Enter sends, Ctrl+J begins a new line", id="write")

    def on_mount(self) -> None:
        self._began = self.settings.clock()
        self._crumbs("starting …")
        self.query_one(Composer).focus()
        self.draw()
        begin = partial(self._begin, self._say)
        self.load(lambda: self._held.begin(begin), self._take, group="chat", failed=self._not_begun)
        self.set_interval(EVERY, self.follow)

    def _say(self, line: str) -> None:
        """Show what the user should know of the models; called in the thread that begins the chat."""
        if self.is_attached:
            words = printable(line, 600)
            self.app.call_from_thread(self.notify, words, timeout=10, markup=False)

    def _take(self, chat: ChatSession) -> None:
        self.chat = chat
        self.labels = tuple(model.label for model in chat.plan.models)
        self.end = chat.conversation.newest_end()
        queued, self._queue = self._queue, []
        for text in queued:
            self._send(text)
        self._remember()
        self._show_queue()
        self.follow(force=True)
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
        if (chat := self._held.leave()) is not None:
            self.app.run_worker(chat.close, thread=True, exit_on_error=False, group="closing")

    # Following.

    def follow(self, force: bool = False) -> None:
        """Read what is new, send what waits, and draw what has changed."""
        chat = self.chat
        if self._held.left:
            return
        if chat is None:
            self.draw()
            return
        changed = self._polled(chat)
        open_answers = any(True for _ in chat.conversation.open_answers())
        if open_answers:
            self._rates.note(chat.conversation, self.settings.clock())
        self._tell(chat)
        loading = len(chat.conversation.ready) < len(self.labels)
        if (changed or open_answers or loading or force) and self.is_active:
            self._draw(whole=force)

    def _polled(self, chat: ChatSession) -> bool:
        """Read what is new and ask what waits; whether anything changed. Where that cannot be written, it waits on."""
        try:
            return chat.poll()
        except BenchtuiError as error:
            self.tell(error.what, error.next_step)
            return False

    def on_screen_resume(self) -> None:
        """Draw what came while another page hid this one."""
        if self.chat is not None:
            self.follow(force=True)

    def _tell(self, chat: ChatSession) -> None:
        """Show, once, which model cannot be asked, and why the chat has ended."""
        for model, ready in chat.conversation.ready.items():
            if isinstance(ready, ChatUnready) and model not in self._unready:
                self._unready.add(model)
                self.tell(f"{one_line(self.labels[model], 60)}: {ready.what}", ready.next_step)
        if chat.problem and chat.problem != self._told_problem:
            self._told_problem = chat.problem
            self.tell(chat.problem)

    def draw(self) -> None:
        self._draw(whole=True)

    def _draw(self, *, whole: bool) -> None:
        """Draw all, or only what the models have written where nothing else has changed: that costs the same however
        long the chat is."""
        chat = self.chat
        conversation = chat.conversation if chat else self._nothing
        waiting = chat.waiting if chat else ()
        scene = self._scene
        if whole or scene is None or not scene.is_of(self.end, waiting):
            whole = True
            scene = Scene(conversation, self.labels, self._rates, self.unfolded, self.path)
            scene.know(self.end, waiting, chat.plan if chat else None)
            self._scene = scene
        waited = self.settings.clock() - self._began
        heads = [scene.head(model, None if self._failed else waited) for model in range(len(self.labels))]
        since = scene.first_open()
        self.view.show(scene.path, heads, scene.heading, scene.answer, 0 if whole else since)
        if chat is not None:
            self._crumbs(sampling_words(conversation.sampling, conversation.system))

    def _crumbs(self, right: str) -> None:
        """Say where one is; the line is laid out again, so only where it has changed."""
        if (said := (self.labels, right)) != self._said:
            self._said = said
            self.crumbs("Chat", " | ".join(self.labels), right=right)

    # Writing.

    def on_composer_sent(self, message: Composer.Sent) -> None:
        editing, self._editing = self._editing, None
        self._show_editing()
        if editing is not None and self.chat is not None:
            chat = self.chat
            self.ask(lambda: self._go_to(chat.edit(editing.number, message.text)), message.text)
        elif self._failed:
            self.query_one(Composer).put(message.text)
        elif self.chat is None:
            self._queue.append(message.text)
            self._show_queue()
        else:
            self._send(message.text)

    def _send(self, text: str) -> None:
        if chat := self.chat:
            self.ask(lambda: self._go_to(chat.say(text, self.end)), text)

    def _go_to(self, turn: Turn) -> None:
        self.end = turn.number
        self._remember()
        self.draw()
        self.view.go_to_end()

    def _remember(self) -> None:
        if self.chat is not None:
            texts = list(dict.fromkeys(turn.text for turn in self.chat.conversation.turns.values()))
            self.query_one(Composer).remember(texts)

    def give_back(self, text: str) -> None:
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
        elif self.chat is not None and self.chat.can_stop and not self.chat.problem:
            self.ask(self.chat.cancel)
        elif composer.has_focus and self.path:
            self.view.focus()
        else:
            self._close()
            super().action_back()

    def action_write(self) -> None:
        self.query_one(Composer).focus()

    def action_edit(self) -> None:
        if turn := self.selected_turn:
            self._editing = turn
            composer = self.query_one(Composer)
            composer.put(turn.text)
            composer.focus()
            self._show_editing()
