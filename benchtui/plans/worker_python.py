"""Which Python runs the worker of a plan: what the user says now, in a flag or in a benchtui.toml of their own."""

from __future__ import annotations

from benchtui.python_environment import PythonEnvironment, environment_of
from benchtui.settings.config import load_config

_BENCHTUIS = "own"
"""The word for the Python that runs benchtui, whatever benchtui.toml says."""


def worker_environment_of(said: str | None, backend: str) -> PythonEnvironment:
    """The environment that a worker of `backend` runs in; `said` is what --python was given, None for nothing.

    Raises UsageError where there is no such program.
    """
    named = said if said is not None else load_config().pythons.get(backend)
    return environment_of(None if named == _BENCHTUIS else named)
