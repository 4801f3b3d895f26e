"""Write the branch of a chat that is shown to a file, as its ending says."""

from __future__ import annotations

import os.path
from pathlib import Path

from benchtui.errors import UsageError
from benchtui.files import unwritable, write_run_file
from benchtui.reports.chat.export import ChatFormat, chat_text
from benchtui.runs.kinds.chat.conversation import read_conversation
from benchtui.text import one_line
from screens.chat.talk import Talk
from screens.dialogs import Ask, Enter
from screens.page import Page

FORMATS: dict[str, ChatFormat] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".jsonl": "jsonl",
    ".html": "html",
    ".htm": "html",
}
"""By the ending of the file's name."""
_ABOUT = ".md for Markdown, .html for a page with all tokens, .jsonl for messages, as data to train or test with."


def format_of(file: Path) -> ChatFormat:
    """Return the form that a file's name asks for. Raises UsageError where it asks for none."""
    found = FORMATS.get(file.suffix.lower())
    if found is None:
        raise UsageError(f"{one_line(file.name, 100) or 'A file without a name'} has no ending of these.", _ABOUT)
    return found


def ask_export(page: Page, talk: Talk, end: int | None) -> None:
    """Ask where the branch up to the turn `end` is written to, and write it; where it is, or why not, is told on
    `page`."""
    if not talk.conversation.turns:
        page.tell("Nothing was said in this chat.", "Write a message first.")
        return

    def typed(said: str | None) -> None:
        if said is None or not said.strip():
            return
        file = Path(os.path.expanduser(said.strip()))  # noqa: PTH111 - Path's own raises where there is no such user
        try:
            format_ = format_of(file)
        except UsageError as error:
            page.tell(error.what, error.next_step)
            return
        if not file.exists():
            _write(page, talk, file, format_, end)
            return
        asked = Ask(f"{one_line(str(file), 200)} is there already.", yes="Replace it", no="Leave it")
        page.app.push_screen(asked, lambda yes: _write(page, talk, file, format_, end) if yes else None)

    page.app.push_screen(
        Enter("Write this chat to which file?", _ABOUT, value=f"chat-{talk.run.path.name}.html"), typed
    )


def _write(page: Page, talk: Talk, file: Path, format_: ChatFormat, end: int | None) -> None:
    run, plan = talk.run, talk.plan

    def write() -> Path:
        try:
            # Read anew: in this thread, that of the page may change while it is written.
            conversation = read_conversation(run, len(plan.models), plan.sampling, plan.system)
            write_run_file(file, chat_text(plan, conversation, format_, end))
        except OSError as error:
            raise unwritable(file, error) from error
        return file

    def written(file: Path) -> None:
        page.notify(f"Written: {one_line(str(file), 300)}", timeout=8, markup=False)

    page.load(write, written, group="export")
