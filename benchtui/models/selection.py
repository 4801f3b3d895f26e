"""Turns what the user typed into one model and one of its formats."""

from __future__ import annotations

import dataclasses
import difflib
import re
from pathlib import Path
from typing import Protocol

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.discovery import absolute, cached_hub_id, discover, hub_model, inspect_model, number_of
from benchtui.models.formats import gguf_format
from benchtui.models.gguf.parts import files_of, is_gguf
from benchtui.models.layout import Kind, ModelFormat, TrainedModel
from benchtui.text import one_line

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)

_WORDS: dict[Kind, str] = {
    "merged_16bit": "a merged model",
    "full": "a merged model",
    "merged_4bit": "a merged model",
    "lora": "an adapter",
    "checkpoint": "a checkpoint",
    "epoch": "a checkpoint",
    "gguf": "a GGUF file",
}
_ALIASES = {"adapter": "lora", "merged": "merged_16bit", "16bit": "merged_16bit", "4bit": "merged_4bit"}


ALL_CHECKPOINTS = "all-checkpoints"
"""In place of a format: each checkpoint in turn, in a run of its own."""


class Loader(Protocol):
    """What loads models; `takes` are the kinds of formats that it can load, best first. A `Backend` is one."""

    @property
    def name(self) -> str: ...

    @property
    def takes(self) -> tuple[Kind, ...]: ...


def find_model(outputs: Path, selector: str | None, backend: Loader) -> TrainedModel:
    """Find the model that `selector` names: a name in `outputs`, a path, a hub id; None for the newest that `backend`
    can use.

    A path to one format of a model (`outputs/m/merged_16bit`, a checkpoint, a .gguf file) gives that model with only
    this format. Raises UsageError with the nearest names when there is none, BenchtuiError when none can be used.
    """
    if selector is None:
        return _newest(outputs, backend)
    if not selector.strip() or "\0" in selector:
        raise UsageError("The name of the model is empty.", "`benchtui models` lists the names.")
    named = outputs / selector
    if "/" not in selector and selector not in (".", "..") and named.is_dir():
        return inspect_model(named)
    path = Path(selector).expanduser()
    if path.exists():
        return _from_path(path, outputs)
    if ".." not in Path(selector).parts and named.is_dir():  # experiment/run, as it is listed
        return _from_path(named, outputs)
    if _looks_like_hub_id(selector):
        return hub_model(selector, outputs)
    raise _unknown(outputs, selector)


def choose_format(
    model: TrainedModel, backend: Loader, wanted: str | None = None, *, allow_pickle: bool = False
) -> ModelFormat:
    """Choose the format to evaluate: `wanted` (a kind, `checkpoint-500`, a GGUF file or quantisation), else the best
    one.

    The best one is of the first kind that `backend` takes: of checkpoints and epochs the newest, of GGUF files the
    largest. A format with a problem is skipped, and the `note` of the chosen one says so. Raises UsageError when
    `wanted` does not exist, BenchtuiError when nothing can be used.
    """
    if not model.formats:
        raise BenchtuiError(
            f"{_shown(model.path)} cannot be benchmarked: {'; '.join(map(one_line, model.problems))}.",
            "`benchtui models` shows what is in each folder.",
        )
    asked = _wanted(model, wanted) if wanted else list(model.formats)
    candidates = sorted(
        (form for form in asked if form.kind in backend.takes), key=lambda form: _preference(form, backend.takes)
    )
    if not candidates:
        there = one_line(", ".join(form.label for form in asked))
        raise UsageError(
            f"The {backend.name} backend loads {formats_words(backend.takes)}; {_shown(model.name)} has {there}.",
            "Save the model in that form too, or choose another model or --backend.",
        )
    usable = [form for form in candidates if form.usable(allow_pickle=allow_pickle)]
    best = candidates[0]
    if not usable:
        raise BenchtuiError(f"{_shown(best.path)} cannot be used: {one_line(best.problem, 300)}.", _advice(best))
    chosen = usable[0]
    if chosen is not best:
        note = f"{best.label} is passed over: {best.problem}"
        return dataclasses.replace(chosen, note="; ".join(filter(None, (note, chosen.note))))
    return chosen


