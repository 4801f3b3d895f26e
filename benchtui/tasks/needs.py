"""What tasks need beside a model: access to gated data, packages, permission to run code; known before a run starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from benchtui.errors import UsageError
from benchtui.python_environment import PythonEnvironment
from benchtui.tasks.resolve import ResolvedTasks
from benchtui.text import one_line

GATED: Mapping[str, str] = MappingProxyType({"Idavidrein/gpqa": "lm_eval/tasks/gpqa/README.md"})
"""Data sets whose owner must let a user in, each with where that is written."""

PACKAGES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "leaderboard_math_*": ("math_verify", 'python -m pip install "lm_eval[math]"'),
        "minerva_math*": ("math_verify", 'python -m pip install "lm_eval[math]"'),
    }
)
"""Tasks whose own code imports a package that lm-eval does not bring along (leaderboard/math/utils.py,
minerva_math/utils.py of lm-eval 0.4.13): the package, and what installs it."""


def check_packages(tasks: ResolvedTasks, environment: PythonEnvironment) -> None:
    """Raise UsageError where a task needs a package that the worker's environment has not: such a task would end the
    whole run when it is loaded."""
    for leaf in _leaves(tasks):
        for pattern, (package, install) in PACKAGES.items():
            if fnmatchcase(leaf, pattern) and environment.version_of(package) is None:
                raise UsageError(
                    f"The task {one_line(leaf, 80)} needs the package {package}, which is not installed.",
                    f"{environment.line_for(install)}, or leave the task out.",
                )


def needs_words(tasks: ResolvedTasks, *, has_token: bool) -> Iterator[str]:
    """Yield a line for each thing that the tasks need and that may still be lacking: gated data, unsafe code."""
    gated: dict[str, list[str]] = {}
    for leaf in _leaves(tasks):
        if (dataset := tasks.datasets.get(leaf, "")) in GATED:
            gated.setdefault(dataset, []).append(leaf)
    for dataset, leaves in gated.items():
        token = "" if has_token else " and set HF_TOKEN"
        yield (
            f"{_some(leaves)}: the data set {dataset} is gated. Ask for access at "
            f"https://huggingface.co/datasets/{dataset}{token}; without it these tasks cannot be loaded."
        )
    if tasks.unsafe:
        yield f"{_some(tasks.unsafe)}: executes code that the model wrote, as --confirm-unsafe-code allows."


def _leaves(tasks: ResolvedTasks) -> Iterable[str]:
    return (leaf for leaves in tasks.leaves.values() for leaf in leaves)


def _some(names: Iterable[str]) -> str:
    """Return the names, at most three of them."""
    listed = [one_line(name, 60) for name in names]
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return f"{', '.join(listed[:3])}{more}"
