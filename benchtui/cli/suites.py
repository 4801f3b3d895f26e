"""`benchtui suites`: what each suite runs and what its tasks test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from benchtui.cli.parameters.options import json_option
from benchtui.cli.terminal.paragraphs import aside, hanging, say
from benchtui.settings.config import load_config
from benchtui.tasks.suites import BUILT_IN, Suite, TaskPlan, known_suites
from benchtui.tasks.words import PLAIN_WORDS, task_title, task_words
from benchtui.text import one_line

_BESIDE = 16
"""Characters of the longest name that what is said of a suite stands beside, not below."""


@click.command("suites", short_help="List the suites of tasks and what each one tests.")
@json_option("Print the suites as JSON.", variable=True)
def command(as_json: bool) -> None:
    """List the suites of tasks and what each one tests.

    Your own go into benchtui.toml:

    \b
        [suites.mine]
        best-for = "our support bot"
        tasks = ["ifeval", {name = "gsm8k", num-fewshot = 5, limit = 200}]
    """
    found = [*known_suites(load_config().suites).values()]
    if as_json:
        import json

        json.dump([_record(suite) for suite in found], sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    _show(found)


def _record(suite: Suite) -> dict[str, Any]:
    return {
        "name": suite.name,
        "title": suite.title,
        "description": suite.description,
        "best_for": suite.best_for,
        "source": suite.source,
        "tasks": [
            {
                "name": task.name,
                "title": task_title(task.name),
                "tests": task_words(task.name),
                "documents": _documents(task.name),
                "num_fewshot": task.num_fewshot,
                "limit": task.limit,
            }
            for task in suite.tasks
        ],
    }


def _show(found: list[Suite]) -> None:
    indent = max((len(suite.name) for suite in found if len(suite.name) <= _BESIDE), default=0) + 2
    plans = [task for suite in found for task in suite.tasks]
    names = max(len(_name(task)) for task in plans) + 2
    titles = max(len(_title(task)) for task in plans) + 2
    for suite in found:
        hanging(suite.name, _about(suite), indent, bold=True)
        for task in suite.tasks:
            hanging("", f"{_name(task):{names}}{_title(task):{titles}}{_size(task)}", indent)
        say()
    say(click.style("What the tasks test", bold=True))
    for name in dict.fromkeys(task.name for task in plans if task_words(task.name)):
        hanging(name, task_words(name), names)
    aside("\nRun one with: benchtui run --suite NAME")


def _name(task: TaskPlan) -> str:
    return one_line(task.name, 40)


def _about(suite: Suite) -> str:
    said = [one_line(suite.description or suite.title, 400)]
    if suite.best_for:
        said.append(f"Best for {one_line(suite.best_for, 200)}.")
    if suite.source != BUILT_IN:
        said.append(f"From {_near(Path(suite.source))}.")
    return " ".join(said)


def _near(file: Path) -> str:
    """A path as one would type it from here."""
    for folder, short in ((Path.cwd(), ""), (Path.home(), "~/")):
        if file.is_relative_to(folder):
            return short + str(file.relative_to(folder))
    return str(file)


def _title(task: TaskPlan) -> str:
    title = task_title(task.name)
    return "" if title == task.name else title


def _size(task: TaskPlan) -> str:
    """How much of the task is run, as far as that is known without loading it."""
    documents = _documents(task.name)
    parts = []
    if task.limit is not None and task.limit < 1:
        parts.append(f"{task.limit:.4g} of {documents:,} samples" if documents else f"{task.limit:.4g} of it")
    elif task.limit is not None:
        parts.append(f"{int(task.limit):,} of {documents:,} samples" if documents else f"{int(task.limit):,} samples")
    elif documents:
        parts.append(f"{documents:,} samples")
    if task.num_fewshot is not None:
        parts.append(f"{task.num_fewshot}-shot")
    return ", ".join(parts)


def _documents(name: str) -> int | None:
    words = PLAIN_WORDS.get(name)
    return (words.documents or None) if words else None