def checkpoints_of(model: TrainedModel, backend: Loader, *, allow_pickle: bool = False) -> list[ModelFormat]:
    """Return the checkpoints and epochs of a model that `backend` can load, the earliest first. Raises UsageError where
    there are none."""
    found = [form for form in model.formats if form.kind in ("checkpoint", "epoch") and form.kind in backend.takes]
    usable = [form for form in found if form.usable(allow_pickle=allow_pickle)]
    if not usable:
        why = f": {found[0].label}: {one_line(found[0].problem, 300)}" if found else ""
        raise UsageError(
            f"{_shown(model.name)} has no checkpoint that the {backend.name} backend can load{why}.",
            "`benchtui models` lists what is there.",
        )
    return sorted(usable, key=lambda form: (number_of(form), form.modified, form.label))


def formats_words(takes: tuple[Kind, ...]) -> str:
    """Return the kinds of formats in words: "a merged model, an adapter or a checkpoint"."""
    words = list(dict.fromkeys(_WORDS[kind] for kind in takes if kind in _WORDS))
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _newest(outputs: Path, backend: Loader) -> TrainedModel:
    models = [model for model in discover(outputs) if model.hub_id is None]
    for model in models:
        if any(form.kind in backend.takes and form.usable() for form in model.formats):
            return model
    if len(models) == 1:
        choose_format(models[0], backend)  # raises, and names the file and what to do about it
    first = next((problem for model in models for problem in model.all_problems), "")
    example = f" ({_shown(models[0].name)}: {one_line(first, 300)})" if first else ""
    raise BenchtuiError(
        f"None of the {len(models)} folders in {_shown(outputs)} holds a model that can be used here{example}.",
        "`benchtui models` shows what is wrong with each.",
    )


def _from_path(path: Path, outputs: Path) -> TrainedModel:
    path = absolute(path)
    if path.is_file() and is_gguf(path):
        return _gguf_file(path, outputs)
    if not path.is_dir():
        raise UsageError(f"{_shown(path)} is a file, not a model folder.", "Give the folder that holds it.")
    cached = cached_hub_id(path)
    root = absolute(outputs)
    if cached and not path.is_relative_to(root):  # results do not belong into the hub's cache
        model = inspect_model(path)
        return dataclasses.replace(model, name=cached, path=root / cached.replace("/", "--"))
    for owner in _owners(path, root):
        model = inspect_model(owner)
        formats = tuple(form for form in model.formats if form.path == path and form.path != owner)
        if formats:
            return dataclasses.replace(model, name=_name(owner, root), formats=formats)
    return dataclasses.replace(inspect_model(path), name=_name(path, root))


def _owners(path: Path, outputs: Path) -> list[Path]:
    """Return the folders whose model `path` may be a format of: above it, but not above outputs/."""
    if not path.is_relative_to(outputs):
        return [path.parent]
    return [folder for folder in list(path.parents)[:4] if folder != outputs and folder.is_relative_to(outputs)]


def _name(path: Path, outputs: Path) -> str:
    """Return a model's name: its path from outputs/, at most one level deep; else the folder's name."""
    inside = path.is_relative_to(outputs) and len(path.relative_to(outputs).parts) == 2
    return path.relative_to(outputs).as_posix() if inside else path.name


def _gguf_file(path: Path, outputs: Path) -> TrainedModel:
    """Return the model that the file belongs to, or the file alone: its results then go to a folder of `outputs`."""
    in_model = path.parent.parent == absolute(outputs)
    owner = path.parent.parent if path.parent.name == "gguf" and not in_model else path.parent
    model = inspect_model(owner)
    form = next((form for form in model.formats if path in (form.path, *form.parts)), None)
    if form is None:  # a projector, or a file that is not called a GGUF file
        form = gguf_format(files_of(path))
        return dataclasses.replace(_alone(path, outputs), formats=(form,), modified=form.modified)
    if path != form.path:
        which, many = form.parts.index(path) + 2, len(form.parts) + 1
        note = f"{path.name} is part {which} of {many}: the model is loaded from its first part, {form.path.name}"
        form = dataclasses.replace(form, note="; ".join(filter(None, (note, form.note))))
    if in_model or owner != path.parent:
        return dataclasses.replace(model, formats=(form,))
    alone = _alone(form.path, outputs)
    return dataclasses.replace(model, name=alone.name, path=alone.path, formats=(form,))


