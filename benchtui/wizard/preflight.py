"""Find before a run starts whatever can already be known to go wrong."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchtui.backends.registry import find_backend
from benchtui.doctor.check import Check
from benchtui.doctor.examine import run_checks
from benchtui.errors import BenchtuiError
from benchtui.plans.choice import Choice, access_of
from benchtui.plans.prepare import prepare
from benchtui.plans.tasks import PlannedTasks, plan_tasks
from benchtui.reports.own_data import about_tasks
from benchtui.settings.config import load_config
from benchtui.settings.rows import PLANNED_GAIN
from benchtui.tasks.catalogue import load_catalogue
from benchtui.text import one_line

_NOT_HERE = ("Other tasks", "Models")
"""Of the doctor's checks those that say nothing about this run."""
_REFUSED = "Plan"
_OF_IFEVAL = ("IFEval", "NLTK data")


def preflight(choice: Choice) -> list[Check]:
    """Return what was found, problems first. Describes both models as the run itself will, so it may ask the hub:
    call it in a thread; it may take some seconds."""
    # A run that waits may be about to load a task of the same name.
    with tempfile.TemporaryDirectory(prefix="benchtui-look-") as folder:
        try:
            catalogue = load_catalogue(choice.include_paths)
            tasks = plan_tasks(choice, load_config(), catalogue, made_in=Path(folder))
        except BenchtuiError as error:
            found = [_problem(error), *_machine(choice, [])]
        else:
            leaves = [leaf for names in tasks.resolved.leaves.values() for leaf in names]
            found = [*_plans(choice, tasks, len(leaves)), *_machine(choice, leaves)]
    order = {"problem": 0, "warning": 1, "absent": 2, "ok": 3}
    return sorted(found, key=lambda check: order[check.status])


def _plans(choice: Choice, tasks: PlannedTasks, leaves: int) -> Iterator[Check]:
    yield Check("Tasks", "ok", f"{leaves} task{'s' if leaves > 1 else ''} known to lm-eval")
    for line in about_tasks(tasks.made):
        yield Check("Your data", "ok", line.removeprefix("Your own data: ").strip())
    try:
        backend = find_backend(choice.backend)
        model = backend.find(choice.outputs, choice.model, access_of(choice, backend))
        prepared = prepare(dataclasses.replace(choice, verify=False), model, tasks)  # gigabytes are read by the run
    except BenchtuiError as error:
        yield _problem(error)
        return
    source = prepared.fine_tuned.source
    yield Check("Model", "ok", f"{one_line(model.name, 80)}, {source.format}")
    if prepared.base is not None:
        yield Check("Base", "ok", one_line(prepared.base.source.path, 120))
        if words := _what_will_show(choice, tasks, model.path):
            yield Check("Samples", "ok", words)
    for warning in prepared.warnings:
        yield Check("Model", "warning", one_line(warning, 300))
    for note in prepared.notes:
        name, colon, words = note.partition(": ")
        known = name if colon and len(name) <= 20 else "Note"
        yield Check(known, "ok", one_line(words if known == name else note, 300))


def _what_will_show(choice: Choice, tasks: PlannedTasks, model: Path) -> str:
    """From which gains on these samples can show something; "" where nothing is known of the tasks."""
    from benchtui.compare.planning import outlook
    from benchtui.reports.outlook import short_answer
    from benchtui.results.changes import earlier_changes, with_samples

    watched = choice.decide_early is not None
    earlier = with_samples(earlier_changes(model), {task.name: task.documents for task in tasks.made})
    found = outlook(tasks.plans, PLANNED_GAIN, earlier=earlier, watched=watched, simulate=False)
    return short_answer(found)


def refusal(checks: Sequence[Check]) -> Check | None:
    """Return what of `checks` says that the run would be refused, None where it would start."""
    return next((check for check in checks if check.name == _REFUSED), None)


def _problem(error: BenchtuiError) -> Check:
    return Check(_REFUSED, "problem", one_line(error.what, 400), one_line(error.next_step, 400))


def _machine(choice: Choice, leaves: Sequence[str]) -> Iterator[Check]:
    """Yield the doctor's findings: what is fine in one line, everything else by itself."""
    ifeval = any("ifeval" in leaf for leaf in leaves)
    left_out = {*_NOT_HERE, *(["Hub"] if choice.offline else []), *([] if ifeval else _OF_IFEVAL)}
    checks = run_checks(choice.outputs, offline=choice.offline, left_out=left_out)
    yield from (check for check in checks if check.status != "ok")
    for name in ("Memory", "GPU", "Disk"):
        yield from (check for check in checks if check.name == name and check.status == "ok")
