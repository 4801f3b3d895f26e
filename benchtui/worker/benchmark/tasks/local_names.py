"""Refuses folders here whose names are those of data sets and metrics on the hub.

The libraries look into the current folder first, which may be anybody's outputs: a `rouge/rouge.py` in it would run as
the metric "rouge", and an `openai/gsm8k/` would be the data of that task, without a word.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError
from benchtui.tasks.cache import lm_eval_tasks_folder
from benchtui.text import one_line

_STEP = "Start benchtui in another folder, or rename that one."


def refuse_local_dataset(task: str, dataset: object, yaml_file: Path | None) -> None:
    """Raise BenchtuiError when the data of one of lm-eval's own tasks would be taken from a folder here. In a task of
    the user's own such a name is meant."""
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES  # names as "json", which are no folders

    if yaml_file is None or not yaml_file.is_relative_to(lm_eval_tasks_folder()):
        return
    if isinstance(dataset, str) and dataset not in _PACKAGED_DATASETS_MODULES and _is_here(dataset):
        raise BenchtuiError(
            f"The data of {one_line(task, 100)} would be taken from the folder {one_line(dataset, 100)} "
            f"in {Path.cwd()}, not from the hub.",
            _STEP,
        )


def refuse_local_metrics() -> None:
    """From now on the evaluate library, if a task imports it, runs no script of the current folder in place of a metric
    from the hub."""
    finder: Any = _GuardOfMetrics()
    sys.meta_path.insert(0, finder)


class _GuardOfMetrics:
    """Waits for `evaluate.loading` to be imported, which takes seconds and few tasks need."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002 - importlib's signature
        if name != "evaluate.loading":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            module.evaluation_module_factory = _from_the_hub(module.evaluation_module_factory)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _from_the_hub(find: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(find)
    def guarded(path: str, *arguments: Any, **settings: Any) -> Any:
        if _is_here(path):
            raise BenchtuiError(
                f"The metric {one_line(path, 100)} would be taken from the folder of that name in {Path.cwd()}, whose "
                "code would run.",
                _STEP,
            )
        return find(path, *arguments, **settings)

    return guarded


def _is_here(name: str) -> bool:
    """Whether a name, not a path such as ./name, is also that of something in the current folder."""
    return not name.startswith((".", "/", "~")) and os.path.lexists(name)
