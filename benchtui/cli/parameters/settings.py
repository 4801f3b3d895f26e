"""Flags made from the rows of `settings/rows`: all of them for `benchtui run`, some for other commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from benchtui.errors import BenchtuiError, UsageError
from benchtui.settings.environment import unknown_variables
from benchtui.settings.rows import ISOLATED, OUTPUT, SETTING, SETTINGS
from benchtui.settings.setting import Alias, Repeated, Setting, Switch
from benchtui.text import one_line

F = TypeVar("F", bound=Callable[..., Any])


class SettingOption(click.Option):
    """The flag of a setting. Its value is read by the setting's own readers, and an error names where it came from."""

    def __init__(self, setting: Setting, help: str = "") -> None:
        super().__init__(
            [setting.parameter, *setting.flags],  # in its usage and in what click calls near
            type=click.UNPROCESSED,
            multiple=isinstance(setting.form, Repeated),
            envvar=setting.variable,
            metavar=setting.metavar or None,
            help=help or setting.help,
        )
        self.setting = setting
        self.section = setting.section

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:  # noqa: ARG002 - click's signature
        setting = self.setting
        for alias in setting.aliases:
            parser.add_option(obj=self, opts=[alias.flag], dest=alias.flag, action="store")
        if not isinstance(setting.form, Switch):
            action = "append" if isinstance(setting.form, Repeated) else "store"
            parser.add_option(obj=self, opts=[setting.flag], dest=self.name, action=action)
            return
        for flag in setting.form.flags:
            parser.add_option(obj=self, opts=[flag], dest=self.name, action="store_const", const=flag)

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        setting, given = self.setting, opts.get(self.setting.parameter)
        for alias in setting.aliases:
            if isinstance(text := opts.get(alias.flag), str):
                return self._aliased(alias, text, given, ctx), ParameterSource.COMMANDLINE
        if isinstance(given, str | list | tuple):
            texts = [given] if isinstance(given, str) else given
            step = f"`benchtui {ctx.info_name} --help` lists what it takes."
            return _read(setting.flag, texts[-1], lambda: setting.typed(texts), step), ParameterSource.COMMANDLINE
        if opts.get(_ISOLATED) is not True:
            if not setting.only_typed and (text := os.environ.get(setting.variable)):
                step = "Correct or unset the variable."
                value = _read(setting.variable, text, lambda: setting.from_variable(text), step)
                return value, ParameterSource.ENVIRONMENT
            filed = _filed(ctx)
            if setting.parameter in filed:
                return filed[setting.parameter], ParameterSource.DEFAULT_MAP
        return setting.default, ParameterSource.DEFAULT

    def _aliased(self, alias: Alias, text: str, given: Any, ctx: click.Context) -> Any:
        """Return the value that an alias says. Raises UsageError where the main flag is `given` too."""
        setting, step = self.setting, f"`benchtui {ctx.info_name} --help` lists what it takes."
        if isinstance(given, str) and given not in alias.beside:
            raise UsageError(f"{setting.flag} and {alias.flag} say the same setting.", "Give one of them.")
        return _read(alias.flag, text, lambda: setting.typed([alias.reads(text)]), step)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:  # noqa: ARG002 - click's signature
        return value

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:  # noqa: ARG002 - click's signature
        setting = self.setting
        if isinstance(setting.form, Switch):
            word = " ".join(setting.undo) if len(setting.flags) > 2 else ""
            flags = " / ".join(setting.flags)
        else:
            word = setting.undo[1]
            flags = f"{setting.flag} {setting.metavar}"
        also = f"  (also {', '.join(alias.flag for alias in setting.aliases)})" if setting.aliases else ""
        return flags, f"{self.help}{also}" + (f"  [default: {word}]" if word else "")


_ISOLATED = "isolated"


def _filed(ctx: click.Context) -> Mapping[str, Any]:
    """Return what benchtui.toml says; it is only read now where the command did not read it before."""
    if ctx.default_map is not None:
        return ctx.default_map
    from benchtui.settings.config import load_config

    return load_config().run_defaults


def _read(where: str, text: str, read: Callable[[], Any], step: str) -> Any:
    """Return what `read` gives. Raises UsageError that begins with `where`: the flag or the variable."""
    try:
        return read()
    except ValueError as error:
        raise UsageError(f"{where}: {one_line(text, 60)!r} is not {error}.", step) from None
    except BenchtuiError as error:
        raise UsageError(f"{where}: {error.what}", error.next_step) from None


class SectionedOption(click.Option):
    """An option that is no setting, and is listed under a heading."""

    def __init__(self, *arguments: Any, section: str, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.section = section


class SectionedCommand(click.Command):
    """A command whose defaults come from benchtui.toml and whose flags are listed under headings."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        from benchtui.settings.config import load_config

        extra.setdefault("default_map", dict(load_config().run_defaults))
        for line in unknown_variables(os.environ):
            click.echo(f"benchtui: {line}", err=True)
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read also `--tasks a b`: words that follow a flag that takes several, where the command takes none itself."""
        if not any(isinstance(parameter, click.Argument) for parameter in self.params):
            settings = [option.setting for option in self.params if isinstance(option, SettingOption)]
            args = joined_words(args, [setting.flag for setting in settings if setting.several])
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                sections.setdefault(getattr(parameter, "section", OUTPUT), []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records, col_max=24)


def joined_words(arguments: Sequence[str], several: Collection[str]) -> list[str]:
    """Join the words that follow a flag among `several` by commas, up to the next flag: `--tasks a b` is
    `--tasks a,b`."""
    joined: list[str] = []
    following = False
    for number, word in enumerate(arguments):
        if word == "--":
            return [*joined, *arguments[number:]]
        if word.startswith("-"):
            following = word.partition("=")[0] in several
        elif following and joined[-1] not in several:
            joined[-1] = ",".join(filter(None, (joined[-1].rstrip(","), word.lstrip(","))))
            continue
        joined.append(word)
    return joined


def setting_option(name: str, help: str = "") -> Callable[[F], F]:
    """Add the flag of one setting to a command that is not about a run; `help` says what it does there."""

    def add(command: F) -> F:
        _add(command, SettingOption(SETTING[name], help))
        return command

    return add


def setting_options(*names: str) -> Callable[[F], F]:
    """Add the flags of these settings to a command, and --isolated."""
    return settings_as([SETTING[name] for name in names])


def settings_as(rows: Sequence[Setting]) -> Callable[[F], F]:
    """The same for rows that say of a setting what it is called, or means, in one command."""

    def add(command: F) -> F:
        isolated = click.option(
            ISOLATED, _ISOLATED, is_flag=True, expose_value=False,
            help="Read no settings from benchtui.toml's [run] or BENCHTUI_ variables; these flags say all.",
        )  # fmt: skip
        command = isolated(command)
        for row in reversed(rows):
            _add(command, SettingOption(row))
        return command

    return add


def _add(command: Any, option: click.Option) -> None:
    if isinstance(command, click.Command):
        command.params.append(option)
    else:  # as click's own decorators do, for the command that the function becomes
        command.__click_params__ = [*getattr(command, "__click_params__", []), option]


def run_options(command: F) -> F:
    """Add the flags of all settings to a command."""
    return setting_options(*(setting.name for setting in SETTINGS))(command)
