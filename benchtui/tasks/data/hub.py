"""Hub data sets: their names, and which of their files are a configuration's split, as their card says it.

The card (README.md) lists configurations with the files of each split; without a list, names of files and folders tell
the split (https://huggingface.co/docs/hub/datasets-data-files-configuration). Scripts of a data set are never run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.hub.dataset import CONVERTED, HubDataset, fetch_files, hub_dataset
from benchtui.tasks.cache import cache_folder
from benchtui.text import one_line

HUB = "hub:"
_NAME = re.compile(
    r"(?P<repository>[\w.-]{1,96}/[\w.-]{1,96})(?::(?P<config>[^/]{1,200}))?(?:/(?P<split>[^/]{1,100}))?"
)
_CARD = "README.md"
_LARGEST_CARD = 2_000_000
_DATA = (".parquet", ".jsonl", ".json", ".csv", ".tsv", ".arrow", ".ndjson")
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip", ".tar", ".7z")
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "dev", "val"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_PREFERRED = ("test", "validation", "dev", "train")
"""Which split is evaluated where nobody says: what was held back, before what was trained on."""
_PART = re.compile(r"-\d{5}-of-(?P<all>\d{5})(?=[.-])")
_SHOWN = 12

Files = Mapping[str, Sequence[str]]
"""Split -> names of its files."""


@dataclass(frozen=True)
class HubName:
    """A data set of the hub, with the configuration and split that were asked for."""

    repository: str
    config: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        config = f":{self.config}" if self.config else ""
        return f"{HUB}{self.repository}{config}{f'/{self.split}' if self.split else ''}"


@dataclass(frozen=True)
class HubSplit:
    """One split of a hub data set on this disk: its files in order, and every split of its configuration.

    `commit` names the bytes; `said` are lines for the user about what was chosen.
    """

    name: HubName
    commit: str
    paths: tuple[Path, ...]
    splits: tuple[str, ...]
    said: tuple[str, ...]


def is_hub_id(text: str) -> bool:
    """Return whether `text` could be a bare hub id, ORG/NAME, among names of tasks."""
    return bool(re.fullmatch(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", text)) and not text.endswith((".yaml", ".yml"))


def parse_hub_name(text: str) -> HubName:
    """Read hub:ORG/NAME[:CONFIG][/SPLIT], or without "hub:". Raises UsageError for anything else."""
    found = _NAME.fullmatch(text.removeprefix(HUB))
    if not found or ".." in text:
        raise UsageError(
            f"{one_line(text, 100)!r} names no data set of the hub.", f"Write it like {HUB}ORG/NAME:CONFIG/SPLIT."
        )
    return HubName(found["repository"], found["config"], found["split"])


def fetch_split(
    name: HubName, *, offline: bool = False, arrived: Callable[[str, int, int], None] = lambda *_: None
) -> HubSplit:
    """Find and download the files of `name`; a split or configuration that is not named is chosen, and said.

    Raises UsageError where the data set has no such configuration or split, or several and none was named, and
    BenchtuiError where the hub gives no files.
    """
    dataset = hub_dataset(name.repository, _listings(), offline=offline)
    said = [dataset.note[0].upper() + dataset.note[1:] + "."] if dataset.note else []
    configs = _configs(dataset)
    if not configs:
        dataset, configs = _converted(dataset, offline)
        said.append("Its own script is not run: the Parquet files that the Hub made of it are read.")
    config = _config(name, configs)
    splits = _existing(configs[config], dataset)
    if not dataset.whole and name.split is None:
        raise UsageError(
            f"Which splits {name.repository} has is not known: {dataset.note}, with some of its files.",
            f"Name one that is there ({one_line(', '.join(splits), 100)}): {HUB}{name.repository}/SPLIT.",
        )
    split, why = _split(name, splits)
    files, left_out = _of_one_format(splits[split])
    _refuse_missing_parts(name, files)
    said += [why] if why else []
    if left_out:
        said.append(f"Files of one format are read; left out: {one_line(', '.join(left_out), 100)}.")
    paths = fetch_files(dataset, files, arrived)
    settled = replace(name, config=None if config == "default" else config, split=split)
    said.insert(0, f"{settled}: {len(paths)} {'file' if len(paths) == 1 else 'files'} of commit {dataset.commit[:12]}.")
    return HubSplit(settled, dataset.commit, tuple(paths), tuple(splits), tuple(said))


def _listings() -> Path:
    return cache_folder() / "datasets"


def _of_one_format(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part files into those of the most frequent format and the others: the same rows often lie there in several."""
    formats = [_format(name) for name in names]
    chosen = max(formats, key=lambda each: (formats.count(each), -_DATA.index(each) if each in _DATA else -len(_DATA)))
    return [n for n in names if _format(n) == chosen], [n for n in names if _format(n) != chosen]


