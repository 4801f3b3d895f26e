"""A real terminal for tests: tmux, with keys to press and a screen to read."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class Terminal:
    """A tmux session of its own, `width` by `height`; runs one command and notes its exit code."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, width: int, height: int, env: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        self._socket = f"benchtui-{uuid.uuid4().hex[:12]}"
        self._exit = folder / f"exit-{self._socket}"
        line = f"{shlex.join(command)}; echo $? > {shlex.quote(str(self._exit))}; sleep 600"  # the last screen stays
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", str(width), "-y", str(height), "-c", str(folder),
            f"sh -c {shlex.quote(line)}", env={**_inherited(), "TERM": "xterm-256color", **(env or {})},
        )  # fmt: skip

    def _tmux(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(["tmux", "-L", self._socket, *arguments], capture_output=True, text=True, env=env)
        return done.stdout

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "t")

    def press(self, *keys: str) -> None:
        """tmux's names: Enter, Escape, Down, C-q, or a character."""
        for key in keys:
            self._tmux("send-keys", "-t", "t", key)

    def type(self, text: str) -> None:
        """Every character as it is."""
        self._tmux("send-keys", "-t", "t", "-l", text)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    @property
    def title(self) -> str:
        """What programs have named the terminal."""
        return self._tmux("display-message", "-p", "-t", "t", "#{pane_title}").strip()

    @property
    def shell(self) -> int:
        """The process that runs the command."""
        return int(self._tmux("display-message", "-p", "-t", "t", "#{pane_pid}"))

    def wait_for(self, found: str | Callable[[str], bool], seconds: float = 60) -> str:
        """The screen once it holds what is looked for. Fails showing the screen as it is instead."""
        holds = found if callable(found) else lambda screen: found in screen
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if holds(screen):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"not seen within {seconds:.0f} s: {found}\n{self.screen()}")

    def exit_code(self, seconds: float = 20) -> int:
        end = time.monotonic() + seconds
        while not (self._exit.is_file() and self._exit.read_text().strip()):
            assert time.monotonic() < end, f"still there:\n{self.screen()}"
            time.sleep(0.1)
        return int(self._exit.read_text())

    def close(self) -> None:
        self._tmux("kill-server")


def _inherited() -> dict[str, str]:
    """The environment without the size that the test runner's own output is given: the terminal has one."""
    return {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
