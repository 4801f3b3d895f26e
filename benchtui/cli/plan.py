"""`benchtui plan`: what a comparison could show, before anything is run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.options import finite, json_option, points_option
from benchtui.cli.parameters.settings import setting_option, setting_options
from benchtui.errors import BenchtuiError, UsageError
from benchtui.settings.rows import OF_OWN_DATA, PLANNED_GAIN, SETTING

if TYPE_CHECKING:
    from benchtui.compare.planning import Outlook
    from benchtui.results.changes import EarlierChanges
    from benchtui.tasks.data.spec import MadeTask
    from benchtui.tasks.suites import TaskPlan

WIDTH = 100
"""Columns in a pipe or a file."""


def _share(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """A share of samples: 20%, 20 or 0.2."""
    if value is None:
        return None
    text = value.strip()
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    share = number / 100 if text.endswith("%") or number > 1 else number
    if not 0 < share <= 1:
        raise click.BadParameter(f"{value!r} is no share of samples, such as 20%.")
    return share


@click.command("plan")
@click.argument("model", required=False)
@points_option(
    "--gain",
    type=click.FloatRange(min=0.1, max=100),
    default=PLANNED_GAIN,
    help=f"The gain that should be shown, in percentage points. [default: {PLANNED_GAIN:g}]",
)
@click.option("--tasks", metavar="A,B", help="Tasks, or a suite. [default: suite quick]")
@click.option("--suite", metavar="NAME", help="The same, as `benchtui run --suite` names it.")
@points_option(
    "--gate",
    "limit",
    type=click.FloatRange(min=0, max=100),
    help="Also say how `benchtui gate --max-loss POINTS` would end.",
)
@click.option("--decide-early", is_flag=True, help="Plan a run with --decide-early; takes seconds.")
@click.option(
    "--limit",
    "samples",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    callback=finite,
    help="Samples a task, or a share below 1.",
)
@click.option(
    "--discordance",
    callback=_share,
    metavar="SHARE",
    help="How many samples change side, such as 20%. [default: as in the model's last comparison, else 20%]",
)
@click.option(
    "--models",
    type=click.IntRange(min=1, max=10_000),
    default=1,
    metavar="N",
    help="How many models a leaderboard compares with their base: all share the 5 %. [default: 1]",
)
@json_option("Print the figures as JSON.")
@setting_option("outputs")
@setting_options(*(row.name for row in OF_OWN_DATA), "allow-metric-code")
def command(
    model: str | None,
    gain: float,
    tasks: str | None,
    suite: str | None,
    limit: float | None,
    decide_early: bool,
    samples: float | None,
    discordance: float | None,
    models: int,
    as_json: bool,
    outputs: Path,
    **data: Any,
) -> None:
    """Are these samples enough? What a comparison of MODEL with its base could show, before anything is run.

    Two models answer most samples alike; only those that change side, from right to wrong or back, tell them apart.
    How many do is taken from MODEL's last comparison (without MODEL: the model benchmarked last), or assumed. Several
    tasks share the 5 % risk of a false alarm, so that each needs more samples than it would alone.

    \b
    benchtui plan --gain 3 --tasks core            would 3 points show?
    benchtui plan --tasks gsm8k --limit 200        what can 200 samples show?
    benchtui plan --suite core --gate 3            how would the gate end?
    benchtui plan --suite core --models 10         which gain would a leaderboard of ten show?
    benchtui plan --data questions.csv             how are my data read, and are they enough?

    What `benchtui run` reads from benchtui.toml and BENCHTUI_ variables is not read here: say tasks and limit again.
    """
    from benchtui.compare.planning import outlook
    from benchtui.results.changes import with_samples

    asked = _tasks(tasks, suite, only_data=bool(data["data"]))
    planned, made = _with_data(asked, data)
    found = outlook(
        planned,
        gain,
        limit=limit,
        samples=samples,
        earlier=with_samples(_earlier(model, outputs), {task.name: task.documents for task in made}),
        discordance=discordance,
        models=models,
        watched=decide_early,
    )
    if as_json:
        _print_json(found)
        return
    from benchtui.cli.terminal.paragraphs import aside
    from benchtui.reports.outlook import print_outlook
    from benchtui.reports.stdout import stdout_console

    early = {"decide-early": True, **({"decide-loss": limit} if limit else {})} if decide_early else {}
    print_outlook(found, stdout_console(elsewhere=WIDTH))
    said = {row.name: value for row in OF_OWN_DATA if (value := data[row.parameter]) != row.default}
    aside(f"\nRun it with: {_run_line(model, asked, tasks, suite, samples, said | early)}")


def _with_data(asked: list[TaskPlan], data: Mapping[str, Any]) -> tuple[Sequence[TaskPlan], Sequence[MadeTask]]:
    """Return the tasks with those that are made of data of one's own, and say how these were read."""
    from benchtui.settings.config import load_config
    from benchtui.tasks.data.hub import is_hub_id

    filed = {spec.name for spec in load_config().data}
    own = [task.name for task in asked if task.name in filed or is_hub_id(task.name)]
    if not own and not data["data"]:
        return asked, ()
    from benchtui.cli.parameters.own_data import looked_at
    from benchtui.reports.own_data import about_tasks

    found = looked_at(data["data"], own, data)
    for line in about_tasks(found.made):
        click.echo(line, err=True)
    return [*(task for task in asked if task.name not in own), *found.plans], found.made


