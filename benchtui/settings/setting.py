"""What a row says about one setting, and how its value is read from text and written as flags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Question = Literal["model", "base", "format", "suite", "batch", "review"]
"""The questions of the wizard; each has a page, which asks for one setting or several."""


@dataclass(frozen=True)
class Form:
    """How the values of one kind are read and written.

    `typed` reads the text of a flag or variable, `filed` a value of benchtui.toml; both raise ValueError with words for
    what they expect, or a UsageError. `written` gives the text that `typed` reads as the same value.
    """

    typed: Callable[[str], Any]
    filed: Callable[[object], Any]
    written: Callable[[Any], str]


@dataclass(frozen=True)
class Repeated:
    """The same for flags that may be given several times: one value is made of all of them.

    `split` cuts the text of a variable into what the flags would have been given.
    """

    typed: Callable[[Sequence[str]], Any]
    filed: Callable[[object], Any]
    written: Callable[[Any], Sequence[str]]
    split: Callable[[str], list[str]]


@dataclass(frozen=True)
class Switch:
    """Flags that take no value: each one with the value that it means. `typed` and `filed` as in a Form."""

    flags: Mapping[str, Any]
    typed: Callable[[str], Any]
    filed: Callable[[object], Any]


@dataclass(frozen=True)
class Alias:
    """Another spelling of a flag, as other tools write it; `reads` makes of what follows it what the main one takes, or
    raises ValueError with words for what it expects. `beside` are values of the main flag that it may stand beside, and
    says more than."""

    flag: str
    reads: Callable[[str], str] = str
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Setting:
    """One setting of a run: everything that is known of it.

    `name` is the flag without its dashes, `default` the value where nobody says anything; every default can also be
    said, to undo what a file or the environment says. `key` is its name in benchtui.toml, "" where it may not stand
    there. `page` is the page of the wizard that asks for it; the review lists the others. `attribute` is where a Choice
    has the value as it is read, "" where one attribute is made of several settings. `permission` is its place in the
    Permissions of a run: what is decided for each run anew, and never by a file. `only_typed`: nor by its variable.

    `only_with` names the settings of which one has to be given, or it says nothing, `only_where` a setting and the word
    that has to be among its values, `unless` the setting that is used in its place where both are given, `beside` a
    setting and the value that this one has where that one is given, and this one is not said as strongly. A shown
    command names what differs from the default, and always what is `always_shown`. `at_resume`: it can be given anew
    when a run is resumed. `aliases` are other spellings of its flag. `several`: more values may follow the flag, each a
    word of its own.
    """

    name: str
    section: str
    help: str
    form: Form | Repeated | Switch
    default: Any = None
    metavar: str = ""
    page: Question | None = None
    key: str | None = None
    attribute: str | None = None
    permission: str = ""
    only_typed: bool = False
    only_with: tuple[str, ...] = ()
    only_where: tuple[str, str] = ("", "")
    unless: str = ""
    beside: tuple[str, Any] = ("", None)
    always_shown: bool = False
    at_resume: bool = False
    aliases: tuple[Alias, ...] = ()
    several: bool = False

    @property
    def parameter(self) -> str:
        """The name in Python: `batch_size`."""
        return self.name.replace("-", "_")

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def flags(self) -> tuple[str, ...]:
        """All spellings, the main one first."""
        own = self.form.flags if isinstance(self.form, Switch) else (self.flag,)
        return (*own, *(alias.flag for alias in self.aliases))

    @property
    def variable(self) -> str:
        """`BENCHTUI_BATCH_SIZE`."""
        return environment_name(self.name)

    @property
    def file_key(self) -> str:
        """The key in benchtui.toml, "" for none."""
        if self.permission:
            return ""
        return self.name if self.key is None else self.key

    @property
    def field(self) -> str:
        """The attribute of a Choice, "" for none."""
        if self.permission:
            return ""
        return self.parameter if self.attribute is None else self.attribute

    def typed(self, texts: Sequence[str]) -> Any:
        """Read the value of what follows the flag, one text for each time it was given; for a switch, the flag
        itself."""
        if isinstance(self.form, Repeated):
            return self.form.typed(texts)
        if isinstance(self.form, Switch):
            return self.form.flags[texts[-1]]
        return self.form.typed(texts[-1])

    def from_variable(self, text: str) -> Any:
        if isinstance(self.form, Repeated):
            return self.form.typed(self.form.split(text))
        return self.form.typed(text)

    def arguments(self, value: Any) -> list[str]:
        """Write `value` as flags, so that they say it whatever a file or the environment says."""
        if isinstance(self.form, Switch):
            return [next(flag for flag, means in self.form.flags.items() if means is value)]
        if isinstance(self.form, Repeated):
            return [part for text in self.form.written(value) or [""] for part in (self.flag, text)]
        return [self.flag, self.form.written(value)]

    @property
    def undo(self) -> list[str]:
        """The flags that take back what a file or the environment says."""
        return self.arguments(self.default)


def environment_name(flag: str) -> str:
    """`--batch-size` -> `BENCHTUI_BATCH_SIZE`."""
    return "BENCHTUI_" + flag.lstrip("-").replace("-", "_").upper()
