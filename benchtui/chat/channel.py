"""The files of a chat as its person has them: lines that are written, events that are read, and what both make."""

from __future__ import annotations

from benchtui.files import unwritable
from benchtui.plans.chat import ChatPlan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.follow.state import RunFollower
from benchtui.runs.follow.view import RunView
from benchtui.runs.kinds.chat.asked import AnyAsked, AskedReader, AskedWriter, Close, asked_file
from benchtui.runs.kinds.chat.conversation import Conversation


class Channel:
    """What one process writes to the worker of a chat, and reads from it; `conversation` is all of it so far.
    `was_closed`: the last thing that was asked before this was that nothing more will be."""

    def __init__(self, run: RunDirectory, plan: ChatPlan) -> None:
        """Read what is there. Raises BenchtuiError where it cannot be read or written."""
        self.conversation = Conversation(len(plan.models), plan.sampling, plan.system)
        self.was_closed = False
        self._file = asked_file(run)
        self._follower = RunFollower(run)
        try:
            self._read_asked()
            self._writer = AskedWriter(self._file)
        except OSError as error:
            raise unwritable(self._file, error) from error
        self.catch_up()
        self.conversation.ready.clear()  # of an earlier worker

    @property
    def view(self) -> RunView:
        """What is known of the run besides the conversation."""
        return self._follower.view

    def follow(self) -> bool:
        """Take in what is new, at most 1 MiB of it; whether there was something."""
        self._follower.update()
        for event in self._follower.new:
            self.conversation.note_event(event)
        return bool(self._follower.new)

    def catch_up(self) -> None:
        """Take in all that is there."""
        while self.follow():
            pass

    def write(self, line: AnyAsked) -> None:
        """Tell the worker something, and know it. Raises BenchtuiError where it cannot be written; it is not known
        then."""
        try:
            self.conversation.note_asked(self._writer.write(line))
        except OSError as error:
            raise unwritable(self._file, error) from error

    def close(self) -> None:
        """Write no more."""
        self._writer.close()

    def _read_asked(self) -> None:
        reader = AskedReader(self._file)
        while lines := reader.read():
            for line in lines:
                self.conversation.note_asked(line)
            self.was_closed = isinstance(lines[-1], Close)
        self.conversation.skipped += reader.skipped
