"""Finds the formats in a model's folder, as the tools for training, merging and converting lay them out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchtui.models.gguf.parts import GgufFiles, gguf_models
from benchtui.models.layout import TOKENIZER_FILES, Kind, ModelFormat
from benchtui.models.reading import Unreadable, read_json
from benchtui.models.tokenizer.check import check_tokenizer
from benchtui.models.weights.adapter_check import check_adapter
from benchtui.models.weights.files import (
    ADAPTER,
    ADAPTER_CONFIG,
    ADAPTER_PICKLE,
    CONFIG,
    INDEX,
    PICKLE,
    SINGLE,
    Entries,
    Weights,
    adapter_weights,
    full_model_weights,
    is_folder,
    list_entries,
    measure_files,
    training_shards,
)
from benchtui.models.weights.full_check import Findings, Tensors, check_full_model, embedding_rows

_ADAPTER_BESIDE = "an adapter lies beside the full weights; they are taken as they are, without it"
_NAMED_FOLDERS: dict[str, Kind] = {
    "lora": "lora",
    "merged_16bit": "merged_16bit",
    "merged_4bit": "merged_4bit",
    "merged": "merged_16bit",  # axolotl
    "full": "full",  # LLaMA-Factory, with the kind of training below
}
_NUMBERED_FOLDER = re.compile(r"(checkpoint)-\d+|(epoch)_\d+")
_NO_MODEL = re.compile(
    r"\..*|benchmarks|wandb|runs|logs?|__pycache__|global_step\d+|pytorch_model_fsdp_\d+|optimizer_\d+"
)
NO_TOKENIZER = "no tokenizer (tokenizer.json is missing)"
_MAX_DEPTH = 3
"""How many levels below a model's folder formats are searched: lora/sft/checkpoint-500."""


def find_formats(path: Path, entries: Entries) -> list[ModelFormat]:
    """Find the formats in the folder `path` with these `entries`; those that cannot be used have a `problem`."""
    formats = _direct_formats(path, entries)
    others: list[ModelFormat] = []
    for name, entry in entries.items():
        if not is_folder(entry) or _NO_MODEL.fullmatch(name):
            continue
        folder = path / name
        numbered = _NUMBERED_FOLDER.fullmatch(name)
        if name == "gguf":
            formats += _gguf_folder(folder)
        elif name in _NAMED_FOLDERS:
            formats += _named_folder(name, folder)
        elif numbered and name.startswith("checkpoint"):
            formats.append(_checkpoint("checkpoint", folder, path, entries))
        elif numbered:
            formats.append(_checkpoint("epoch", folder, path, entries))
        elif not entry.is_symlink():
            others += _model_in(folder, name)
    return formats + others if formats else formats  # a folder with nothing but other models is no model itself


def holds_model(folder: Path) -> bool:
    """Return whether a whole model or an adapter is directly in `folder`."""
    return (folder / CONFIG).is_file() or (folder / ADAPTER_CONFIG).is_file()


def _direct_formats(path: Path, entries: Entries) -> list[ModelFormat]:
    formats = []
    adapter = _is_adapter(entries)
    weights = SINGLE in entries or INDEX in entries or PICKLE in entries
    if weights or (not adapter and (CONFIG in entries or training_shards(path, entries))):
        formats.append(_full("full", path, entries, note=_ADAPTER_BESIDE if adapter else ""))
    if adapter:
        formats.append(_adapter("lora", path, entries))
    return formats + _gguf_files(path, entries)


def _named_folder(name: str, folder: Path) -> list[ModelFormat]:
    """Yield the format that the folder's name promises, and those below it (lora/sft, lora/checkpoint-500)."""
    kind = _NAMED_FOLDERS[name]
    try:
        entries = list_entries(folder)
    except Unreadable as error:
        return [ModelFormat(kind, folder, problem=f"the folder {error}")]
    below = list(_below(folder, name, entries, depth=1))
    direct = holds_model(folder) or _is_adapter(entries) or SINGLE in entries or INDEX in entries or PICKLE in entries
    if below and not direct:
        return below
    if name == "full" and not direct:
        return []
    own = _adapter(kind, folder, entries) if kind == "lora" else _full(kind, folder, entries)
    return [dataclasses.replace(own, name="" if name == kind else name), *below]


def _below(folder: Path, name: str, entries: Entries, depth: int) -> Iterator[ModelFormat]:
    """Yield the models in the folders below `folder`, each named by its path from the model's own folder."""
    for inner, entry in sorted(entries.items()):
        if not is_folder(entry) or entry.is_symlink() or _NO_MODEL.fullmatch(inner):
            continue
        place, label = folder / inner, f"{name}/{inner}"
        numbered = _NUMBERED_FOLDER.fullmatch(inner)
        if numbered:
            kind: Kind = "checkpoint" if inner[0] == "c" else "epoch"
            yield dataclasses.replace(_checkpoint(kind, place, folder, entries), name=label)
            continue
        yield from _model_in(place, label)
        if depth + 1 < _MAX_DEPTH:
            try:
                deeper = list_entries(place)
            except Unreadable:
                continue  # what cannot be listed holds nothing that could be used
            yield from _below(place, label, deeper, depth + 1)