def _format(name: str) -> str:
    return "." + name.lower().rpartition(".")[2].replace("ndjson", "jsonl")


def _refuse_missing_parts(name: HubName, files: Sequence[str]) -> None:
    """Raise BenchtuiError where of NAME-00000-of-00010 and its like some are not there."""
    for file in files:
        part = _PART.search(file)
        there = [other for other in files if part and other.startswith(file[: part.start()])]
        if part and len(there) < int(part["all"]):
            raise BenchtuiError(
                f"Of {part['all'].lstrip('0')} parts of {one_line(file[: part.start()], 100)} in {name.repository}, "
                f"{len(there)} are there.",
                "Connect to the hub once, so that the others are fetched.",
            )


def _configs(dataset: HubDataset) -> Mapping[str, Files]:
    """Return configuration -> split -> files or patterns of files; empty where only a script knows."""
    listed = _card_configs(dataset)
    if listed:
        return listed
    if found := _by_names("", _data_files(dataset)):
        return {"default": found}
    if packed := [name for name in dataset.files if name.lower().endswith(_PACKED)]:
        raise UsageError(
            f"{dataset.name} holds packed files ({one_line(packed[0], 100)}).",
            "Download and unpack them, and give --data FILE.",
        )
    return {}


def _converted(dataset: HubDataset, offline: bool) -> tuple[HubDataset, Mapping[str, Files]]:
    """What the Hub made of a data set that only its own script can read."""
    try:
        found = hub_dataset(dataset.name, _listings(), revision=CONVERTED, offline=offline)
    except BenchtuiError as error:
        raise UsageError(
            f"{dataset.name} holds no data files that can be read, only {one_line(', '.join(dataset.files), 120)}; "
            f"and of Parquet files made of it by the Hub: {error.what}",
            "If a script makes them, it is not run here: save the rows as JSONL and give --data FILE.",
        ) from None
    configs: dict[str, dict[str, list[str]]] = {}
    for name in found.files:
        parts = name.split("/")
        if len(parts) == 3 and name.endswith(".parquet"):
            configs.setdefault(parts[0], {}).setdefault(parts[1].removeprefix("partial-"), []).append(name)
    if not configs:
        raise UsageError(f"{dataset.name} has no Parquet files on the Hub.", "Save its rows as JSONL: --data FILE.")
    return found, configs


def _card_configs(dataset: HubDataset) -> Mapping[str, Files]:
    """Read `configs` of the card's YAML: config_name, and data_files as a path, a list, or a list of split and path."""
    if _CARD not in dataset.files:
        return {}
    import yaml

    [card] = fetch_files(dataset, [_CARD])
    with card.open("rb") as opened:
        text = opened.read(_LARGEST_CARD).decode("utf-8", "replace")
    head = re.match(r"\ufeff?---[ \t]*\r?\n(.*?)\n---", text, re.DOTALL)
    try:
        front = yaml.load(head[1], yaml.CSafeLoader) if head else None
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    listed = front.get("configs") if isinstance(front, dict) else None
    found: dict[str, Files] = {}
    for config in listed if isinstance(listed, list) else []:
        if not isinstance(config, dict):
            continue
        folder = str(config.get("data_dir") or "").removeprefix("./").strip("/")
        prefix = f"{folder}/" if folder and folder != "." else ""
        files: Files = {
            split: [prefix + pattern for pattern in patterns]
            for split, patterns in _card_files(config.get("data_files")).items()
        }
        if files := files or _by_names(prefix, _data_files(dataset)):
            found[str(config.get("config_name") or "default")] = files
    return found


