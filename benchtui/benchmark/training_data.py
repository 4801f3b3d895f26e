"""The files of training data: those that are named, or those that a model's training_metrics.json names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.discovery import inspect_model
from benchtui.tasks.data.hub import HUB, fetch_split, is_hub_id, parse_hub_name
from benchtui.tasks.data.text_file import opened
from benchtui.text import one_line

TRAIN = "train"


@dataclass(frozen=True)
class TrainingData:
    """Files with training data, in order: each with the name by which it is told. `said` are lines for the user."""

    files: tuple[tuple[Path, str], ...]
    said: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(path.stat().st_size for path, _ in self.files)


def training_data(named: Sequence[str], *, offline: bool = False) -> TrainingData:
    """Find what the user named: files, and data sets of the hub as hub:ORG/NAME[:CONFIG][/SPLIT], which are downloaded;
    of these the split train where none is named.

    Raises UsageError for what is no file and no such data set, and BenchtuiError where the hub gives none.
    """
    return _joined(_of_hub(text, offline) if text.startswith(HUB) else _of_file(Path(text)) for text in named)


def training_data_of(model: Path, outputs: Path) -> TrainingData:
    """Find the data that a model's training_metrics.json names: a file, relative to the current folder or to that
    around `outputs`, or a data set of the hub that is in the cache on this disk. Nothing is downloaded.

    Raises BenchtuiError where it names none, or one that is not here.
    """
    named = inspect_model(model).training.dataset
    who = one_line(model.name, 100)
    if named is None:
        raise BenchtuiError(
            f"{who} has no training_metrics.json that names its training data (dataset_name).",
            "Name the file: benchtui overlap TRAIN.jsonl …",
        )
    said = f"{who} was trained on {one_line(named, 200)}, as its training_metrics.json says."
    for place in (Path(named).expanduser(), outputs.absolute().parent / named):
        if place.is_file():
            return _joined([TrainingData((), (said,)), _of_file(place)])
    if not is_hub_id(named.removeprefix(HUB)) and not named.startswith(HUB):
        raise BenchtuiError(f"{said} There is no such file.", "Name the file: benchtui overlap TRAIN.jsonl …")
    try:
        found = _of_hub(named, offline=True)
    except BenchtuiError as error:
        raise BenchtuiError(
            f"{said} {error.what}",
            f"Name the file, or `benchtui overlap {HUB}{named.removeprefix(HUB)} …` downloads it.",
        ) from None
    return _joined([TrainingData((), (said,)), found])


def _of_file(path: Path) -> TrainingData:
    opened(path).close()  # before anything else is loaded, which takes longer
    return TrainingData(((path, str(path)),))


def _of_hub(text: str, offline: bool) -> TrainingData:
    name = parse_hub_name(text)
    split = fetch_split(replace(name, split=name.split or TRAIN), offline=offline)
    return TrainingData(tuple((path, f"{split.name}, {path.name}") for path in split.paths), split.said[:1])


def _joined(parts: Iterable[TrainingData]) -> TrainingData:
    found = list(parts)
    files = tuple(file for part in found for file in part.files)
    if len({path.resolve() for path, _ in files}) < len(files):
        raise UsageError("A file of training data is named twice.", "Name it once.")
    return TrainingData(files, tuple(line for part in found for line in part.said))
