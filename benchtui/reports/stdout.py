"""The console for tables on standard output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def stdout_console(elsewhere: int) -> Console:
    """Return a console on standard output, as wide as the terminal (or COLUMNS says); `elsewhere` columns wide in a
    pipe or a file, where nothing needs to be left out."""
    from rich.console import Console

    asked = os.environ.get("COLUMNS", "").isdigit()
    return Console(highlight=False, width=None if asked or sys.stdout.isatty() else elsewhere)