def _tasks(tasks: str | None, suite: str | None, *, only_data: bool = False) -> list[TaskPlan]:
    """What is asked: the tasks of a suite, or tasks by name; without both those of the suite that is meant by default,
    or none with `only_data`. Raises UsageError where both are given or none is left."""
    from benchtui.settings.config import load_config
    from benchtui.tasks.suites import DEFAULT_SUITE, TaskPlan, find_suite, is_suite

    if tasks is not None and suite is not None:
        raise UsageError("--tasks and --suite both say what is planned.", "Give one of them.")
    config = load_config()
    if tasks is None and suite is None and only_data:
        return []
    if tasks is None:
        return list(find_suite(suite or DEFAULT_SUITE, config.suites).tasks)
    found = list[TaskPlan]()
    for name in filter(None, (word.strip() for word in tasks.split(","))):
        found += find_suite(name, config.suites).tasks if is_suite(name, config.suites) else [TaskPlan(name)]
    if not found:
        raise UsageError("--tasks names no task.", "`benchtui tasks` lists them, `benchtui suites` the suites.")
    return list({task.name: task for task in found}.values())


def _earlier(model: str | None, outputs: Path) -> Mapping[str, EarlierChanges]:
    """Raises BenchtuiError for a MODEL that does not exist; without MODEL there may be none yet."""
    from benchtui.results.changes import earlier_changes
    from benchtui.results.choose import find_model

    try:
        folder, _run = find_model(outputs, model)
    except BenchtuiError:
        if model is None:
            return {}
        raise
    return earlier_changes(folder)


def _print_json(found: Outlook) -> None:
    import msgspec

    from benchtui.reports.outlook import answer
    from benchtui.text import json_text

    document = msgspec.to_builtins(found)
    for task, record in zip(found.tasks, document["tasks"], strict=True):
        record["enough"] = task.enough
        for chances, gate in zip(task.gate, record["gate"], strict=True):
            gate["inconclusive"] = chances.inconclusive
    click.echo(json_text({**document, "gate_met": found.gate_met, "answer": answer(found)}), nl=False)


def _run_line(
    model: str | None,
    asked: list[TaskPlan],
    tasks: str | None,
    suite: str | None,
    samples: float | None,
    more: dict[str, Any],
) -> str:
    """The command that runs what was planned: several suites by the names of their tasks."""
    from benchtui.settings.config import load_config
    from benchtui.tasks.suites import DEFAULT_SUITE, is_suite

    said: dict[str, Any] = {"model": model} if model else {}
    if suite is None and tasks is not None and is_suite(tasks.strip(), load_config().suites):
        said["suite"] = tasks.strip()
    elif tasks is not None:
        said["tasks"] = [task.name for task in asked]
    elif suite is not None or "data" not in more:
        said["suite"] = suite or DEFAULT_SUITE
    if samples is not None:
        said["limit"] = samples
    flags = (flag for name, value in {**said, **more}.items() for flag in SETTING[name].arguments(value))
    return shlex.join(["benchtui", "run", *flags])
