"""Keep an answer as a test of one's own."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchtui.chat.kept import keep
from benchtui.chat.kept import said as said_in
from benchtui.runs.kinds.chat.conversation import Answer
from benchtui.tasks.data.capture import KEPT
from benchtui.text import one_line, printable
from screens.chat.talk import Talk
from screens.dialogs import Enter
from screens.page import Page

TYPED = 2000
"""Characters that a line to type in shows."""


def ask_to_keep(page: Page, talk: Talk, answer: Answer) -> None:
    """Ask what should have been answered, and keep that with the question as a row of one's own data."""
    run, plan, outputs = talk.run, talk.plan, page.settings.outputs
    whole = said_in(plan, answer)
    shown = one_line(whole, TYPED)

    def typed(expected: str | None) -> None:
        if expected is not None and expected.strip():
            right = whole if expected == shown else expected  # left as it was shown, on one line
            page.load(lambda: keep(run, plan, answer, right, outputs), kept, group="keep")

    def kept(found: tuple[Path, int | None]) -> None:
        file, number = found
        words = "It is there already" if number is None else f"Kept as row {number}"
        said = f"{words}: {file}\nbenchtui run --data {shlex.quote(str(file))}"
        page.notify(printable(said, 800), timeout=10, markup=False)

    file = outputs.absolute().parent / KEPT
    about = f"Added with what was asked to {file}, for --data. Esc: never mind."
    page.app.push_screen(Enter("Keep this as a test: what is the right answer?", about, value=shown), typed)
