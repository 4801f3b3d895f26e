"""Lines of a stream, divided at the byte newline alone: JSON Lines, and the data of server-sent events.

`splitlines` and httpx's `iter_lines` also divide at U+2028, U+2029 and U+0085, which may stand in the middle of a text.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

LONGEST_LINE = 64 * 2**20
"""Bytes of one line; a server that sends more than that without a newline is not listened to any longer."""


class LineTooLongError(ValueError):
    """A line has more than LONGEST_LINE bytes."""


class Lines:
    """Divides chunks of bytes into lines, without their ends; `rest` is what came after the last newline."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that `chunk` completes. Raises LineTooLongError."""
        *whole, last = chunk.split(b"\n")
        for line in whole:
            yield (self.rest + line).removesuffix(b"\r")
            self.rest = b""
        self.rest += last
        if len(self.rest) > LONGEST_LINE:
            raise LineTooLongError(f"a line of more than {LONGEST_LINE:,} bytes")


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield each line that is not empty; the last one may lack its newline. Raises LineTooLongError."""
    lines = Lines()
    async for chunk in chunks:
        for line in lines.feed(chunk):
            if line:
                yield line
    if last := lines.rest.removesuffix(b"\r"):
        yield last


async def events_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html):
    several `data:` lines of one event are joined by newlines, comments and other fields are left out."""
    lines, data = Lines(), list[bytes]()
    async for chunk in chunks:
        for line in lines.feed(chunk):
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data = []
    if lines.rest.startswith(b"data:"):  # a stream that ends without an empty line
        data.append(lines.rest[5:].removeprefix(b" "))
    if data:
        yield b"\n".join(data)
