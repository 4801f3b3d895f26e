"""What is installed beside a Python: the one that runs benchtui, or another one that a worker is to run in."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.interpreter import variables_of_other
from benchtui.text import one_line

OLDEST = (3, 11)
"""The oldest Python that runs a worker."""
PATIENCE = 60.0
"""Seconds that another Python may take to tell what it is: on a network disk it can be slow."""
_PIP = "python -m pip install "
WORKER_NEEDS: Mapping[str, str] = MappingProxyType(
    {"lm_eval": f'{_PIP}"lm-eval[ifeval]>=0.4.13,<0.5"'}
    | {name: _PIP + name for name in ("msgspec", "numpy", "platformdirs", "psutil", "pyyaml", "scipy", "tqdm")}
)
"""What every worker imports, whatever the backend: names of packages, and the lines that install them."""
_LARGEST_ANSWER = 4 * 1024 * 1024
_MARK = "benchtui-environment "
_NOT_A_PYTHON = "Give the Python of an environment, like ENV/bin/python."

# Also read by Pythons that are too old: they are to say so.
_ASK = f"""
import json, re, sys
try:
    from importlib.metadata import distributions
except ImportError:
    distributions = list
found = {{}}
for one in distributions():
    name, version = one.metadata["Name"], one.version
    if name and version:
        found.setdefault(re.sub("[-_.]+", "-", name).lower(), version)
print("{_MARK}" + json.dumps({{"version": list(sys.version_info[:3]), "packages": found}}))
"""


class PythonEnvironment:
    """The environment of the Python that runs benchtui, where nothing else is said."""

    @property
    def python(self) -> str | None:
        """The path of its Python; None for the one that runs benchtui."""
        return None

    def version_of(self, package: str) -> str | None:
        """The installed version of a package, by its name on PyPI; None where it is not there."""
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version(package)
        except PackageNotFoundError:
            return None

    def line_for(self, install: str) -> str:
        """An install line that begins with `python -m pip`, as it is typed for this environment."""
        return install


@dataclass(frozen=True)
class OtherEnvironment(PythonEnvironment):
    """The environment of the Python at `path`, which is started when it is first asked.

    Every question raises UsageError where that is no Python, or one that is too old for a worker.
    """

    path: str

    @property
    def python(self) -> str:
        return self.path

    @cached_property
    def said(self) -> Said:
        return ask(self.path)

    def version_of(self, package: str) -> str | None:
        return self.said.packages.get(re.sub(r"[-_.]+", "-", package).lower())

    def line_for(self, install: str) -> str:
        return re.sub(r"^python(?= )", lambda _: shlex.quote(self.path), install)


OWN = PythonEnvironment()


def environment_of(named: str | None) -> PythonEnvironment:
    """The environment of the Python that a user named, None for that of benchtui's own.

    Raises UsageError where there is no such program.
    """
    return OWN if named is None else OtherEnvironment(python_path(named))


def python_path(named: str) -> str:
    """The absolute path of the Python that a user named by its path or, without a slash, as a shell finds it.

    Links are kept: the Python of a virtual environment is one, and its place tells which environment is meant.
    Raises UsageError where there is no such program.
    """
    found = named if "/" in named else shutil.which(named)
    path = Path(os.path.abspath(found or named))  # noqa: PTH100 - Path.resolve would follow the link
    if path.is_dir():
        inside = path / "bin" / "python"
        step = f"Did you mean {inside}?" if inside.exists() else _NOT_A_PYTHON
        raise UsageError(f"--python: {one_line(str(path), 200)} is a folder.", step)
    if found is None or not path.exists():
        raise UsageError(f"--python: there is no {one_line(named, 200)}.", _NOT_A_PYTHON)
    return str(path)


@dataclass(frozen=True)
class Said:
    """What a Python said of itself: its version, and those of packages by their names as PyPI normalises them."""

    version: tuple[int, ...]
    packages: Mapping[str, str]


def ask(python: str) -> Said:
    """Start the Python at this path to ask what is installed there. Nothing large is imported: it takes some tenths of
    a second.

    Raises UsageError where it is no Python, or one that is too old for a worker.
    """
    answer, said = _answer_of(python)
    if answer is None:
        last = f": {said}" if said else ""
        raise UsageError(f"--python: {one_line(python, 200)} is no Python that works here{last}.", _NOT_A_PYTHON)
    version = tuple(answer["version"])
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UsageError(
            f"--python: {one_line(python, 200)} is Python {'.'.join(map(str, version))}; a worker needs {oldest} or "
            "newer.",
            f"Make an environment with Python {oldest} or newer.",
        )
    return Said(version, answer["packages"])


def _answer_of(python: str) -> tuple[dict[str, Any] | None, str]:
    """What the program answers, None where that is no answer; and the last line that it printed."""
    try:
        process = subprocess.Popen(
            [python, "-c", _ASK],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",  # Pythons before 3.11 import from the current folder whatever one says
            env={**variables_of_other(os.environ), "PYTHONSAFEPATH": "1"},
        )
    except OSError as error:
        return None, error.strerror or type(error).__name__
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        printed = process.stdout.read(_LARGEST_ANSWER) if process.stdout else b""
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    lines = printed.decode(errors="replace").strip().split("\n")
    answer = next((line.removeprefix(_MARK) for line in lines if line.startswith(_MARK)), None)
    try:
        return (None, one_line(lines[-1], 120)) if answer is None else (json.loads(answer), "")
    except ValueError:
        return None, "its answer is damaged"


def check_packages(environment: PythonEnvironment, needs: Mapping[str, str], what: str) -> None:
    """Raise BenchtuiError where packages are missing, with the line that installs all of them.

    `needs` maps their names to install lines; `what` says who needs them.
    """
    missing = [package for package in needs if environment.version_of(package) is None]
    if missing:
        one = len(missing) == 1
        packages = f"the package {missing[0]}" if one else f"the packages {', '.join(missing)}"
        where = f"in the environment of {one_line(environment.python, 200)}" if environment.python else "installed"
        raise BenchtuiError(
            f"{what} needs {packages}, which {'is' if one else 'are'} not {where}.",
            environment.line_for(_together([needs[package] for package in missing])),
        )


def _together(lines: Sequence[str]) -> str:
    """One line that installs what these install."""
    wanted = [line.removeprefix(_PIP) for line in lines if line.startswith(_PIP)]
    return _PIP + " ".join(wanted) if len(wanted) == len(lines) else " && ".join(lines)