def _card_files(value: Any) -> dict[str, list[str]]:
    if isinstance(value, str):
        return {"train": [value]}
    if isinstance(value, dict):
        return {str(split): _texts(paths) for split, paths in value.items()}
    if not isinstance(value, list):
        return {}
    if all(isinstance(item, str) for item in value):
        return {"train": list(value)} if value else {}
    found: dict[str, list[str]] = {}
    for item in value:
        if isinstance(item, dict) and "path" in item:
            found.setdefault(str(item.get("split") or "train"), []).extend(_texts(item["path"]))
    return found


def _texts(value: Any) -> list[str]:
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


def _data_files(dataset: HubDataset) -> list[str]:
    return sorted(name for name in dataset.files if name.lower().endswith(_DATA) and not _is_hidden(name))


def _by_names(prefix: str, files: Sequence[str]) -> Files:
    """Group the files below `prefix` by the split that their names or folders tell; all are `train` where none tells
    one."""
    found: dict[str, list[str]] = {}
    names = [name for name in files if name.startswith(prefix)]
    for name in names:
        for split, words in _SPLITS.items():
            if re.search(rf"(?:^|[^a-zA-Z])(?:{'|'.join(words)})(?:[^a-zA-Z]|$)", name[len(prefix) :].lower()):
                found.setdefault(split, []).append(name)
                break
    return found or ({"train": list(names)} if names else {})


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/")) or name.endswith("dataset_infos.json")


def _existing(files: Files, dataset: HubDataset) -> dict[str, list[str]]:
    """Replace the patterns of each split by the files they mean, sorted; splits without any are left out."""
    found = {}
    for split, patterns in files.items():
        matching = [name for pattern in patterns for name in _matching(pattern, dataset)]
        # A pattern like data/** means the card and licences as well.
        if data := [name for name in dict.fromkeys(matching) if name.lower().endswith(_DATA)] or matching:
            found[split] = data
    return found


def _matching(pattern: str, dataset: HubDataset) -> list[str]:
    pattern = pattern.removeprefix("./")
    if pattern in dataset.files:
        return [pattern]
    # `**/` is any folders or none, `**` anything, `*` and `?` stay within one name. No two of them side by side, which
    # would make matching slow.
    pieces = re.split(r"(\*\*/|\*+|\?)", re.sub(r"(\*\*/)+", "**/", pattern[:1000]))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    rule = re.compile("".join(meaning.get(piece, re.escape(piece)) for piece in pieces))
    return sorted(name for name in dataset.files if rule.fullmatch(name))


def _config(name: HubName, configs: Mapping[str, Files]) -> str:
    if name.config in configs:
        return str(name.config)
    names = sorted(configs)
    if name.config is None and len(names) == 1:
        return names[0]
    if name.config is None and "default" in names:
        return "default"
    shown = ", ".join(one_line(config, 60) for config in _nearest(name.config, names))
    what = f"has no configuration {one_line(name.config, 60)}" if name.config else f"has {len(names)} configurations"
    raise UsageError(
        f"{name.repository} {what}: {shown}{' …' if len(names) > _SHOWN else ''}.",
        f"Name one: {HUB}{name.repository}:{_nearest(name.config, names)[0]}.",
    )


def _split(name: HubName, splits: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """Return the split and, where nobody named it, the sentence that says why this one."""
    if name.split in splits:
        return str(name.split), ""
    shown = ", ".join(one_line(split, 60) for split in list(splits)[:_SHOWN]) or "none"
    if name.split is not None or not splits:
        asked = f"no split {one_line(name.split, 60)}" if name.split else "no files that can be read"
        raise UsageError(f"{name.repository} has {asked}; its splits: {shown}.", "Name one of them.")
    chosen = next((split for split in _PREFERRED if split in splits), next(iter(splits)))
    if len(splits) == 1:
        return chosen, f"It has one split, {one_line(chosen, 60)}." if chosen == "train" else ""
    return chosen, f"Split {one_line(chosen, 60)} of {shown}; another: …/SPLIT."


def _nearest(wanted: str | None, names: Sequence[str]) -> list[str]:
    if wanted is None:
        return list(names[:_SHOWN])
    import difflib

    return difflib.get_close_matches(wanted, names, n=_SHOWN, cutoff=0.3) or list(names[:_SHOWN])
