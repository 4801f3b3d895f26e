"""Finding the trained models in outputs/. A broken folder is listed with what is wrong and never stops the others."""

from __future__ import annotations

import os
import re
from pathlib import Path

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.layout import DISPLAY_ORDER, Kind, ModelFormat, TrainedModel
from benchtui.models.reading import Unreadable, read_json
from benchtui.models.training import METRICS, read_training
from benchtui.models.weights import (
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
    gguf_weights,
    is_folder,
    list_entries,
)

TOKENIZER_FILES = frozenset(
    {
        "tokenizer.json",
        "tokenizer.model",
        "vocab.json",
        "vocab.txt",
        "spiece.model",
        "sentencepiece.bpe.model",
        "tekken.json",
        "tiktoken.model",
    }
)

_ADAPTER_BESIDE = "an adapter lies beside the full weights; they are taken as they are, without it"
_NAMED_FOLDERS: dict[str, Kind] = {"lora": "lora", "merged_16bit": "merged_16bit", "merged_4bit": "merged_4bit"}
_NUMBERED_FOLDER = re.compile(r"(checkpoint)-\d+|(epoch)_\d+")
_GGUF_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf")


def discover(outputs: Path) -> list[TrainedModel]:
    """The models in `outputs`, newest first; folders without one come last, with what is wrong.

    Raises UsageError when `outputs` is missing, no folder, or itself a model; BenchtuiError when it is empty.
    """
    entries = _outputs_entries(outputs)
    folders = [entry for entry in entries.values() if not entry.name.startswith(".") and is_folder(entry)]
    if not folders:
        raise BenchtuiError(
            f"There are no trained models in {outputs}.",
            "Train one, or point to yours with --outputs DIR or --model PATH. `benchtui demo` shows the whole job.",
        )
    models = [inspect_model(Path(entry.path)) for entry in folders]
    return sorted(models, key=lambda model: (not model.formats, -model.trained_at, model.name))


def inspect_model(path: Path) -> TrainedModel:
    """What is in the model folder `path`, whatever its state; never raises. Its paths are absolute."""
    path = absolute(path)
    try:
        entries = list_entries(path)
    except Unreadable as error:
        return TrainedModel(path.name, path, problems=(f"the folder {error}",))
    formats = tuple(sorted(_formats(path, entries), key=_display_key))
    if not formats and "--" in path.name and "benchmarks" in entries:
        return hub_model(path.name.replace("--", "/", 1), path.parent)
    training, problem = read_training(path / place / METRICS for place in _metrics_places(entries))
    problems: tuple[str, ...] = (problem,) if problem else ()
    if not formats:
        problems += (_why_no_model(path, entries),)
    modified = max((form.modified for form in formats), default=0.0)
    return TrainedModel(path.name, path, formats, training, modified, problems)


def hub_model(hub_id: str, outputs: Path) -> TrainedModel:
    """A model that lives on the hub; its results go to a folder of `outputs`."""
    path = absolute(outputs) / hub_id.replace("/", "--")
    return TrainedModel(hub_id, path, (ModelFormat("hub", path, hub_id=hub_id),), hub_id=hub_id)


def absolute(path: Path) -> Path:
    """`path` from the root and without `..`, so that it means the same in a worker; links are left as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps `..`, and a name must not be that


def number_of(form: ModelFormat) -> int:
    """The step or epoch in a checkpoint's name; 0 for other formats."""
    digits = re.search(r"\d+$", form.path.name) if form.kind in ("checkpoint", "epoch") else None
    return int(digits[0]) if digits else 0


def _outputs_entries(outputs: Path) -> dict[str, os.DirEntry[str]]:
    where = "Say where your models are with --outputs DIR or --model PATH; `benchtui demo` shows the whole job."
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


def _formats(path: Path, entries: Entries) -> list[ModelFormat]:
    formats = _direct_formats(path, entries)
    for name, entry in entries.items():
        kind = _NAMED_FOLDERS.get(name)
        numbered = _NUMBERED_FOLDER.fullmatch(name)
        if name != "gguf" and not kind and not numbered:
            continue
        if not is_folder(entry):
            continue
        if name == "gguf":
            formats += _gguf_folder(path / name)
        elif kind:
            formats.append(_folder_format(kind, path / name))
        else:
            formats.append(_checkpoint("checkpoint" if name[0] == "c" else "epoch", path / name, path, entries))
    return formats


