"""Finds the base model of a fine-tuned one: the first of the files beside it that names one."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.layout import ModelFormat, TrainedModel
from benchtui.models.reading import Unreadable, read_front_matter, read_json, read_yaml_scalars
from benchtui.text import one_line

FLAG = "--base"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?", re.ASCII)
_FOUR_BIT = re.compile(r"(-unsloth)?(-bnb)?-4bit$", re.IGNORECASE)
_NOT_A_NAME = {"", "auto", "none", "null", "unknown"}


@dataclass(frozen=True)
class BaseChoice:
    """`name` is a hub id or an absolute path; `source_file` is the file that named it (relative to the model folder, or
    `--base`); `note` tells the user what was decided and why, "" when nothing was."""

    name: str
    source_file: str
    note: str = ""


@dataclass(frozen=True)
class _Named:
    name: str
    source_file: str


def resolve_base(
    model: TrainedModel, form: ModelFormat, flag: str | None = None, *, offline: bool = False
) -> BaseChoice:
    """Return the base to compare `form` of `model` with.

    Looked up in this order: `flag`, training_params.yaml model.inference_model, training_metrics.json model_name,
    training_params.yaml model.base_model, adapter_config.json base_model_name_or_path, config.json _name_or_path,
    README.md base_model. A 4-bit training base is replaced by its 16-bit counterpart unless the model is 4-bit itself.
    `offline` matters for a hub model, whose files are on the hub. Raises UsageError for a flag that names nothing,
    BenchtuiError when no file names a base.
    """
    if flag is not None:
        return _from_flag(model, form, flag)
    search = _Search(model, form, _folders(model, form, offline))
    choice = search.choose()
    if choice:
        return choice
    subject = one_line(model.name, 80)
    raise BenchtuiError(
        f"Nothing names the base model of {subject}{search.account()}.",
        "Name it with --base HUB_ID or --base PATH, or use --no-base to benchmark the model alone.",
    )


def find_base(model: TrainedModel, form: ModelFormat) -> BaseChoice | None:
    """Return the base as resolve_base does, using only this disk; None when nothing names it."""
    return named_base(model, form)[0]


def named_base(model: TrainedModel, form: ModelFormat) -> tuple[BaseChoice | None, tuple[str, ...]]:
    """Return the base as find_base does, and the problems of files that might have named another base."""
    if form.hub_id:
        return None, ()
    search = _Search(model, form, _folders(model, form, offline=True))
    return search.choose(), search.unreadable


def sixteen_bit_counterpart(name: str) -> str | None:
    """Return the name of the 16-bit model that `name` is a 4-bit copy of, by its suffix; None without such a suffix."""
    stripped = _FOUR_BIT.sub("", name)
    return stripped if stripped != name and stripped.rsplit("/", 1)[-1] else None


def _folders(model: TrainedModel, form: ModelFormat, offline: bool) -> list[Path]:
    if form.hub_id:
        from benchtui.models.hub.access import hub_snapshot

        return [hub_snapshot(form.hub_id, offline=offline).folder]
    own = form.path.parent if form.path.suffix == ".gguf" else form.path
    return list(dict.fromkeys((own, model.path / "lora", model.path)))


def _from_flag(model: TrainedModel, form: ModelFormat, flag: str) -> BaseChoice:
    asked = flag.strip()
    name = _locate(str(Path(asked).expanduser()) if asked.startswith("~/") else asked, model, form)
    if name is None and asked == form.hub_id:
        raise UsageError(f"--base names {one_line(asked)}, the model itself.", "Name another, or use --no-base.")
    if name is None:
        raise UsageError(
            f"--base {one_line(flag, 120)!r} is neither a model folder here nor a hub id.",
            "Give a hub id such as org/name, a folder with a config.json, or --no-base.",
        )
    note = ""
    if sixteen_bit_counterpart(name) and not _four_bit(form):
        note = f"{name} is a 4-bit model and {form.label} is not: part of the difference will be quantisation"
    return BaseChoice(name, FLAG, note)


class _Search:
    """One pass over the files that may name the base; remembers which were there and what was wrong with them."""

    def __init__(self, model: TrainedModel, form: ModelFormat, folders: list[Path]) -> None:
        self._model, self._form, self._folders = model, form, folders
        self._read: dict[Path, Any] = {}
        self._looked_at: list[str] = []
        self._remarks: list[str] = []
        self._unreadable: list[str] = []

    def choose(self) -> BaseChoice | None:
        named = self._usable()
        first = next(named, None)
        if first is None:
            return None
        counterpart = sixteen_bit_counterpart(first.name)
        if _four_bit(self._form):
            return self._four_bit_choice(first, [] if counterpart else list(named))
        if counterpart is None:
            return BaseChoice(first.name, first.source_file, self._passed_over())
        located = _locate(counterpart, self._model, self._form)
        if located is None:
            note = f"{first.name} is a 4-bit model whose 16-bit counterpart is not here: part of the difference will "
            return BaseChoice(first.name, first.source_file, note + "be quantisation")
        note = f"trained on {first.name}; compared with its 16-bit counterpart, so that quantisation is not counted"
        return BaseChoice(located, first.source_file, note)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The problems of the files that exist and could not be read."""
        return tuple(self._unreadable)

    def account(self) -> str:
        """The files that were looked at, for an error message."""
        if self._remarks:
            return f": {'; '.join(self._remarks[:3])}"
        if self._looked_at:
            return f": looked at {', '.join(self._looked_at)}"
        return (
            ": there is no training_params.yaml, training_metrics.json, adapter_config.json, config.json or README.md"
        )

    def _four_bit_choice(self, first: _Named, others: list[_Named]) -> BaseChoice:
        """Return the 4-bit base for a 4-bit model, where a file names one beside the 16-bit one."""
        for other in others:
            if sixteen_bit_counterpart(other.name) == first.name:
                return BaseChoice(other.name, other.source_file, f"the model is 4-bit, so is this copy of {first.name}")
        return BaseChoice(first.name, first.source_file, self._passed_over())

    def _passed_over(self) -> str:
        return "; ".join(self._remarks[:3])

    def _usable(self) -> Iterator[_Named]:
        for found in self._named():
            if found.name.casefold() in _NOT_A_NAME or not _plausible(found.name):
                continue
            located = _locate(found.name, self._model, self._form) or _cached_elsewhere(found.name)
            if located:
                yield _Named(located, found.source_file)
            elif not self._is_itself(found.name):
                self._remarks.append(f"{found.source_file} names {one_line(found.name)!r}, which is not here")

    def _is_itself(self, name: str) -> bool:
        path = Path(name)
        return any(path.name == own.name for own in (self._form.path, self._model.path)) and "/" in name

    def _named(self) -> Iterator[_Named]:
        yield from self._from("training_params.yaml", read_yaml_scalars, ("model", "inference_model"))
        yield from self._from("training_metrics.json", read_json, ("model_name",))
        yield from self._from("training_params.yaml", read_yaml_scalars, ("model", "base_model"))
        yield from self._from("adapter_config.json", read_json, ("base_model_name_or_path",))
        yield from self._from("config.json", read_json, ("_name_or_path",))
        yield from self._from("README.md", read_front_matter, ("base_model",), ("base_model", "0"))

    def _from(self, name: str, read: Callable[[Path], Any], *keys: tuple[str, ...]) -> Iterator[_Named]:
        for folder in self._folders:
            content = self._content(folder / name, read)
            for key in keys:
                value = content.get(key) if read is not read_json else content.get(key[0])
                if isinstance(value, str):
                    yield _Named(value.strip(), self._label(folder / name))

    def _content(self, path: Path, read: Callable[[Path], Any]) -> Any:
        if path not in self._read:
            self._read[path] = {}
            try:
                self._read[path] = read(path)
                self._looked_at.append(self._label(path))
            except FileNotFoundError:
                pass  # most models have only some of these files
            except Unreadable as error:
                self._remarks.append(f"{self._label(path)} {error}")
                self._unreadable.append(self._remarks[-1])
        return self._read[path]

    def _label(self, path: Path) -> str:
        if path.is_relative_to(self._model.path):
            return str(path.relative_to(self._model.path))
        return path.name


