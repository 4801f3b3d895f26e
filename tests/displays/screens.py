"""A terminal to look at: a pseudo-terminal whose other end is read, and what the sequences sent to it amount to."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from typing import TextIO

_SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Screen:
    """What a terminal that does not wrap shows: understands carriage return, line feed, cursor up, erasing to the end
    of the line and of the screen; colours and modes are dropped. Anything else fails the test."""

    def __init__(self) -> None:
        self.lines = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        position = 0
        while position < len(text):
            found = _SEQUENCE.match(text, position)
            assert found is not None, repr(text[position : position + 20])
            position = found.end()
            arguments, final, control, plain = found.groups()
            if plain is not None:
                self._write(plain)
            elif control == "\r":
                self._column = 0
            elif control == "\n":
                self._down()
            else:
                self._control(arguments, final)

    def _write(self, plain: str) -> None:
        line = self.lines[self._row].ljust(self._column)
        self.lines[self._row] = line[: self._column] + plain + line[self._column + len(plain) :]
        self._column += len(plain)

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append("")

    def _control(self, arguments: str, final: str) -> None:
        if final == "A":
            self._row = max(self._row - int(arguments or 1), 0)
        elif final == "K":
            self.lines[self._row] = self.lines[self._row][: self._column]
        elif final == "J":
            self.lines[self._row] = self.lines[self._row][: self._column]
            del self.lines[self._row + 1 :]
        else:
            assert final in "mhl", final

    @property
    def shown(self) -> list[str]:
        lines = [line.rstrip() for line in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines


class Terminal:
    """A pseudo-terminal: `stream` is what a program writes to, `read` what the terminal received."""

    def __init__(self, columns: int = 80, rows: int = 24, encoding: str = "utf-8") -> None:
        self.master, slave = pty.openpty()
        self._encoding = encoding
        self.stream: TextIO = os.fdopen(slave, "w", encoding=encoding)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds: float = 0.3) -> str:
        """What arrives until nothing has come for `seconds`."""
        received = b""
        while select.select([self.master], [], [], seconds)[0]:
            received += os.read(self.master, 65536)
        return received.decode(self._encoding)

    def read_until(self, words: str, seconds: float = 10) -> str:
        received, deadline = "", time.monotonic() + seconds
        while words not in received:
            assert time.monotonic() < deadline, received[-2000:]
            received += self.read(0.05)
        return received

    def hang_up(self) -> None:
        """Close the terminal's end, as a closed window does."""
        os.close(self.master)

    def close(self) -> None:
        for closing in (self.stream.close, lambda: os.close(self.master)):
            try:
                closing()
            except OSError:
                continue  # closed by the test itself
