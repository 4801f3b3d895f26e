"""Names for the two sides of a comparison, in tables, sentences and files.

"Base" and "Fine-tuned" are a model and the model it was trained from. Any other two runs are named by model and run, as
`benchtui runs` prints them; results of other tools by the model's name. The two sides never have the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchtui.results.records import RunResults
from benchtui.runs.directory import RunDirectory
from benchtui.runs.known import model_of, run_name
from benchtui.text import one_line

Names = tuple[str, str]

BASE, FINE_TUNED = "Base", "Fine-tuned"
LONGEST = 80
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2})-(\d{2})-(\d{2})")


def side_names(first: RunResults, second: RunResults) -> Names:
    """Return the names of two runs in their comparison."""
    if first.role != second.role and _of_one_model(first, second):
        roles = {"base": BASE, "fine-tuned": FINE_TUNED}
        if first.role in roles and second.role in roles:
            return roles[first.role], roles[second.role]
    return next(names for names in _candidates(first, second) if names[0] != names[1])


def _of_one_model(first: RunResults, second: RunResults) -> bool:
    """Return whether two runs are in one model's folder, or are laid out as in one."""
    base, tuned = (first, second) if first.role == "base" else (second, first)
    models = model_of(RunDirectory(base.run)), model_of(RunDirectory(tuned.run))
    if models[0] is None and models[1] is None:
        return base.run.parent == tuned.run.parent.parent
    return models[0] == models[1]


def _candidates(first: RunResults, second: RunResults) -> Iterator[Names]:
    """Yield possible names, the shortest first; the last two always differ."""
    names = _label(first), _label(second)
    yield names
    for around in (lambda run: run.parent.name, lambda run: run.name, str):
        where = around(_folder(first)), around(_folder(second))
        yield one_line(f"{names[0]} ({where[0]})", LONGEST), one_line(f"{names[1]} ({where[1]})", LONGEST)
    yield one_line(f"{names[0]} ({first.stamp})", LONGEST), one_line(f"{names[1]} ({second.stamp})", LONGEST)
    yield f"{names[0]} (first)", f"{names[1]} (second)"


def _folder(results: RunResults) -> Path:
    """Return what distinguishes a run from another of the same name: its own folder, for a run in a model's folder that
    folder."""
    return model_of(RunDirectory(results.run)) or results.run


def _label(results: RunResults) -> str:
    run = RunDirectory(results.run)
    if model_of(run) is not None:
        return one_line(run_name(run), LONGEST)
    name = results.model_name
    return one_line(Path(name).name if Path(name).is_absolute() else name, LONGEST) or one_line(run.path.name, LONGEST)


def short_names(names: Names, width: int) -> Names:
    """Return names for a column of `width`: without what both have in common, and still different."""
    for made in _shortened(names):
        if made[0] != made[1] and all(0 < len(name) <= width for name in made):
            return made
    tails = tuple(name if len(name) <= width else f"…{name[-(width - 1) :]}" for name in names)
    if tails[0] != tails[1]:
        return tails[0], tails[1]
    return one_line(f"1 {names[0]}", width), one_line(f"2 {names[1]}", width)


def _shortened(names: Names) -> Iterator[Names]:
    yield names
    (model_a, run_a), (model_b, run_b) = (_split(name) for name in names)
    if model_a == model_b:
        yield run_a, run_b
        for form in (r"\1", r"\2:\3", r"\2:\3:\4"):  # the day alone, else the time of that day
            yield _STAMP.sub(form, run_a), _STAMP.sub(form, run_b)
    else:
        yield model_a, model_b


def _split(name: str) -> tuple[str, str]:
    model, _, run = name.partition("/")
    return model, run or name
