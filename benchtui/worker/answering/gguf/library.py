"""llama.cpp, imported and kept quiet: what it would print is kept for messages instead."""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Callable
from typing import Any

from benchtui.backends.gguf import GGUF
from benchtui.errors import BenchtuiError
from benchtui.text import one_line

_WARNING, _ERROR, _CONTINUED = 3, 4, 5  # ggml_log_level: 0 none, 1 debug, 2 info
_KEPT = 100


class Pending:
    """The first thing raised inside a callback of llama.cpp's, which C code cannot pass on: raise it afterwards.

    A signal's handler may raise there as well, so that everything is caught.
    """

    def __init__(self) -> None:
        self._error: BaseException | None = None

    def __bool__(self) -> bool:
        return self._error is not None

    def guard(self, call: Callable[[], None]) -> None:
        """Call `call`; what it raises is kept, unless something is kept already."""
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised again by `raise_kept`
            self._error = self._error or error

    def raise_kept(self) -> None:
        """Raise what is kept, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error


class Log:
    """The latest warnings and errors of llama.cpp, one line each; nothing of it is printed."""

    def __init__(self) -> None:
        self.lines: deque[tuple[int, str]] = deque(maxlen=_KEPT)
        self.pending = Pending()
        self._level = 0

    def clear(self) -> None:
        """Forget what was said."""
        self.lines.clear()

    def hear(self, level: int, text: bytes) -> None:
        """Take a piece of log; one of level "continued" belongs to the line before it."""
        continued = level == _CONTINUED
        self._level = self._level if continued else level
        if self._level not in (_WARNING, _ERROR):
            return
        said = text.decode(errors="replace").strip()
        if continued and self.lines and said:
            level, line = self.lines.pop()
            said = f"{line} {said}"
        if said:
            self.lines.append((self._level, one_line(said, 400)))

    def says(self, phrase: str) -> str:
        """Return the first kept line that contains `phrase`, "" for none."""
        return next((line for _, line in self.lines if phrase in line.lower()), "")

    def reason(self) -> str:
        """Return why something failed, in llama.cpp's words: its errors, the first ones name the cause."""
        errors = [line for level, line in self.lines if level == _ERROR]
        causes = [line for line in errors if "failed to load model" not in line] or errors
        return one_line(_without_function(causes[0]), 300) if causes else "llama.cpp gives no reason"


def _without_function(line: str) -> str:
    """A line without the name of the C function that begins it."""
    name, colon, rest = line.partition(": ")
    return rest if colon and " " not in name and rest else line


LOG = Log()
_library: Any = None
_callback: Any = None  # llama.cpp calls it as long as the process lives


def llama() -> Any:
    """Return llama-cpp-python's low-level module, quiet. Raises BenchtuiError with the lines that install it."""
    global _library, _callback
    if _library is not None:
        return _library
    # An assertion that fails in C would start a debugger for a backtrace before it ends the process.
    os.environ.setdefault("GGML_NO_BACKTRACE", "1")
    GGUF.check()
    try:
        from llama_cpp import llama_cpp as library
    except Exception as error:  # a library that is missing, or built for another processor
        raise BenchtuiError(
            f"llama-cpp-python cannot be loaded here: {type(error).__name__}: {one_line(str(error), 300)}",
            GGUF.needs[0].install,
        ) from error

    def heard(level: int, text: bytes, _data: Any) -> None:
        LOG.pending.guard(lambda: LOG.hear(level, text))

    _callback = library.llama_log_callback(heard)
    library.llama_log_set(_callback, ctypes.c_void_p(0))
    library.llama_backend_init()
    _library = library
    return library
