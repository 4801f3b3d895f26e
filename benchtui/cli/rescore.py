"""`benchtui rescore`: stored answers scored again, without the model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from benchtui.cli.parameters.settings import setting_options
from benchtui.errors import ExitCode


@click.command("rescore", short_help="Score a run's stored answers again, with a corrected task or another metric.")
@click.argument("run")
@click.option(
    "--task-yaml",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A task's YAML, corrected; its name is that of a task of the run. May be repeated.",
)
@click.option(
    "--metric",
    multiple=True,
    metavar="NAME",
    help="How answers to your own data are scored instead (`benchtui metrics list`); may be repeated.",
)
@setting_options("outputs", "include-path", "trust-remote-code", "allow-pickle", "confirm-unsafe-code",
                 "allow-metric-code")  # fmt: skip
def command(run: str, task_yaml: tuple[Path, ...], metric: tuple[str, ...], outputs: Path, **values: Any) -> int:
    """Score the stored answers of RUN, and of the base it is compared with, again. No model is loaded or asked.

    RUN is a run as `benchtui runs` names it, its folder, or a model for its newest full run. The new results are runs
    of their own, which name their source in their note; the old ones stay. Tasks must ask the very same prompts.
    Without --task-yaml and --metric the tasks are those of today's lm-eval. Shown is base against model, of a run
    without a base its old scores against the new ones.

    \b
    benchtui rescore my-model --task-yaml fixed/gsm8k.yaml
    benchtui rescore my-model --metric contains
    """
    from rich.text import Text

    from benchtui.benchmark.rescore import Rescoring, rescore
    from benchtui.compare.compare import compare_runs
    from benchtui.plans.choice import permissions_of
    from benchtui.reports.scores import scores_table
    from benchtui.reports.stdout import stdout_console
    from benchtui.reports.tables import FULL, print_comparison
    from benchtui.results.choose import find_scored_run
    from benchtui.results.read import read_run
    from benchtui.runs.known import shown_name
    from benchtui.supervise.control import Control, say_on_stderr

    how = Rescoring(task_yaml, metric, values["include_path"], permissions_of(values), ("benchtui", *sys.argv[1:]))
    with Control(say_on_stderr) as control:
        source = find_scored_run(outputs, run)
        made = rescore(source, how, lambda line: click.echo(line, err=True), control)
    console = stdout_console(elsewhere=FULL)
    if len(made) > 1:
        print_comparison(compare_runs(read_run(made[0]), read_run(made[1])), console)
        return ExitCode.DONE
    for scored in (source, made[0]):
        console.print(Text(f"{shown_name(scored)}:"), scores_table(read_run(scored)))
    return ExitCode.DONE
