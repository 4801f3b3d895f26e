"""Starting this Python again or that of another environment, and keeping files of the current folder from being
imported as if they were libraries.

The current folder may be a model folder or somebody's outputs: a `torch.py` or `json.py` in it must never run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

_PACKAGE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - os is loaded already
_PACKAGE_PARENT = os.path.dirname(_PACKAGE)  # noqa: PTH120


def this_python(*arguments: str) -> list[str]:
    """The command line that starts this Python with `arguments`, and with nothing imported from the current folder."""
    return [sys.executable, "-P", *arguments]


def other_python(python: str, *arguments: str) -> list[str]:
    """The same for the Python at this path, which must be started with `variables_of_other`."""
    return [python, "-P", *arguments]


def variables_of_other(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which another Python finds benchtui, and none of the libraries that are installed for us."""
    path = os.pathsep.join(part for part in (f"{_PACKAGE}/importable", environment.get("PYTHONPATH")) if part)
    ours = ("PYTHONHOME", "__PYVENV_LAUNCHER__")  # where this Python has its own libraries
    return {**{name: value for name, value in environment.items() if name not in ours}, "PYTHONPATH": path}


def forget_current_folder() -> None:
    """Remove the current folder from where modules are looked for, here and in every process that is started from here.

    `python -m` puts it first, and an empty entry of PYTHONPATH means it too. A checkout of benchtui in which it is
    started stays importable.
    """
    try:
        here = os.path.realpath(os.getcwd())  # noqa: PTH109
    except OSError:
        here = ""  # deleted under us: nothing can be imported from it
    if here == os.path.realpath(_PACKAGE_PARENT):
        return
    sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) != here]
    if "PYTHONPATH" in os.environ:
        entries = os.environ["PYTHONPATH"].split(os.pathsep)
        kept = [entry for entry in entries if entry and os.path.realpath(entry) != here]
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
