"""The records for a trained model on disk: a folder with one or more formats."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["merged_16bit", "full", "lora", "merged_4bit", "gguf", "checkpoint", "epoch", "hub", "served", "pair"]
"""`full` is a whole model directly in the folder, `checkpoint` an HF Trainer's checkpoint-*, `epoch` torchtune's
epoch_*; `hub` is not on this disk, `served` is what a server has,
`pair` two models that answer as one."""

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
"""A folder that holds one of these has a tokenizer of its own."""

DISPLAY_ORDER: tuple[Kind, ...] = (
    "hub", "merged_16bit", "full", "lora", "merged_4bit", "gguf", "checkpoint", "epoch", "served", "pair",
)  # fmt: skip


@dataclass(frozen=True)
class ModelFormat:
    """One format of a model that can be loaded.

    `path` is a folder, or the .gguf file; for `hub`, `served` and `pair` the folder where results go. `bytes` counts
    weight files only.
    `problem` says why it cannot be loaded, "" when it can; `pickled` is True when the only problem is that its weights
    are pickles, which a user may allow. `adapter` is True when it needs a base. `tokenizer` is the folder with its
    tokenizer, None when the base's is used; `tokenizer_identity` a digest of that folder where the user named it.
    `modified` is in seconds since the epoch. `name` is its path from the model's folder where its kind does not say it
    (`lora/sft`). `warnings` say what is unusual about it. Of a GGUF model, `quantization` is llama.cpp's name of it,
    and `parts` are its files after the first one.
    """

    kind: Kind
    path: Path
    bytes: int = 0
    problem: str = ""
    adapter: bool = False
    pickled: bool = False
    tokenizer: Path | None = None
    tokenizer_identity: str = ""
    modified: float = 0.0
    hub_id: str | None = None
    note: str = ""
    name: str = ""
    warnings: tuple[str, ...] = ()
    served_name: str | None = None
    quantization: str = ""
    parts: tuple[Path, ...] = ()

    @property
    def location(self) -> str:
        """What a loader is given: a path, a hub id, or the name that a server knows."""
        return self.hub_id or self.served_name or str(self.path)

    @property
    def label(self) -> str:
        """Its name in lists and in `--format`: the kind, and which one where a model can have several."""
        if self.name:
            return self.name
        if self.kind in ("checkpoint", "epoch", "gguf"):
            return self.path.name
        return self.kind

    def usable(self, *, allow_pickle: bool = False) -> bool:
        return not self.problem or (self.pickled and allow_pickle)


@dataclass(frozen=True)
class TrainingFacts:
    """What the training recorded about itself (training_metrics.json); None where it did not."""

    trained_on: str | None = None
    """The model the training started from, often a 4-bit one."""
    dataset: str | None = None
    dataset_samples: int | None = None
    steps: int | None = None
    epochs: float | None = None
    final_loss: float | None = None
    lora_rank: int | None = None
    lora_alpha: float | None = None
    learning_rate: float | None = None
    seconds: float | None = None
    finished: dt.datetime | None = None
    seed: int | None = None
    """Where the training began, by chance."""
    recipe: str = ""
    """Equal for trainings that were told the same but for the seed: a digest."""


@dataclass(frozen=True)
class TrainedModel:
    """A folder in outputs/ (or a hub model, whose `path` is where its results go).

    `problems` are those of the folder itself; each format has its own. `modified` is the newest change of any weight
    file, in seconds since the epoch.
    """

    name: str
    path: Path
    formats: tuple[ModelFormat, ...] = ()
    training: TrainingFacts = TrainingFacts()
    modified: float = 0.0
    problems: tuple[str, ...] = ()
    hub_id: str | None = None

    @property
    def trained_at(self) -> float:
        """When training finished, in seconds since the epoch: from its own record, else from the newest weight file."""
        finished = self.training.finished
        return finished.timestamp() if finished else self.modified

    @property
    def usable(self) -> bool:
        return any(form.usable() for form in self.formats)

    @property
    def all_problems(self) -> tuple[str, ...]:
        """The problems of the folder and of its formats, each naming what it is about."""
        return self.problems + tuple(f"{form.label}: {form.problem}" for form in self.formats if form.problem)

    @property
    def all_warnings(self) -> tuple[str, ...]:
        """The warnings of its usable formats, each naming the format."""
        return tuple(f"{form.label}: {warning}" for form in self.formats if form.usable() for warning in form.warnings)


_UNITS = ("B", "KB", "MB", "GB", "TB")


def size_text(count: float) -> str:
    """Return bytes as people write them: decimal units, at most three digits (`524912` is `525 KB`)."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    digits = 1 if unit and count < 99.95 else 0
    return f"{count:.{digits}f} {_UNITS[unit]}"
