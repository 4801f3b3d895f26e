"""Every flag that a message, a docstring or the README names is a flag of some command."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click

from benchtui.backends.registry import reserved_arguments
from benchtui.cli.main import COMMANDS
from benchtui.settings.rows import SETTINGS
from tests.conftest import ROOT

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*(?![\w-])")  # lm-eval's own are written with underscores
OF_OTHER_PROGRAMS = frozenset(
    {"--query-gpu", "--force-reinstall", "--adapter-path", "--config", "--score", "--memory-share", "--shard", "--only"}
    | {"--decide", "--head", "--address"}
    | {"--index-url", "--extra-index-url", "--upgrade", "--torch-backend", "--pip-args"}
    | {"--alias", "--served-model-name", "--enable-lora", "--max-lora-rank", "--lora-modules", "--revision"}
    | {"--outtype", "--special", "--merge", "--kl-divergence", "--max-logprobs"}
)
NO_WORDS = (
    *("reports/style.py", "reports/hybrid/style.py", "reports/chat/style.py", "reports/tokens/page_parts.py"),
    *("reports/leaderboard/sheets.py", "reports/leaderboard/script.py"),
)
"""Files in which `--name` is a variable of a style sheet."""


def flags_of_commands() -> set[str]:
    flags = {"--help", "--version", *(flag for setting in SETTINGS for flag in setting.flags)}
    for module, _ in COMMANDS.values():
        for one in with_own(importlib.import_module(module).command):
            for parameter in one.params:
                flags |= {*parameter.opts, *parameter.secondary_opts}
    return flags


def with_own(command: click.Command) -> list[click.Command]:
    """A command, and those of a group."""
    context = click.Context(command)
    names = command.list_commands(context) if isinstance(command, click.Group) else []
    return [command, *(command.get_command(context, name) for name in names)]


def texts() -> Iterator[tuple[Path, str]]:
    for package in ("benchtui", "screens"):
        for file in (ROOT / package).rglob("*.py"):
            if file.relative_to(ROOT / package).as_posix() not in NO_WORDS:
                constants = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant))
                yield from ((file, node.value) for node in constants if isinstance(node.value, str))
    for page in ("README.md", "BENCHMARKING.md"):
        yield ROOT / page, (ROOT / page).read_text()


def test_every_flag_that_is_named_exists() -> None:
    known = flags_of_commands() | OF_OTHER_PROGRAMS
    named = [(file, flag) for file, text in texts() for flag in FLAG.findall(text)]
    assert len(named) > 200
    assert [(str(file.relative_to(ROOT)), flag) for file, flag in named if flag not in known] == []


def test_a_backend_sends_users_to_flags_that_exist() -> None:
    """What its own arguments cannot say is said by settings of benchtui."""
    flags = {flag for setting in SETTINGS for flag in setting.flags}
    assert set(reserved_arguments().values()) <= flags