def _alone(path: Path, outputs: Path) -> TrainedModel:
    """Return the model of a file that lies in no model folder, still without its format."""
    name = re.sub(r"-\d{5}-of-\d{5}$", "", path.stem) if path.suffix == ".gguf" else path.name
    return TrainedModel(name, absolute(outputs) / name)


def _looks_like_hub_id(selector: str) -> bool:
    """Return whether `org/name` is a hub id; not when its first part is a folder here, since then a path was
    mistyped."""
    return bool(HUB_ID.fullmatch(selector)) and ".." not in selector and not Path(selector.split("/")[0]).is_dir()


def _unknown(outputs: Path, selector: str) -> UsageError:
    shown = one_line(selector, 80)
    names = [model.name for model in discover(outputs)] if outputs.is_dir() else []
    near = nearest(Path(selector).name, names)
    if near:
        return UsageError(
            f"There is no model {shown!r} in {outputs}.", f"Did you mean {' or '.join(map(_shown, near))}?"
        )
    return UsageError(
        f"There is no model {shown!r} in {outputs}, no such folder, and it is no hub id (org/name).",
        "`benchtui models` lists what is there.",
    )


def nearest(name: str, names: list[str], count: int = 3) -> list[str]:
    """Return the names that `name` probably means, best first; those that contain it come before similar ones."""
    wanted = name.casefold()
    by_folded = {candidate.casefold(): candidate for candidate in reversed(names)}
    containing = sorted((folded for folded in by_folded if wanted and wanted in folded), key=len)
    similar = difflib.get_close_matches(wanted, list(by_folded), n=count, cutoff=0.5)
    return [by_folded[folded] for folded in dict.fromkeys(containing[:count] + similar)][:count]


def _wanted(model: TrainedModel, wanted: str) -> list[ModelFormat]:
    asked = wanted.strip().rstrip("/")
    name = _ALIASES.get(asked.casefold(), asked)
    found = [form for form in model.formats if name in (form.kind, form.label, str(form.path))]
    if not found:
        found = [form for form in model.formats if _is_called(form, asked)]
    if not found:
        found = [
            form for form in model.formats if form.quantization and form.quantization.casefold() == asked.casefold()
        ]
    if not found:
        there = ", ".join(dict.fromkeys(form.label for form in model.formats))
        raise UsageError(
            f"{_shown(model.name)} has no format {one_line(wanted, 60)!r}.", f"It has: {one_line(there, 400)}."
        )
    return found


def _is_called(form: ModelFormat, asked: str) -> bool:
    """Return whether a GGUF file's name has the quantisation `asked` in it."""
    return form.kind == "gguf" and asked.casefold() in re.split(r"[.-]", form.path.stem.casefold())


def _preference(form: ModelFormat, takes: tuple[Kind, ...]) -> tuple[int, int, float, int, str]:
    """Sort in the order of `takes`, later checkpoints before earlier, larger GGUF files before smaller."""
    kind = "checkpoint" if form.kind == "epoch" and "checkpoint" in takes else form.kind
    rank = takes.index(kind)
    newest = 0.0 if form.kind == "gguf" else -form.modified
    return (rank, -number_of(form), newest, -form.bytes, form.path.name)


def _advice(form: ModelFormat) -> str:
    """Return what to do about a format's problem."""
    if form.pickled:
        return "Save it as safetensors, or allow pickles for this run with --allow-pickle if you trust its source."
    if "tokenizer" in form.problem:
        return f"Copy the base model's tokenizer files into {_shown(form.path)}, or choose another with --format."
    if "cut short" in form.problem or "missing" in form.problem or "empty" in form.problem:
        return "Save or copy it again, or choose another format with --format."
    return "Fix it, or choose another format with --format; `benchtui models` shows what there is."


def _shown(path: object) -> str:
    return one_line(str(path), 300)
