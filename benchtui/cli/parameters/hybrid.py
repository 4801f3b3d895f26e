"""The flags of `benchtui hybrid`: settings of a run, under the names that two models have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import click

from benchtui.backends.hybrid import HYBRID, LARGE
from benchtui.backends.registry import BUILT_IN
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.parameters.settings import SectionedCommand, SectionedOption, settings_as
from benchtui.errors import UsageError
from benchtui.plans.choice import Choice, settings_of
from benchtui.settings.rows import SETTING, SETTINGS, TWO_MODELS, WHAT
from benchtui.settings.setting import Alias, Setting, Switch

F = TypeVar("F", bound=Callable[..., Any])

OUTPUT_DIR, OF_THE_SEED = "--output-dir", "./eval_results"
"""Where eval_hybrid.py writes its results."""
TOGETHER = "How the two answer"
_NAMED: Mapping[str, Setting] = {
    "model": dataclasses.replace(
        SETTING["model"],
        help="The small model: name, path or hub id.",
        aliases=(Alias("--small"), Alias("--slm")),
    ),
    LARGE: dataclasses.replace(
        SETTING[LARGE], section=WHAT, help="The large model, named likewise.", aliases=(Alias("--llm"),)
    ),
}
"""Settings that have more names here."""
_ALONE = tuple(
    click.option(
        *flags, is_flag=True, cls=SectionedOption, section=TOGETHER,
        help=f"Only the {name} one answers: --strategy {name}."
        + (f"  (also {', '.join(flags[1:])})" if flags[1:] else ""),
    )
    for name, flags in (("large", ("--large-only",)), ("small", ("--small-only", "--use-slm-only")))
)  # fmt: skip
_OF_OTHERS = {own.name for backend in BUILT_IN.values() for own in backend.settings} - {
    own.name for own in HYBRID.settings
}
"""What is read, as everywhere, and says nothing of two models."""
_NOT_HERE = ("backend", "server")
"""The backend is the one with two models, and asks no server."""


class HybridCommand(SectionedCommand):
    """A command whose flags may be typed with underscores too. Where the models are named as eval_hybrid.py names them
    and nobody says otherwise, the results are also written where it writes them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        flags = {flag for parameter in self.params if isinstance(parameter, click.Option) for flag in parameter.opts}
        said = dashed(args, flags)
        there = {word.partition("=")[0] for word in said}
        if OUTPUT_DIR in flags and there & {"--slm", "--llm"} and OUTPUT_DIR not in there:
            said = [OUTPUT_DIR, OF_THE_SEED, *said]
        return super().parse_args(ctx, said)


def dashed(arguments: Sequence[str], flags: Collection[str]) -> list[str]:
    """Return arguments with those of `flags` that are typed with underscores (--num_drafts) in their own spelling."""
    found = list(arguments)
    for number, word in enumerate(found):
        if word == "--":
            break
        flag, equals, value = word.partition("=")
        own = flag.replace("_", "-")
        if flag.startswith("--") and own in flags:
            found[number] = f"{own}{equals}{value}"
    return found


def hybrid_options(command: F) -> F:
    """Add the flags of all settings of a run whose backend is the one with two models."""
    for add in (*_ALONE, settings_as(_rows())):
        command = add(command)
    return command


def _rows() -> list[Setting]:
    rows = [_here(row) for row in SETTINGS if row.name not in _NOT_HERE]
    return sorted(rows, key=lambda row: (row.name not in _NAMED, row.section != TOGETHER))


def hybrid_choice(values: Mapping[str, Any]) -> Choice:
    """Make the Choice of the values of `hybrid_options`. Raises UsageError for combinations that make no sense."""
    said = dict(values)
    alone = [name for name in ("small", "large") if said.pop(f"{name}_only")]
    if len(alone) > 1:
        raise UsageError("--small-only and --large-only contradict each other.", "Give one of them.")
    if alone:
        said["strategy"] = alone[0]
    nowhere = {name: SETTING[name].default for name in _NOT_HERE}
    return choice_from_flags(nowhere | said | {"backend": HYBRID.name})


def shown_settings(choice: Choice) -> Iterator[tuple[str, str]]:
    """Yield each setting of a choice as it is typed, in the order of the flags."""
    values = settings_of(choice)
    for row in _rows():
        if row.name in _OF_OTHERS:
            continue
        named = {"model": "small"}.get(row.name, row.name)
        yield named, " ".join(_words(row, values[row.parameter]))


def _words(row: Setting, value: Any) -> list[str]:
    if isinstance(row.form, Switch):
        return row.arguments(value)
    return [text for text in row.arguments(value) if text != row.flag]


def _here(row: Setting) -> Setting:
    """Return a row as it is read and described here."""
    if row.name in _NAMED:
        return _NAMED[row.name]
    return dataclasses.replace(row, section=TOGETHER) if row.section == TWO_MODELS else row
