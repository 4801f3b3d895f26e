"""A Choice as the `benchtui run` command that means the same, whatever benchtui.toml and the environment say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from benchtui.backends.hybrid import HYBRID
from benchtui.plans.choice import Choice, settings_of
from benchtui.settings.rows import ISOLATED, SETTING, SETTINGS, TWO_MODELS
from benchtui.settings.setting import Setting

_NOT_RESUMED = ("outputs", "detach", "json")
"""The run is named by its folder, and whoever resumes it says how it is started."""


def run_arguments(choice: Choice) -> list[str]:
    """The flags after `benchtui run`: --isolated, and what differs from the defaults."""
    return [ISOLATED, *changed_settings(choice)]


def changed_settings(choice: Choice) -> list[str]:
    """The flags of what differs from the defaults."""
    return [flag for setting, value in said_settings(choice) for flag in setting.arguments(value)]


def resume_arguments(choice: Choice) -> list[str]:
    """The flags after `benchtui resume`: where the user's own tasks are, how the run is watched and reported. What
    `choice` allows was said of another run."""
    said = [
        (setting, value) for setting, value in said_settings(choice) if setting.at_resume and not setting.permission
    ]
    return [
        ISOLATED,
        *(flag for setting, value in said if setting.name not in _NOT_RESUMED for flag in setting.arguments(value)),
    ]


def command_line(choice: Choice) -> str:
    """The whole command, quoted for a shell."""
    return shlex.join(["benchtui", "run", *run_arguments(choice)])


def other_settings(choice: Choice) -> list[str]:
    """The flags of those settings that no page of the wizard asks for, each as one types it; those of two models only
    where two were chosen."""
    return [
        shlex.join(setting.arguments(value))
        for setting, value in said_settings(choice)
        if setting.page is None and (setting.section != TWO_MODELS or choice.backend == HYBRID.name)
    ]


def said_settings(choice: Choice) -> Iterator[tuple[Setting, object]]:
    """Settings that have to be said, with their values."""
    values = settings_of(choice)
    for setting in SETTINGS:
        value = values[setting.parameter]
        changed = value != setting.default
        if (changed or setting.always_shown) and not _says_nothing(setting, values, changed=changed):
            yield setting, value


def _says_nothing(setting: Setting, values: Mapping[str, Any], *, changed: bool) -> bool:
    """Whether the other settings leave this one without a use."""
    name, word = setting.only_where
    other, beside = setting.beside
    return (
        (bool(setting.only_with) and not any(values[SETTING[needed].parameter] for needed in setting.only_with))
        or (bool(other) and bool(values[SETTING[other].parameter]) and values[setting.parameter] == beside)
        or (bool(name) and word not in values[SETTING[name].parameter])
        or (bool(setting.unless) and bool(values[SETTING[setting.unless].parameter]) and not changed)
    )
