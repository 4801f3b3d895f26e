"""`benchtui run`: the main job, base against fine-tuned, watched from start to end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.settings import SectionedCommand, run_options

if TYPE_CHECKING:
    from benchtui.compare.summary import Summary
    from benchtui.plans.choice import Choice


@click.command("run", cls=SectionedCommand)
@run_options
def command(**values: Any) -> int:
    """Benchmark a trained model against its base.

    Without flags: the newest model in ./outputs, against the base its files name, on IFEval. Flags can also be set as
    BENCHTUI_<FLAG> in the environment and, except what is allowed for one run only, under [run] in benchtui.toml. The
    default of each can be typed too, to undo what they say; '' empties a text or a list.

    \b
    benchtui run                                 the newest model, suite quick
    benchtui run --suite core --timeout 30min    unattended over night
    benchtui run --tasks arc_easy,mmlu --limit 100
    """
    return start(choice_from_flags(values))


def start(choice: Choice, shown: Callable[[Summary], None] | None = None) -> int:
    """Run what was chosen, here or, with --detach, in the background; returns the exit code. `shown` is told what was
    found of each model."""
    from benchtui.cli.terminal.detach import in_background, start_detached
    from benchtui.cli.terminal.main_job import run_on_terminal

    if choice.detach and not in_background():
        if choice.model_checkpoint:  # first: the run must begin soon after it was started
            from benchtui.benchmark.put_on_base import with_checkpoint
            from benchtui.cli.terminal.main_job import Terminal

            with_checkpoint(choice, Terminal().say)
        return start_detached(sys.argv[1:])
    return run_on_terminal(choice, shown)
