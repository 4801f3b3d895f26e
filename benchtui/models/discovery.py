"""Finds the trained models in outputs/. A broken folder is listed with its problem and never stops the others."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchtui.errors import BenchtuiError, UsageError
from benchtui.files import BENCHMARKS, OTHER_KINDS
from benchtui.models.formats import find_formats, holds_model
from benchtui.models.layout import DISPLAY_ORDER, ModelFormat, TrainedModel
from benchtui.models.reading import Unreadable, read_bytes
from benchtui.models.training import METRICS, read_training
from benchtui.models.weights.files import ADAPTER_CONFIG, CONFIG, Entries, is_folder, list_entries

_HOUSEKEEPING = re.compile(
    r"wandb|runs|logs?|__pycache__|tensorboard|tb_logs|lightning_logs|mlruns|swanlog|trackio|cache|tmp|benchmarks|"
    r"datasets--.*|spaces--.*"
)
"""Folders that trainings, their loggers and the hub's cache put beside models."""
_CACHED = re.compile(r"models--(?P<organisation>[\w.-]+?)--(?P<name>[\w.-]+)", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def discover(outputs: Path) -> list[TrainedModel]:
    """Find the models in `outputs`, newest first; folders without a model come last, with their problem.

    Raises UsageError when `outputs` is missing, is not a folder, or is a model itself; BenchtuiError when it is empty.
    """
    entries = _outputs_entries(outputs)
    folders = [entry for entry in entries.values() if not entry.name.startswith(".") and is_folder(entry)]
    if not folders:
        raise _no_models(outputs)
    models = [model for entry in folders for model in _models_in(entry) if not _of_two(model)]
    if not models:
        raise _no_models(outputs)
    return sorted(models, key=lambda model: (not model.formats, -model.trained_at, model.name))


def discover_pairs(outputs: Path) -> list[TrainedModel]:
    """Find the folders in `outputs` that hold nothing but runs of two models that answered as one, by name. Raises
    UsageError as `discover` does."""
    entries = _outputs_entries(outputs)
    folders = [entry for entry in entries.values() if "+" in entry.name and is_folder(entry)]
    return sorted(filter(_of_two, map(inspect_model, (Path(entry.path) for entry in folders))), key=lambda m: m.name)


def _no_models(outputs: Path) -> BenchtuiError:
    return BenchtuiError(
        f"There are no trained models in {outputs}.",
        "Train one, choose another folder with --outputs DIR or a model with --model PATH or --model ORG/NAME (hub), "
        "or try `benchtui demo`.",
    )


def _models_in(entry: os.DirEntry[str]) -> Iterator[TrainedModel]:
    """Yield the model in one folder of outputs/, those one level below it (experiment/run), or the folder's problem."""
    model = inspect_model(Path(entry.path))
    if model.formats:
        yield model
        return
    nested = [] if entry.is_symlink() else list(_nested(model.path))
    yield from nested
    if not nested and not _HOUSEKEEPING.fullmatch(entry.name):
        yield model


def _nested(folder: Path) -> Iterator[TrainedModel]:
    try:
        entries = list_entries(folder)
    except Unreadable:
        return  # said by inspect_model
    for name, entry in entries.items():
        if name.startswith(".") or entry.is_symlink() or not is_folder(entry) or _HOUSEKEEPING.fullmatch(name):
            continue
        model = inspect_model(folder / name)
        if model.formats:
            yield dataclasses.replace(model, name=f"{folder.name}/{name}")


def inspect_model(path: Path) -> TrainedModel:
    """Read the model folder `path`, whatever its state; never raises. The paths in the result are absolute."""
    path = absolute(path)
    try:
        entries = list_entries(path)
    except Unreadable as error:
        return TrainedModel(path.name, path, problems=(f"the folder {error}",))
    snapshot = cached_snapshot(path)
    if snapshot:
        return dataclasses.replace(inspect_model(snapshot), name=path.name, path=path)
    formats = tuple(sorted(find_formats(path, entries), key=_display_key))
    if not formats and is_pair(path.name, entries):
        return TrainedModel(path.name, path, (ModelFormat("pair", path),))
    if not formats and "--" in path.name and "benchmarks" in entries:
        return hub_model(path.name.replace("--", "/", 1), path.parent)
    training, problem = read_training(path / place / METRICS for place in _metrics_places(entries))
    problems: tuple[str, ...] = (problem,) if problem else ()
    if not formats:
        problems += (_why_no_model(path, entries),)
    modified = max((form.modified for form in formats), default=0.0)
    return TrainedModel(path.name, path, formats, training, modified, problems)


def _of_two(model: TrainedModel) -> bool:
    return [form.kind for form in model.formats] == ["pair"]


def is_pair(name: str, entries: Iterable[str]) -> bool:
    """Return whether a folder without a model has nothing but runs of two models that answered together, and what was
    written about them (`benchtui/backends/hybrid.py` names it after both)."""
    runs, there = {BENCHMARKS, *OTHER_KINDS}, {entry for entry in entries if not entry.startswith(".")}
    return "+" in name.strip("+") and bool(there & runs) and there <= {*runs, "README.md"}


def cached_snapshot(path: Path) -> Path | None:
    """Return the snapshot to use of a model in the layout of the hub's cache, models--ORG--NAME/snapshots/COMMIT.

    It is that of main where the cache says which one that is, else the newest; None when `path` is no such folder.
    """
    if not _CACHED.fullmatch(path.name):
        return None
    try:
        commit, _ = read_bytes(path / "refs" / "main", 100)
        main = path / "snapshots" / commit.decode("ascii", "replace").strip()
        if _COMMIT.fullmatch(main.name) and main.is_dir():
            return main
    except (FileNotFoundError, Unreadable):
        pass  # a cache that was copied without its refs
    try:
        snapshots = [path / "snapshots" / name for name in list_entries(path / "snapshots") if _COMMIT.fullmatch(name)]
    except Unreadable:
        return None
    return max(snapshots, key=lambda snapshot: snapshot.stat().st_mtime, default=None)


def cached_hub_id(path: Path) -> str | None:
    """Return the hub id of a model in the hub's cache, given its folder or snapshot; None for any other folder."""
    for folder in (path, path.parent.parent):
        match = _CACHED.fullmatch(folder.name)
        if match and (folder == path or path.parent.name == "snapshots"):
            return f"{match['organisation']}/{match['name']}"
    return None


def hub_model(hub_id: str, outputs: Path) -> TrainedModel:
    """Describe a model on the hub as a TrainedModel; its results go to a folder of `outputs`."""
    path = absolute(outputs) / hub_id.replace("/", "--")
    return TrainedModel(hub_id, path, (ModelFormat("hub", path, hub_id=hub_id),), hub_id=hub_id)


def absolute(path: Path) -> Path:
    """Return `path` as an absolute path without `..`, so that a worker understands it; links are not resolved."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`, and a name must not be that


def number_of(form: ModelFormat) -> int:
    """Return the step or epoch in a checkpoint's name; 0 for other formats."""
    digits = re.search(r"\d+$", form.path.name) if form.kind in ("checkpoint", "epoch") else None
    return int(digits[0]) if digits else 0


def _outputs_entries(outputs: Path) -> dict[str, os.DirEntry[str]]:
    where = "Choose a folder with --outputs DIR, a model with --model PATH or --model ORG/NAME, or try `benchtui demo`."
    if not outputs.exists():
        raise UsageError(f"There is no folder {outputs}.", where)
    if not outputs.is_dir():
        raise UsageError(f"{outputs} is a file, not a folder of trained models.", where)
    try:
        entries = list_entries(outputs)
    except Unreadable as error:
        raise BenchtuiError(f"{outputs} {error}.", where) from None
    if CONFIG in entries or ADAPTER_CONFIG in entries or "merged_16bit" in entries or "merged_4bit" in entries:
        raise UsageError(
            f"{outputs} is itself a trained model, not a folder of them.",
            f"Use --model {outputs}, or --outputs {outputs.resolve().parent}.",
        )
    return entries


def _metrics_places(entries: Entries) -> list[str]:
    return ["lora", "."] if "lora" in entries else ["."]


def _why_no_model(path: Path, entries: Entries) -> str:
    if not entries:
        return "the folder is empty"
    for name, entry in entries.items():
        if not name.startswith(".") and name != "benchmarks" and is_folder(entry):
            inside = path / name
            if holds_model(inside):
                return f"no model directly in it, but one in {name}/: try --model {inside}"
    return "no model in it (no adapter, merged weights, checkpoint or GGUF)"


def _display_key(form: ModelFormat) -> tuple[int, int, str]:
    return (DISPLAY_ORDER.index(form.kind), -number_of(form), form.path.name)
