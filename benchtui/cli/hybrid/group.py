"""`benchtui hybrid`: a table of its commands, each imported only when it is called."""

from __future__ import annotations

import click

from benchtui.cli.lazy_group import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("benchtui.cli.hybrid.run", "Benchmark a small and a large model that answer as one."),
    "sweep": ("benchtui.cli.hybrid.sweep", "Evaluate both at many thresholds, each asked once."),
    "show": ("benchtui.cli.hybrid.show", "What a sweep found: costs, losses, the threshold to take."),
    "profile": ("benchtui.cli.hybrid.profile", "How unsure the small model is, and which threshold to take."),
    "defer": ("benchtui.cli.hybrid.defer", "Every threshold of deferring documents, from two finished runs."),
}
"""name: (module, one line of help)."""


@click.group("hybrid", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """A small model answers, and a large one where the small one is unsure: what is lost, and what does it cost?

    `benchtui hybrid run --small A --large B --tasks gsm8k` begins. Its results are compared, gated and kept like those
    of any other run.
    """
