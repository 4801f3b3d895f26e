"""A Choice as the `benchtui run` command that means the same, whatever benchtui.toml and the environment say."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from benchtui.plans.choice import Choice, settings_of
from benchtui.settings.rows import ISOLATED, SETTINGS
from benchtui.settings.setting import Setting

RESUMED = ("include-path", "timeout", "skip-stalled", "no-readme")


def run_arguments(choice: Choice) -> list[str]:
    """The flags after `benchtui run`: --isolated, and what differs from the defaults."""
    flags = [flag for setting, value in _said(choice) for flag in setting.arguments(value)]
    return [ISOLATED, *flags]


def resume_arguments(choice: Choice) -> list[str]:
    """The flags after `benchtui resume`: where the user's own tasks are, how the run is watched and reported."""
    flags = [flag for setting, value in _said(choice) if setting.name in RESUMED for flag in setting.arguments(value)]
    return [ISOLATED, *flags]


def command_line(choice: Choice) -> str:
    """The whole command, quoted for a shell."""
    return shlex.join(["benchtui", "run", *run_arguments(choice)])


def other_settings(choice: Choice) -> list[str]:
    """The flags of those settings that no page of the wizard asks for, each as one types it."""
    return [shlex.join(setting.arguments(value)) for setting, value in _said(choice) if setting.page is None]


def _said(choice: Choice) -> Iterator[tuple[Setting, object]]:
    """Settings that have to be said, with their values."""
    values = settings_of(choice)
    for setting in SETTINGS:
        value = values[setting.parameter]
        idle = (
            (setting.name == "suite" and choice.tasks and value == setting.default)
            or (setting.name in ("decide-delta", "decide-loss", "decide-for") and not values["decide_early"])
            or (setting.name == "decide-loss" and "loss" not in values["decide_for"])
        )
        always = setting.name == "suite"  # which one is meant by default may change
        if not idle and (always or value != setting.default):
            yield setting, value
