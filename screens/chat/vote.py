"""A blind vote: two unnamed answers to each prompt side by side, and at the end what the votes show."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input

from benchtui.chat.voting import Session, Shown, Voting
from benchtui.errors import BenchtuiError
from benchtui.runs.known import shown_name
from benchtui.text import one_line
from screens.chat.held import Held
from screens.chat.vote_result import VoteResult
from screens.dialogs import Ask
from screens.page import Page
from screens.widgets.plain import Plain

if TYPE_CHECKING:
    from benchtui.compare.votes import BlindVotes
    from benchtui.runs.kinds.chat.asked import Choice

EVERY = 1 / 10
"""Seconds between two looks at whether answers are over."""
SEEN = 0.3
"""Seconds for which answers were seen before a vote on them is taken: a key that is held votes once."""
Begin = Callable[[Callable[[str], None]], Session]
"""Starts a chat, or opens one that is kept; says meanwhile what it does. May take a while, and raise BenchtuiError."""


class Side(VerticalScroll, can_focus=False):
    """One of the answers."""


class VotePage(Page):
    """`begin` starts the chat while the page is open already; `labels` are what its models are called, in the order in
    which they were named: it says nothing of the sides."""

    HELP = (
        "Two models answer each prompt; which one is left is drawn anew each time. Say which answer is better. Both "
        "are shown when both are over, so that speed says nothing, and without what a model thought before. Who wrote "
        "what, and what the votes show, is said at the end. Up and down scroll both answers."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1,left", "vote('first')", "Left", key_display="1", tooltip="The left answer is better"),
        Binding("0,equals_sign,t", "vote('tie')", "Tie", key_display="0", tooltip="Neither is better"),
        Binding("2,right", "vote('second')", "Right", key_display="2", tooltip="The right answer is better"),
        Binding("s", "vote('skip')", "Skip", tooltip="Say nothing of this prompt"),
        Binding("u", "undo", "Undo", tooltip="Take the last vote back"),
        Binding("v", "continue", "Vote on", tooltip="Continue the vote; the report says that the result was shown"),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", show=False),
        Binding("pagedown", "scroll(10)", "Page down", show=False),
        Binding("escape", "back", "End", tooltip="End the vote and see the result; then back to where you came from"),
    ]

    def __init__(self, begin: Begin, labels: Sequence[str]) -> None:
        super().__init__()
        self._begin, self._labels = begin, tuple(labels)
        self._voting: Voting | None = None
        self._result: BlindVotes | None = None
        self._drawn: object = None
        self._since = 0.0
        self._held: Held[Session] = Held()

    def body(self) -> ComposeResult:
        with VerticalScroll(id="vote-asked", can_focus=False):
            yield Plain(id="vote-prompt")
        with Horizontal(id="vote-sides"):
            for name in ("left", "right"):
                with Side(id=f"vote-{name}", classes="pane"):
                    yield Plain(id=f"vote-{name}-text")
        yield VoteResult(id="vote-result")
        yield Plain(id="vote-status")
        yield Input(placeholder="Write a prompt for both models, then Enter", id="vote-write")

    def on_mount(self) -> None:
        for side, title in zip(self.query(Side), ("Left", "Right"), strict=True):
            side.border_title = title
        self._crumbs("starting …")
        self._say_status("Starting …")
        begin = partial(self._begin, self._say)
        self.load(lambda: _vote_in(self._held.begin(begin)), self._take, group="chat", failed=self._fail)
        self.set_interval(EVERY, self._follow)

    def _say(self, line: str) -> None:
        if self.is_attached:
            self.app.call_from_thread(self._say_status, one_line(line, 300))

    def _fail(self, what: str, next_step: str) -> None:
        self._crumbs("")
        self._say_status("")
        self.tell(what, next_step)

    def _take(self, voting: Voting) -> None:
        self._voting, self._labels = voting, voting.labels
        self._follow()

    async def on_unmount(self) -> None:
        self._close()

    def _close(self) -> None:
        """End the worker, in a thread: it may have to finish what it does."""
        if (session := self._held.leave()) is not None:
            self.app.run_worker(session.close, thread=True, exit_on_error=False, group="closing")

    # What is shown.

    def _follow(self) -> None:
        voting = self._voting
        if voting is None or self._result is not None or self._held.left:
            return
        if not self._try(voting.poll):
            return
        if problem := voting.problem:
            self.tell(problem)
        elif voting.over:
            self._end()
            return
        self._draw(voting)

    def _try(self, what: Callable[[], object]) -> bool:
        """Do it, or say on the screen why it cannot be done."""
        try:
            what()
        except BenchtuiError as error:
            self.tell(error.what, error.next_step)
        except OSError as error:
            self.tell(f"The vote cannot be written: {error.strerror or error}.", "Free some space, and vote again.")
        else:
            return True
        return False

    def _draw(self, voting: Voting) -> None:
        shown = voting.current
        self._say_status(self._status(voting, shown))
        state = (voting.voted, voting.skipped, voting.wants_prompt, shown and (shown.turn.number, shown.over))
        if state == self._drawn:
            return
        self._drawn = state
        self._crumbs(_progress(voting))
        self._show_prompt_line(voting.wants_prompt)
        self.query_one("#vote-prompt", Plain).show(shown.turn.text if shown else "")
        texts = shown.texts if shown and shown.over and not shown.failed else ("", "")
        for side, text in zip(self.query(Side), texts, strict=True):
            empty = "(no text)" if shown and shown.over and not shown.failed else ""
            side.query_one(Plain).show(text or empty)
            side.scroll_home(animate=False)
        self._since = time.monotonic()

    def _status(self, voting: Voting, shown: Shown | None) -> str:
        if shown is None:
            return "" if voting.wants_prompt or voting.problem else "Asking …"
        if not shown.over:
            loading = f" {voting.loading} still loading." if voting.loading else ""
            return f"The models are writing; both answers are shown when both are over.{loading}"
        if shown.failed:
            return "An answer could not be written: s skips this prompt."
        return "Which answer is better?"

    def _show_prompt_line(self, wanted: bool) -> None:
        line = self.query_one("#vote-write", Input)
        line.display = wanted
        if wanted:
            line.focus()
        else:
            self.set_focus(None)

    def _say_status(self, words: str) -> None:
        self.query_one("#vote-status", Plain).show(words)

    def _crumbs(self, right: str) -> None:
        self.crumbs("Blind vote", " | ".join(one_line(label, 40) for label in self._labels), right=right)

    def _show_result(self, voting: Voting, found: BlindVotes) -> None:
        self._result = found
        self.add_class("-result")
        self._show_prompt_line(False)
        self._crumbs(f"{len(found.votes):,} vote{'' if len(found.votes) == 1 else 's'}")
        turns = voting.session.conversation.turns
        prompts = {number: turn.text for number, turn in turns.items()}
        result = self.query_one(VoteResult)
        result.show(found, prompts)
        result.focus()
        name = one_line(shown_name(voting.session.run), 200)
        self._say_status(f"Kept: benchtui history shows it, benchtui chat --resume {name} opens it.")
        self.refresh_bindings()

    # What the voter does.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer votes while there is one, and to continue where a result is shown before the end."""
        del parameters
        if action == "continue":
            return self._result is not None and self._voting is not None and not self._voting.over
        if action in ("vote", "undo", "scroll"):
            return self._result is None
        return True

    def action_vote(self, choice: Choice) -> None:
        voting = self._voting
        if voting is None or time.monotonic() - self._since < SEEN:
            return
        if self._try(lambda: voting.vote(choice)):
            self._follow()

    def action_undo(self) -> None:
        voting = self._voting
        if voting is not None and self._try(voting.undo):
            self._follow()

    def action_scroll(self, by: int) -> None:
        for side in self.query(Side):
            side.scroll_relative(y=by, animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        voting, text = self._voting, event.value
        if voting is not None and text.strip() and self._try(lambda: voting.ask(text)):
            event.input.value = ""
            self._follow()

    def action_continue(self) -> None:
        """Vote on after the result was shown."""
        self._result = self._drawn = None
        self.remove_class("-result")
        self.refresh_bindings()
        self._follow()

    def action_back(self) -> None:
        voting = self._voting
        if voting is None or self._result is not None or not voting.voted:
            self._close()
            super().action_back()
            return

        def answer(yes: bool | None) -> None:
            if yes:
                self._end()

        about = (
            f"{_progress(voting)}. The result is shown, and who wrote which answer. The vote can be continued later."
        )
        self.app.push_screen(Ask("End the vote?", about, yes="End it", no="Vote on"), answer)

    def _end(self) -> None:
        voting = self._voting
        if voting is None or self._result is not None:
            return
        try:
            found = voting.end()
        except BenchtuiError as error:
            self.tell(error.what, error.next_step)
            return
        self._show_result(voting, found)


def _vote_in(session: Session) -> Voting:
    """Return the vote in a chat that has begun; one that is none is closed again."""
    try:
        return Voting(session)
    except BenchtuiError:
        session.close()
        raise


def _progress(voting: Voting) -> str:
    """ "4 of 30 votes, 1 skipped"."""
    of = f" of {voting.wanted:,}" if voting.wanted is not None else ""
    skipped = f", {voting.skipped:,} skipped" if voting.skipped else ""
    return f"{voting.voted:,}{of} vote{'' if voting.voted == 1 and not of else 's'}{skipped}"
