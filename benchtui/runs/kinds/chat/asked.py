"""What the person in a chat did, one line of JSON each, in the `asked.jsonl` of the run: whoever talks with the models
appends, the worker and every display read.

Together with the run's events it is the whole chat: killed at any moment, a chat is resumed from these two files.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Literal

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.files import open_regular_file, open_run_file
from benchtui.routing.records import Sampling
from benchtui.runs.directory import RunDirectory

LONGEST_LINE = 16 * 2**20
"""Bytes of one line: a message may be a long document, and every answer is asked for with all messages before it."""
_AT_ONCE = 2 * LONGEST_LINE

Role = Literal["system", "user", "assistant"]
Choice = Literal["first", "second", "tie", "skip", "withdrawn"]
"""Which of two answers is better; "skip": neither is said to be; "withdrawn": what was said before is taken back."""


class Message(msgspec.Struct, frozen=True):
    """One message, as a chat template is given it."""

    role: Role
    content: str


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="asked"):
    """One thing that the person did; `t` in seconds since the epoch."""

    t: float = 0.0


class Turn(Asked, frozen=True, kw_only=True, tag="turn"):
    """A message to all models.

    `after` is the turn that it follows, None for the first. Several turns after the same one are branches: an edited
    message is a new turn beside the one it replaces.
    """

    number: int
    after: int | None = None
    text: str


class Write(Asked, frozen=True, kw_only=True, tag="write"):
    """Let a model answer a turn. Answers are counted over the whole chat by `number`; several of one model to one turn
    are tries.

    `messages` are all that its chat template is given, the turn's own last. `begin` is text that the answer begins
    with; `goes_on` is the answer that it is taken from, perhaps of another model: the tokens of a model's own answer
    are read as they were written.
    """

    number: int
    turn: int
    model: int
    messages: tuple[Message, ...]
    sampling: Sampling
    begin: str = ""
    goes_on: int | None = None


class Use(Asked, frozen=True, kw_only=True, tag="use"):
    """In the messages after this turn, a model is told this answer as its own: another try, or another model's."""

    turn: int
    model: int
    answer: int


class Cancel(Asked, frozen=True, kw_only=True, tag="cancel"):
    """Stop writing an answer, all of them where none is named; what is written stays."""

    answer: int | None = None


class Look(Asked, frozen=True, kw_only=True, tag="look"):
    """Let every other model read an answer, to compare token by token. Looks are counted by `number`."""

    number: int
    answer: int


class Vote(Asked, frozen=True, kw_only=True, tag="vote"):
    """Which of two answers to a turn is better; `first` is the one that was shown first (left)."""

    turn: int
    first: int
    second: int
    choice: Choice


class Settings(Asked, frozen=True, kw_only=True, tag="settings"):
    """How answers are written from now on."""

    sampling: Sampling
    system: str | None = None


class Close(Asked, frozen=True, kw_only=True, tag="close"):
    """Nothing more is asked: the worker may end."""


AnyAsked = Turn | Write | Use | Cancel | Look | Vote | Settings | Close


def asked_file(run: RunDirectory) -> Path:
    """Return where a chat keeps what the person did."""
    return run.records / "asked.jsonl"


class AskedWriter:
    """Appends what the person does; a line that a crash has torn is ended first. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._descriptor = open_run_file(path, os.O_RDWR | os.O_APPEND, make_folder=True)
        size = os.fstat(self._descriptor).st_size
        self._torn = bool(size) and os.pread(self._descriptor, 1, size - 1) != b"\n"

    def write(self, line: AnyAsked) -> AnyAsked:
        """Append one line, and return it with its time. Raises BenchtuiError where it is too long, OSError where it
        cannot be written."""
        timed = line if line.t else msgspec.structs.replace(line, t=time.time())
        text = msgspec.json.encode(timed) + b"\n"
        if len(text) > LONGEST_LINE:
            raise BenchtuiError(f"The chat has grown to {len(text):,} bytes for one answer.", "Begin a new one.")
        whole = b"\n" + text if self._torn else text
        self._torn = True
        written = os.write(self._descriptor, whole)
        if written < len(whole):  # a disk that filled up in the middle: the next write raises
            os.write(self._descriptor, whole[written:])
        self._torn = False
        return timed

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class AskedReader:
    """Follows what the person does. Lines that cannot be read, longer ones than LONGEST_LINE among them, are counted in
    `skipped`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._too_long = False
        self.skipped = 0

    def read(self) -> list[AnyAsked]:
        """Return what was asked since the last call; a torn last line waits for its end. Raises OSError."""
        found: list[AnyAsked] = []
        while not found and (lines := self._lines()):
            for text in lines:
                try:
                    found.append(msgspec.json.decode(text, type=AnyAsked))
                except msgspec.MsgspecError:
                    self.skipped += 1
        return found

    def _lines(self) -> list[bytes]:
        """The next whole lines, some megabytes of them."""
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with open_regular_file(self._path) as file:
                file.seek(self._offset)
                data = file.read(_AT_ONCE)
                while b"\n" not in data and len(data) >= LONGEST_LINE:  # a damaged file: it has no end that counts
                    self._offset += len(data)
                    self._too_long = True
                    data = file.read(_AT_ONCE)
        except FileNotFoundError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        lines = data[:end].splitlines()
        if lines and self._too_long:
            self._too_long = False
            lines[0] = b""  # the end of the long one: it counts as a line that cannot be read
        return lines
