"""`benchtui tokens`: a table of its commands, each imported only when it is called."""

from __future__ import annotations

import click

from benchtui.cli.lazy_group import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "compare": ("benchtui.cli.tokens.compare", "Compare models token by token on the same texts, or on their own."),
    "show": ("benchtui.cli.tokens.show", "Show what a comparison found, or the text of one document in colour."),
    "pair": ("benchtui.cli.tokens.pair", "Compare two more models of a finished comparison, from what it stored."),
    "distributions": ("benchtui.cli.tokens.distributions", "Write what a model would write at every token, as arrays."),
    "divergences": ("benchtui.cli.tokens.divergences", "Write how far two models are apart at every token, as JSON."),
    "switch": ("benchtui.cli.tokens.switch", "Let two models write one text by turns, by how far they are apart."),
    "export": ("benchtui.cli.tokens.export", "Write a comparison as a page, a picture, Parquet, CSV or JSON."),
}
"""name: (module, one line of help)."""


@click.group("tokens", cls=LazyGroup, table=COMMANDS)
def command() -> None:
    """Where exactly did the model change? Models are compared at every token of the same texts: how likely each finds
    it, how sure it is, what it would have written instead.

    `benchtui tokens compare base my-model` begins; what it has computed is kept and can be looked at without the
    models.
    """