def _plausible(name: str) -> bool:
    return 0 < len(name) <= 300 and not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)


def _locate(name: str, model: TrainedModel, form: ModelFormat) -> str | None:
    """Return `name` as an absolute path when it is a model folder here, unchanged when it can be a hub id, else
    None."""
    if not _plausible(name):
        return None
    outputs = model.path.parent
    # An absolute name has one place, whatever it is joined to.
    roots = [outputs] if Path(name).is_absolute() else [model.path, outputs, Path.cwd()]
    for folder in [os.path.join(root, name) for root in roots]:  # noqa: PTH118 - a thousand models are listed this way
        if not os.path.isdir(folder):  # noqa: PTH112 - as above
            continue
        real = os.path.realpath(folder)
        if real in (os.path.realpath(model.path), os.path.realpath(form.path)):
            return None
        if os.path.isfile(os.path.join(real, "config.json")):  # noqa: PTH113, PTH118 - as above
            return real
    is_hub_name = _HUB_NAME.fullmatch(name) and ".." not in name and name != model.hub_id
    return name if is_hub_name else None


_CACHE_PATH = re.compile(r"/models--(?P<organisation>[\w.-]+?)--(?P<name>[\w.-]+)/snapshots/[0-9a-f]+/?$", re.ASCII)


def _cached_elsewhere(name: str) -> str | None:
    """Return the hub id in a path into the hub cache of the machine that trained; None for any other name."""
    match = _CACHE_PATH.search(name)
    return f"{match['organisation']}/{match['name']}" if match else None


def _four_bit(form: ModelFormat) -> bool:
    if form.kind == "merged_4bit":
        return True
    if form.kind not in ("full", "checkpoint", "epoch") or form.adapter:
        return False
    try:
        settings = read_json(form.path / "config.json").get("quantization_config")
    except (FileNotFoundError, Unreadable):
        return False
    return isinstance(settings, dict) and (bool(settings.get("load_in_4bit")) or settings.get("bits") == 4)
