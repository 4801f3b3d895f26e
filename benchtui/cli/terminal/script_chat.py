"""A chat without a screen: what is said comes from a script, the answers go to standard output."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from benchtui.chat.asking import ChatAnswer, ask, change_system, newest
from benchtui.chat.scripts import Script
from benchtui.chat.session import ChatSession
from benchtui.cli.terminal.written import write_out
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.reports.chat.export import ChatFormat, chat_text
from benchtui.reports.wording.chat import answer_parts
from benchtui.text import escaped_json, one_line, printable

_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|[PX^_][^\x1b]*)?\Z")
"""The beginning of an escape sequence, at the end of a text."""
LONGEST_ESCAPE = 200
"""Characters of an escape sequence for whose end is waited before what is left of it is printed."""


@dataclass(frozen=True)
class Printed:
    """What is printed: a line of JSON for each answer (`as_json`), or texts; when the chat is over, all of it as
    `exported`, to the file `output` or, in place of the texts, to standard output."""

    as_json: bool = False
    exported: ChatFormat | None = None
    output: Path | None = None

    @property
    def answers(self) -> bool:
        """Whether answers are printed at all."""
        return self.exported is None or self.output is not None


def talk_by_script(opened: Callable[[], ChatSession], scripts: Sequence[Script], printed: Printed) -> ExitCode:
    """Say everything and print the answers; a script alone goes on where a chat that was kept ended. Ctrl+C stops what
    is being written, keeps the chat, and is raised again."""
    answers: list[ChatAnswer] = []
    died = False
    with opened() as session:
        after = session.conversation.newest_end() if len(scripts) == 1 else None
        system = session.conversation.system
        try:
            for script in scripts:
                change_system(session, system if script.system is None else script.system)
                follows = after
                for text in script.turns:
                    found = _said(session, text, follows, printed)
                    follows = found[0].turn
                    answers += found
        except BenchtuiError as error:
            if not answers:
                raise
            died = True
            click.echo(f"benchtui: {printable(error.what)}", err=True)
    _export(session, printed)
    if all(answer.failed for answer in answers):
        return ExitCode.FAILED
    return ExitCode.PARTIAL if died or any(answer.failed for answer in answers) else ExitCode.DONE


def talk_by_line(opened: Callable[[], ChatSession], printed: Printed) -> ExitCode:
    """Ask for a line at a time, on a terminal that shows no full screen, and print the answers. Ctrl+C stops an answer;
    the end of the input, or Ctrl+C where nothing is being written, ends the chat."""
    with opened() as session:
        after = session.conversation.newest_end()
        while (text := _typed()) is not None:
            if not text.strip():
                continue
            try:
                after = _said(session, text, after, printed)[0].turn
            except KeyboardInterrupt:
                session.cancel()
                after = session.conversation.newest_end()
                click.echo()
    _export(session, printed)
    return ExitCode.DONE


def _typed() -> str | None:
    click.echo("> ", nl=False, err=True)
    try:
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        line = ""
    if not line:
        click.echo(err=True)
    return line.rstrip("\n") if line else None


def _export(session: ChatSession, printed: Printed) -> None:
    if printed.exported is not None:
        write_out(chat_text(session.plan, session.conversation, printed.exported), printed.output)


def _said(session: ChatSession, text: str, after: int | None, printed: Printed) -> list[ChatAnswer]:
    """Say something, and print and return the answers."""
    live = _Live(session) if printed.answers and not printed.as_json and len(session.plan.models) == 1 else None
    answers = ask(session, text, after, live.show if live is not None else lambda: None)
    for model, answer in enumerate(answers):
        if printed.answers:
            _print(session, model, answer, live, as_json=printed.as_json)
        if answer.problem:
            click.echo(f"{one_line(answer.model, 80)}: {printable(answer.problem)}", err=True)
    return answers


def _print(session: ChatSession, model: int, answer: ChatAnswer, live: _Live | None, *, as_json: bool) -> None:
    if as_json:
        text = json.dumps(dataclasses.asdict(answer), ensure_ascii=False)
        click.echo(escaped_json(text))
        return
    if live is not None:
        live.end()
    else:
        click.echo(f"— {one_line(answer.model, 80)} —\n{printable(answer.text)}\n")
    if (written := newest(session, answer.turn, model)) is not None and sys.stderr.isatty():
        click.echo(" · ".join(answer_parts(written)), err=True)


class _Live:
    """Prints the answer of the only model while it is written."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session
        self._turn = session.conversation.next_turn
        self._taken = 0
        self._held = ""

    def show(self) -> None:
        """Print what has come; a part of an escape sequence waits for the rest, which is then removed with it."""
        answer = newest(self._session, self._turn, 0)
        if answer is None or len(answer.text) == self._taken:
            return
        text = self._held + answer.text[self._taken :]
        self._taken = len(answer.text)
        started = _UNFINISHED.search(text, max(len(text) - LONGEST_ESCAPE, 0))
        cut = len(text) if started is None else started.start()
        self._held = text[cut:]
        self._write(text[:cut])

    def end(self) -> None:
        """Print what is left, and end the line."""
        self.show()
        self._write(self._held + "\n")
        self._held = ""

    def _write(self, text: str) -> None:
        click.echo(printable(text), nl=False)
