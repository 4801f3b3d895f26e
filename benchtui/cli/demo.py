"""`benchtui demo`: the main job on two tiny models that come with benchtui."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

import click

from benchtui.cli.parameters.options import json_option
from benchtui.errors import ExitCode


@click.command("demo", short_help="Run the whole main job on two tiny models, offline, in a minute.")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path("benchtui-demo"))
@click.option("--fresh/--keep", default=False, help="Start over, or keep earlier results.  [default: keep]")
@json_option("Print every event as a line of JSON.", variable=True)
def command(folder: Path, fresh: bool, as_json: bool) -> int:
    """Benchmark a tiny model that was fine-tuned to follow instructions against its base: offline, in a minute.

    The models and two small tasks come with benchtui. They are laid out in DIR (./benchtui-demo) as your own would
    be, and all results stay there.
    """
    from benchtui.cli.terminal.main_job import run_on_terminal
    from benchtui.demo.choice import demo_choice

    choice = demo_choice(folder, fresh=fresh)
    # Matrices this small lose more to a second thread than they gain; doubly so when the cores are busy.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    click.echo(f"This is: {shlex.join(choice.command)}", err=True)
    code = ExitCode(run_on_terminal(replace(choice, json=as_json)))
    if code == ExitCode.DONE:
        results = shlex.quote(str(choice.outputs / str(choice.model) / "benchmarks"))
        click.echo(
            f"\nAll results are in {results}; run the demo again and the base's are reused.\n"
            "Your own model: benchtui run beside your outputs/, or benchtui run --model PATH --base HUB_ID_OR_PATH.",
            err=True,
        )
    return code