def _model_in(folder: Path, label: str) -> list[ModelFormat]:
    """Yield the whole model or adapter directly in `folder`, called `label`; nothing when there is none."""
    if not holds_model(folder):
        return []
    try:
        entries = list_entries(folder)
    except Unreadable as error:
        return [ModelFormat("full", folder, problem=f"the folder {error}", name=label)]
    return [dataclasses.replace(form, name=label) for form in _direct_formats(folder, entries) if form.kind != "gguf"][
        :1
    ]


def _checkpoint(kind: Kind, folder: Path, model: Path, model_entries: Entries) -> ModelFormat:
    try:
        entries = list_entries(folder)
    except Unreadable as error:
        return ModelFormat(kind, folder, problem=f"the folder {error}")
    adapter = _is_adapter(entries)
    if adapter and not (CONFIG in entries and (SINGLE in entries or INDEX in entries)):
        return _adapter(kind, folder, entries)
    # A trainer may write the tokenizer once, beside its checkpoints.
    beside = model if TOKENIZER_FILES & model_entries.keys() else None
    return _full(kind, folder, entries, tokenizer_beside=beside, note=_ADAPTER_BESIDE if adapter else "")


def _is_adapter(entries: Entries) -> bool:
    return ADAPTER_CONFIG in entries or ADAPTER in entries or ADAPTER_PICKLE in entries


def _full(
    kind: Kind, folder: Path, entries: Entries, *, tokenizer_beside: Path | None = None, note: str = ""
) -> ModelFormat:
    weights = full_model_weights(folder, entries)
    tokenizer = folder if TOKENIZER_FILES & entries.keys() else tokenizer_beside
    if not weights.files and training_shards(folder, entries):
        return _format(kind, folder, weights, Findings(weights.problem), tokenizer=tokenizer, note=note)
    found = _check(folder / CONFIG, weights, check_full_model)
    if not found.problem and tokenizer is None:
        found = Findings(NO_TOKENIZER)
    elif not found.problem and tokenizer is not None:
        fit = check_tokenizer(tokenizer, embedding_rows(weights.tensors), quickly=True)
        found = Findings(fit.problem, (*found.warnings, *fit.warnings))
    return _format(kind, folder, weights, found, tokenizer=tokenizer, note=note)


def _adapter(kind: Kind, folder: Path, entries: Entries) -> ModelFormat:
    weights = adapter_weights(folder, entries)
    found = _check(folder / ADAPTER_CONFIG, weights, check_adapter)
    tokenizer = folder if TOKENIZER_FILES & entries.keys() else None
    return _format(kind, folder, weights, found, tokenizer=tokenizer, adapter=True)


def _check(config: Path, weights: Weights, check: Callable[[Any, Tensors], Findings]) -> Findings:
    """Return what is wrong with a configuration, with its weights, or between the two, as far as headers show."""
    try:
        content = read_json(config)
    except FileNotFoundError:
        return Findings(f"{config.name} is missing")
    except Unreadable as error:
        return Findings(f"{config.name} {error}")
    if weights.problem and not weights.pickled:
        return Findings(weights.problem)
    found = check(content, weights.tensors) if weights.headers else Findings()
    return dataclasses.replace(found, warnings=(*weights.warnings, *found.warnings))


def _format(
    kind: Kind,
    path: Path,
    weights: Weights,
    found: Findings,
    *,
    tokenizer: Path | None = None,
    adapter: bool = False,
    note: str = "",
) -> ModelFormat:
    pickled = weights.pickled and not found.problem
    return ModelFormat(
        kind,
        path,
        weights.bytes,
        weights.problem if pickled else found.problem,
        adapter=adapter,
        pickled=pickled,
        tokenizer=tokenizer,
        modified=weights.modified,
        note=note,
        warnings=found.warnings,
    )


def _gguf_folder(folder: Path) -> list[ModelFormat]:
    try:
        entries = list_entries(folder)
    except Unreadable as error:
        return [ModelFormat("gguf", folder, problem=f"the folder {error}")]
    return _gguf_files(folder, entries) or [ModelFormat("gguf", folder, problem="no .gguf file in it")]


def _gguf_files(folder: Path, entries: Entries) -> list[ModelFormat]:
    """Yield one format for each GGUF model: one that is split counts once, by its first part."""
    names = [name for name in entries if name.endswith(".gguf") and not name.startswith("mmproj")]
    return [gguf_format(model) for model in gguf_models(folder, names)]


def gguf_format(model: GgufFiles) -> ModelFormat:
    """Return the format of a model in GGUF files."""
    weights = measure_files(model.files)
    found = Findings(model.problem, model.warnings)
    form = _format("gguf", model.files[0], weights, found)
    return dataclasses.replace(form, quantization=model.quantization, parts=model.files[1:])
