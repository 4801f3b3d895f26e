"""What the user says of a data file that becomes a task: all that the task is made from, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import msgspec

DataKind = Literal["generate", "choices", "loglikelihood", "perplexity", "preference"]
"""generate: a text is written and matched. choices: the likeliest of several. loglikelihood: how likely the reference
is. perplexity: of whole texts. preference: whether the chosen answer is likelier than the rejected one."""

DATA_KINDS: tuple[DataKind, ...] = get_args(DataKind)

CountFrom = Literal["auto", "0", "1", "text"]
"""Whether a gold answer that is a number counts the choices from 0 or from 1, or is the text of one of them."""


class DataSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One data set of the user's and how it is read: what --data and its companions, or [tasks.NAME], said.

    `source` is a path, or hub:ORG/NAME[:CONFIG][/SPLIT]. `prompt`, `answer` and `choices` are names of columns, or
    Jinja templates over them; None where they are to be recognised. `kind` and `metrics` None: what follows from the
    columns. `sample` takes that many rows, drawn with `sample_seed`; None takes all. `fewshot_from` is where examples
    for few-shot prompts come from, a file or a split of the same data set; None: there are none.
    """

    name: str
    source: str
    prompt: str | None = None
    answer: str | None = None
    choices: str | None = None
    kind: DataKind | None = None
    count_from: CountFrom = "auto"
    metrics: tuple[str, ...] = ()
    split: str | None = None
    sample: int | None = None
    sample_seed: int = 1234
    fewshot_from: str | None = None

    @property
    def origin(self) -> str:
        """Where the documents come from, for a report: the file's name without its folders, or the data set's."""
        return self.source if self.source.startswith("hub:") else Path(self.source).name


@dataclass(frozen=True)
class MadeTask:
    """A task that lm-eval can run: `file` is the YAML, `data` the Parquet file beside it.

    `documents` counts its rows, `kind` is what they are asked; `said` are lines for the user (what was recognised, what
    was left out and why), `previews` up to three rendered prompts, each with its expected answer; `examples` counts
    those for few-shot prompts.
    """

    name: str
    file: Path
    data: Path
    documents: int
    kind: DataKind
    said: tuple[str, ...] = ()
    previews: tuple[tuple[str, str], ...] = ()
    examples: int = 0
