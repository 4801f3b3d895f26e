"""The Choice that is made of the flags of a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from click.core import ParameterSource

from benchtui.backends.registry import BUILT_IN
from benchtui.errors import UsageError
from benchtui.models.selection import ALL_CHECKPOINTS
from benchtui.plans.choice import Choice, choice_of
from benchtui.plans.devices import agree, contradiction
from benchtui.settings.other_tools import TORCHTUNE_MODELS
from benchtui.settings.rows import SETTING, SETTINGS
from benchtui.settings.sampling import FLAGS
from benchtui.settings.setting import Setting


def choice_from_flags(values: Mapping[str, Any]) -> Choice:
    """Make the Choice for a command's values. Raises UsageError for combinations that make no sense.

    Where two settings contradict each other, the one said at the stronger place counts: a flag, then the
    environment, then a file.
    """
    said = dict(values)
    if said["base"] and said["no_base"]:
        if _strength("base") == _strength("no_base"):
            raise UsageError(
                "--base and --no-base contradict each other.",
                "Give one of them; for an adapter by itself, --no-base with --adapter-base says what it is put on.",
            )
        said["no_base"] = _strength("no_base") > _strength("base")
    if said["model"] and said["model_checkpoint"]:
        said |= _one_model(said)
    if said["decide_early"] and said["no_base"] and _typed("decide_early"):
        if _strength("no_base") == _strength("decide_early"):
            raise UsageError("--decide-early needs a base to compare with.", "Leave out --no-base.")
        said["no_base"] = False
    said |= _one_way_to_say_devices(said)
    said |= _models_at_once(said)
    for setting in SETTINGS:
        other, value = setting.beside
        if other and said[SETTING[other].parameter] and _strength(setting.parameter) < _strength(other):
            said[setting.parameter] = value
    _settle_sampling(said)
    for setting in SETTINGS:
        _check_use(setting, said)
    if _source("include_path") is ParameterSource.DEFAULT_MAP:
        from benchtui.settings.config import check_task_folders, load_config

        check_task_folders(load_config())
    if _source("model_args") is ParameterSource.DEFAULT_MAP:
        from benchtui.settings.config import check_model_arguments, load_config

        check_model_arguments(load_config(), said["backend"])
    return choice_of(said)


def _models_at_once(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is meant with one model, or with checkpoints, which are evaluated in turn: a file or a variable may say it
    for every --model all."""
    checkpoints = said["format"] == ALL_CHECKPOINTS
    if (said["model"] == "all" and not checkpoints) or said["models_at_once"] == "auto":
        return {}
    if _typed("models_at_once") and checkpoints:
        raise UsageError(f"--format {ALL_CHECKPOINTS} takes one after another.", "Leave --models-at-once out.")
    if _typed("models_at_once"):
        raise UsageError("--models-at-once says nothing without --model all, which is not given.", "Give both.")
    return {"models_at_once": "auto"}


def _one_model(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is meant where both --model and --model-checkpoint are said. Beside a checkpoint, torchtune's name of an
    architecture (--model llama2_7b) is the base."""
    if _strength("model") != _strength("model_checkpoint"):
        weaker = "model" if _strength("model") < _strength("model_checkpoint") else "model_checkpoint"
        return {weaker: None}
    base = TORCHTUNE_MODELS.get(said["model"])
    if base is None or said["base"] or said["no_base"]:
        raise UsageError(
            "--model and --model-checkpoint both say what is evaluated.",
            "Give one of them; what the checkpoint was trained from is said with --base-model.",
        )
    return {"model": None, "base": base}


def _one_way_to_say_devices(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is meant where --device and --devices contradict each other, and where a file or the environment asks for
    workers, or for devices that hold a model together, which a backend has no use for."""
    changed: dict[str, Any] = {}
    if not agree(said["device"], said["devices"]):
        if _strength("device") == _strength("devices"):
            raise UsageError(*contradiction(said["device"], said["devices"]))
        weaker = "device" if _strength("device") < _strength("devices") else "devices"
        changed[weaker] = SETTING[weaker].default
    backend = BUILT_IN.get(said["backend"])
    if backend is not None and backend.served:
        changed |= {name: SETTING[name].default for name in ("workers", "devices") if not _typed(name)}
    if backend is not None and not backend.spreads_by and not _typed("model_parallel"):
        changed["model_parallel"] = SETTING["model-parallel"].default
    return changed


def _settle_sampling(said: dict[str, Any]) -> None:
    """Where a flag of its own and --gen-kwargs say the same setting, leave the one at the stronger place."""
    for name in FLAGS:
        if said[name] is None:
            continue
        same = {name, "do_sample"} if name == "temperature" else {name}
        if _strength(name) > _strength("gen_kwargs"):
            said["gen_kwargs"] = {key: value for key, value in said["gen_kwargs"].items() if key not in same}
        elif _strength(name) < _strength("gen_kwargs") and same & said["gen_kwargs"].keys():
            said[name] = None


def _check_use(setting: Setting, values: Mapping[str, Any]) -> None:
    """Raise UsageError where `setting` was typed and has no effect, as the other settings are."""
    if not _typed(setting.parameter):
        return
    needed = setting.only_with
    if needed and not any(values[SETTING[name].parameter] for name in needed):
        raise UsageError(
            f"{setting.flag} says nothing without {' or '.join(f'--{name}' for name in needed)}, which is not given.",
            "Give both.",
        )
    name, word = setting.only_where
    if name and word not in values[SETTING[name].parameter]:
        flag, asked = SETTING[name].arguments(values[SETTING[name].parameter])
        raise UsageError(
            f"{setting.flag} has no use with {flag} {asked}.", f"Leave it out, or give {flag} {asked},{word}."
        )


def _strength(name: str) -> int:
    order = (ParameterSource.DEFAULT_MAP, ParameterSource.ENVIRONMENT, ParameterSource.COMMANDLINE)
    source = _source(name)
    return order.index(source) if source in order else -1


def _typed(name: str) -> bool:
    return _source(name) is ParameterSource.COMMANDLINE


def _source(name: str) -> ParameterSource | None:
    context = click.get_current_context(silent=True)
    return context.get_parameter_source(name) if context else None