def _direct_formats(path: Path, entries: Entries) -> list[ModelFormat]:
    formats = []
    if SINGLE in entries or INDEX in entries or PICKLE in entries or (CONFIG in entries and not _is_adapter(entries)):
        formats.append(_full("full", path, entries, note=_ADAPTER_BESIDE if _is_adapter(entries) else ""))
    if _is_adapter(entries):
        formats.append(_adapter("lora", path, entries))
    return formats + _gguf_files(path, entries)


def _folder_format(kind: Kind, folder: Path) -> ModelFormat:
    try:
        entries = list_entries(folder)
    except Unreadable as error:
        return ModelFormat(kind, folder, problem=f"the folder {error}")
    return _adapter(kind, folder, entries) if kind == "lora" else _full(kind, folder, entries)


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
    problem = _config_problem(folder, CONFIG)
    if not problem and weights.problem and not weights.pickled:
        problem = weights.problem
    if not problem and tokenizer is None:
        problem = "no tokenizer (tokenizer.json is missing)"
    return _format(kind, folder, weights, problem, tokenizer=tokenizer, note=note)


def _adapter(kind: Kind, folder: Path, entries: Entries) -> ModelFormat:
    weights = adapter_weights(folder, entries)
    problem = _config_problem(folder, ADAPTER_CONFIG)
    if not problem and weights.problem and not weights.pickled:
        problem = weights.problem
    tokenizer = folder if TOKENIZER_FILES & entries.keys() else None
    return _format(kind, folder, weights, problem, tokenizer=tokenizer, adapter=True)


def _format(
    kind: Kind,
    path: Path,
    weights: Weights,
    problem: str,
    *,
    tokenizer: Path | None = None,
    adapter: bool = False,
    note: str = "",
) -> ModelFormat:
    pickled = weights.pickled and not problem
    return ModelFormat(
        kind,
        path,
        weights.bytes,
        weights.problem if pickled else problem,
        adapter=adapter,
        pickled=pickled,
        tokenizer=tokenizer,
        modified=weights.modified,
        note=note,
    )


def _config_problem(folder: Path, name: str) -> str:
    try:
        read_json(folder / name)
    except FileNotFoundError:
        return f"{name} is missing"
    except Unreadable as error:
        return f"{name} {error}"
    return ""


def _gguf_folder(folder: Path) -> list[ModelFormat]:
    try:
        entries = list_entries(folder)
    except Unreadable as error:
        return [ModelFormat("gguf", folder, problem=f"the folder {error}")]
    return _gguf_files(folder, entries) or [ModelFormat("gguf", folder, problem="no .gguf file in it")]


def _gguf_files(folder: Path, entries: Entries) -> list[ModelFormat]:
    """One format for each model: a model split into shards counts once, by its first shard."""
    formats = []
    names = sorted(name for name in entries if name.endswith(".gguf") and not name.startswith("mmproj"))
    for name in names:
        shard = _GGUF_SHARD.fullmatch(name)
        if not shard:
            weights = gguf_weights(folder / name)
            formats.append(_format("gguf", folder / name, weights, weights.problem))
        elif int(shard["number"]) == 1:
            formats.append(_gguf_shards(folder, names, shard))
    return formats


def _gguf_shards(folder: Path, names: list[str], first: re.Match[str]) -> ModelFormat:
    total = int(first["total"])
    wanted = [f"{first['stem']}-{number:05}-of-{total:05}.gguf" for number in range(1, min(total, 1000) + 1)]
    shards = [gguf_weights(folder / name) for name in wanted if name in names]
    problem = next((shard.problem for shard in shards if shard.problem), "")
    if len(shards) < total:
        problem = f"{total - len(shards)} of its {total} shards are missing"
    size = sum(shard.bytes for shard in shards)
    modified = max(shard.modified for shard in shards)
    return ModelFormat("gguf", folder / first[0], size, problem, modified=modified)


def _metrics_places(entries: Entries) -> list[str]:
    return ["lora", "."] if "lora" in entries else ["."]


def _why_no_model(path: Path, entries: Entries) -> str:
    if not entries:
        return "the folder is empty"
    for name, entry in entries.items():
        if not name.startswith(".") and name != "benchmarks" and is_folder(entry):
            inside = path / name
            if (inside / CONFIG).is_file() or (inside / ADAPTER_CONFIG).is_file():
                return f"no model directly in it, but one in {name}/: try --model {inside}"
    return "no model in it (no adapter, merged weights, checkpoint or GGUF)"


def _display_key(form: ModelFormat) -> tuple[int, int, str]:
    return (DISPLAY_ORDER.index(form.kind), -number_of(form), form.path.name)
