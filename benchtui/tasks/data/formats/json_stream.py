"""A JSON file of any size read value by value: only what has not been read yet is held."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from benchtui.tasks.data.formats.json_values import BadJsonError, decoded, in_words, skip_space
from benchtui.tasks.data.rows import Cell
from benchtui.tasks.data.text_file import LONGEST_LINE, TextFile, pieces, too_long
from benchtui.text import one_line

_OF_NUMBER = re.compile(r"[0-9.eE+-]*")
_LIST_OF_OBJECTS = re.compile(r"\[[ \t\n\r]*(.)?", re.DOTALL)


class JsonStream:
    """The text of a JSON file and how far it is read: `done` characters; `line` is the line of that place, from 1.

    Every method may raise BadJsonError, and what reading the file raises.
    """

    def __init__(self, text: TextFile) -> None:
        self.text = text
        self.line = 1
        self.done = 0
        self._pieces = pieces(text)
        self._buffer = ""
        self._at = 0

    def peek(self) -> str:
        """Return the next character that is no white space, "" at the end of the file."""
        while True:
            self._advance(skip_space(self._buffer, self._at))
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._grow():
                return ""

    def take(self, wanted: str) -> str:
        """Read one of the characters `wanted`."""
        found = self.peek()
        if not found:
            raise BadJsonError("the file ends too early")
        if found not in wanted:
            raise BadJsonError(f"{' or '.join(wanted)} is missing before {found}")
        self._advance(self._at + 1)
        return found

    def value(self) -> Cell:
        """Read one value."""
        self.peek()
        while True:
            try:
                value, end = decoded(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if not self._grow():
                    raise self._explained(error) from None
                continue
            if isinstance(value, list | dict) or self._complete(end) or not self._grow():
                self._advance(end)
                return value

    def _complete(self, end: int) -> bool:
        """Whether the value that ends there is whole: 1 or 1. at the end of the buffer may be the beginning of 1.5."""
        found = _OF_NUMBER.match(self._buffer, end)
        return found is not None and found.end() < len(self._buffer)

    def items(self) -> Iterator[tuple[int, Cell]]:
        """Read a list: yield the line where each item begins, and the item."""
        self.take("[")
        if self.peek() == "]":
            self.take("]")
            return
        while True:
            self.peek()
            yield self.line, self.value()
            if self.take(",]") == "]":
                return

    def names(self) -> Iterator[tuple[int, str]]:
        """Read an object: yield the line and name of each member, whose value the caller reads before the next."""
        self.take("{")
        if self.peek() == "}":
            self.take("}")
            return
        seen: set[str] = set()
        while True:
            if self.peek() != '"':
                raise BadJsonError("the name of a value, in double quotes, is missing")
            line, name = self.line, str(self.value())
            if name in seen:
                raise BadJsonError(f'the name "{name}" occurs twice in an object')
            seen.add(name)
            self.take(":")
            yield line, name
            if self.take(",}") == "}":
                return

    def at_list_of_objects(self) -> bool:
        """Whether the next value is a list whose first item is an object."""
        if self.peek() != "[":
            return False
        while (found := _LIST_OF_OBJECTS.match(self._buffer, self._at)) and not found[1]:
            if not self._grow():
                return False
        return bool(found and found[1] == "{")

    def _advance(self, end: int) -> None:
        self.line += self._buffer.count("\n", self._at, end)
        self.done += end - self._at
        self._at = end

    def _grow(self) -> bool:
        """Drop what is read and read on, at least as much as is held; at the end of the file change nothing and return
        False."""
        rest = self._buffer[self._at :]
        if len(rest) > LONGEST_LINE:
            raise too_long(self.text.path, f"line {self.line}")
        parts, more = [rest], 0
        for piece in self._pieces:
            parts.append(piece)
            more += len(piece)
            if more > len(rest):
                break
        if not more:
            return False
        self._buffer, self._at = "".join(parts), 0
        return True

    def _explained(self, error: json.JSONDecodeError) -> BadJsonError:
        """Move to the place of the error, so that `line` names it."""
        self._advance(min(error.pos, len(self._buffer)))
        if not self._buffer[self._at :].strip():
            return BadJsonError("the file ends in the middle of a value")
        return BadJsonError(f'{in_words(error)}, before "{one_line(self._buffer[self._at :][:80], 40)}"')
