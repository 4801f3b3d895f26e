"""Every flag that a message, a docstring or the README names is a flag of some command."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from benchtui.backends.registry import reserved_arguments
from benchtui.cli.main import COMMANDS
from benchtui.settings.rows import SETTINGS
from tests.conftest import ROOT

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*(?![\w-])")  # lm-eval's own are written with underscores
OF_OTHER_PROGRAMS = frozenset(
    {"--query-gpu", "--force-reinstall", "--adapter-path", "--config", "--score", "--memory-share", "--shard", "--only"}
    | {"--index-url", "--extra-index-url", "--upgrade", "--torch-backend", "--pip-args"}
    | {"--outtype", "--special", "--merge"}
)
NO_WORDS = ("reports/style.py",)
"""Files in which `--name` is a variable of a style sheet."""


def flags_of_commands() -> set[str]:
    flags = {"--help", "--version", *(flag for setting in SETTINGS for flag in setting.flags)}
    for module, _ in COMMANDS.values():
        command = importlib.import_module(module).command
        for one in (command, *getattr(command, "commands", {}).values()):  # a group's own commands too
            for parameter in one.params:
                flags |= {*parameter.opts, *parameter.secondary_opts}
    return flags


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
