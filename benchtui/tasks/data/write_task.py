"""Writes documents as an lm-eval task: a YAML that names columns, and a Parquet file of text beside it.

No text of people's data is in the YAML, so that lm-eval's Jinja never meets it. The Parquet's name holds a digest of
its bytes: what the datasets library has cached under it is always this content.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from benchtui.errors import UsageError
from benchtui.files import unwritable, write_atomic
from benchtui.tasks.data.documents.make import Document
from benchtui.tasks.data.spec import DataKind
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.scoring import PROCESS_RESULTS, metric_list
from benchtui.text import one_line

DIGITS = 16
"""How much of the SHA-256 of its bytes a Parquet file has in its name."""
LONGEST_NAME = 80
_BATCH = 2000
_BATCH_CHARACTERS = 32 * 1024 * 1024
_OUTPUT_TYPES: dict[DataKind, str] = {
    "generate": "generate_until",
    "choices": "multiple_choice",
    "loglikelihood": "multiple_choice",
    "perplexity": "loglikelihood_rolling",
    "preference": "multiple_choice",
}
"""A reference is asked as the only choice: so lm-eval joins it to the prompt as it joins choices, with a space in plain
text and with nothing after a chat template."""


@dataclass(frozen=True)
class Written:
    """A Parquet file of documents, and what the YAML needs to know of them.

    `longest` is the length of the longest accepted answer in bytes, `mean` that of all in characters; `paragraphs`
    says whether one holds an empty line;
    `joined` counts documents whose prompt ends, or all of whose choices begin, with white space. `first` are up to
    three documents.
    """

    path: Path
    documents: int
    systems: bool
    longest: int
    mean: float
    paragraphs: bool
    joined: int
    first: tuple[Document, ...]


def safe_name(text: str) -> str:
    """Return a task's name made of `text`: letters, digits, _ and -, so that it is one file name, and no pattern, list
    or path on a command line."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", text[:1000]).strip("_-")
    return plain[:LONGEST_NAME].rstrip("_-") or "data"


def write_documents(documents: Iterable[Document], folder: Path, name: str) -> Written:
    """Write `name`-DIGEST.parquet in the folder, whole or not at all, in bounded memory.

    Raises UsageError without documents, BenchtuiError where the file cannot be written, and what `documents` raises.
    """
    import pyarrow.parquet as pq

    facts = _Facts()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, made = tempfile.mkstemp(prefix=".benchtui-", suffix=".tmp", dir=folder)
        temporary = Path(made)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                with pq.ParquetWriter(file, schema(), compression="zstd", store_schema=False) as writer:
                    for batch in _batches(documents):
                        facts.add(batch)
                        writer.write_table(_table(batch))
                file.flush()
                file.seek(0)
                path = folder / f"{name}-{digest_of(file)}.parquet"
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            _check_some(facts.documents, name)
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise
    except OSError as error:
        raise unwritable(folder, error) from None
    return facts.written(path)


def _check_some(documents: int, name: str) -> None:
    if not documents:
        raise UsageError(f"{name}: no row became a document.", "Ask for more rows with --data-sample.")


def write_yaml(
    folder: Path,
    name: str,
    kind: DataKind,
    metrics: Iterable[ChosenMetric],
    written: Written,
    *,
    about: str,
    fewshot: Written | None = None,
) -> Path:
    """Write `name`.yaml, the task over these files; `about` is shown in lists of tasks. Returns its path.

    Raises BenchtuiError where it cannot be written.
    """
    path = folder / f"{name}.yaml"
    text = yaml_text(name, kind, metrics, written, about=about, fewshot=fewshot)
    try:
        write_atomic(path, text)
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def yaml_text(
    name: str,
    kind: DataKind,
    metrics: Iterable[ChosenMetric],
    written: Written,
    *,
    about: str = "",
    fewshot: Written | None = None,
) -> str:
    """Return the YAML of the task: only fixed text, names of columns, numbers, and quoted paths."""
    files = {"test": written.path, **({} if fewshot is None else {"fewshot": fewshot.path})}
    lines = [
        f"task: {_quoted(name)}",
        "dataset_path: parquet",
        "dataset_kwargs:",
        "  data_files:",
        *(f"    {split}: {_quoted(data_file(path))}" for split, path in files.items()),
        "test_split: test",
        *(["num_fewshot: 0"] if fewshot is None else ["fewshot_split: fewshot"]),
        f"output_type: {_OUTPUT_TYPES[kind]}",
        "doc_to_text: prompt",
        *_asking(kind, written, fewshot),
        *(['description: "{{system}}"'] if written.systems else []),
        *([f"process_results: !function {PROCESS_RESULTS[kind]}"] if PROCESS_RESULTS[kind] else []),
        "metric_list:",
    ]
    for listed in metric_list(metrics):
        lines += [
            f"  - metric: {_quoted(listed.metric)}",
            f"    aggregation: {'!function ' if listed.is_function else ''}{listed.aggregation}",
            f"    higher_is_better: {str(listed.higher_is_better).lower()}",
        ]
    lines += ["metadata:", "  version: 1.0", f"  kind: {kind}", f"  description: {_quoted(one_line(about, 200))}"]
    return "\n".join(lines) + "\n"


def stops(written: Written, fewshot: Written | None) -> tuple[list[str], int]:
    """Return where a written answer ends: texts that end it, and the most tokens.

    An empty line ends it where examples are separated by one and no accepted answer holds one; else only the model
    ends its answer. There is room for twice the longest accepted answer, and for 256 tokens at least.
    """
    until = ["\n\n"] if fewshot is not None and not (written.paragraphs or fewshot.paragraphs) else []
    return until, min(max(256, -(-written.longest // 256) * 256), 4096)


def data_file(path: Path) -> str:
    """Return the path as the datasets library reads it, which takes it for a pattern.

    Raises UsageError for a path that it would take for an address.
    """
    place = str(path.absolute())
    if "::" in place or "://" in place:
        raise UsageError(
            f"{place} cannot be read by lm-eval, whose data library takes :: for an address.", "Use another folder."
        )
    return glob.escape(place)


def schema() -> Any:
    """Return the columns of the Parquet file: those of `Document`."""
    import pyarrow as pa

    text = pa.string()
    texts = pa.list_(pa.field("element", text))
    return pa.schema(
        [
            *((name, text) for name in ("id", "place", "system", "prompt", "target")),
            *((name, texts) for name in ("targets", "choices", "letters")),
            ("gold", pa.int64()),
            ("scoring", text),
        ]
    )


def _asking(kind: DataKind, written: Written, fewshot: Written | None) -> Iterator[str]:
    if kind in ("choices", "preference"):
        yield "doc_to_choice: choices"
        yield "doc_to_target: gold"
        yield f"target_delimiter: {_quoted(delimiter(written))}"
        return
    if kind == "loglikelihood":
        yield "doc_to_choice: choices"
        yield f"target_delimiter: {_quoted(delimiter(written))}"
    yield "doc_to_target: target"
    if kind == "generate":
        until, most = stops(written, fewshot)
        yield "generation_kwargs:"
        yield f"  until: [{', '.join(_quoted(text) for text in until)}]"
        yield "  do_sample: false"
        yield f"  max_gen_toks: {most}"


def delimiter(written: Written) -> str:
    """Return what stands between prompt and choice in plain text: a space, where most documents bring none."""
    return "" if written.joined * 2 > written.documents else " "


def _quoted(text: str) -> str:
    import yaml

    dumped: str = yaml.safe_dump(text, default_style='"', allow_unicode=False, width=10**9)
    return dumped.strip()


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yield documents in lists of bounded length and of bounded text."""
    batch: list[Document] = []
    size = 0
    for one in documents:
        batch.append(one)
        size += len(one.prompt) + sum(map(len, one.targets)) + sum(map(len, one.choices)) + len(one.scoring)
        if len(batch) == _BATCH or size > _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _table(batch: list[Document]) -> Any:
    import pyarrow as pa

    columns = {name: [getattr(one, name) for one in batch] for name in Document.__dataclass_fields__}
    return pa.Table.from_pydict(columns, schema=schema())


def digest_of(file: BinaryIO) -> str:
    """Return the digest of a whole file that a Parquet file has in its name."""
    digest = hashlib.sha256()
    while piece := file.read(1024 * 1024):
        digest.update(piece)
    return digest.hexdigest()[:DIGITS]


class _Facts:
    def __init__(self) -> None:
        self.documents = 0
        self._systems = self._paragraphs = False
        self._longest = self._joined = self._characters = self._answers = 0
        self._first: list[Document] = []

    def add(self, batch: list[Document]) -> None:
        self.documents += len(batch)
        self._first += islice(batch, 3 - len(self._first))
        for one in batch:
            self._systems |= bool(one.system)
            self._paragraphs |= any("\n\n" in text for text in one.targets)
            self._longest = max([self._longest, *(len(text.encode()) for text in one.targets)])
            self._characters += sum(map(len, one.targets))
            self._answers += len(one.targets)
            starts = bool(one.choices) and all(text[:1].isspace() for text in one.choices)
            self._joined += one.prompt[-1:].isspace() or starts

    def written(self, path: Path) -> Written:
        return Written(
            path=path,
            documents=self.documents,
            systems=self._systems,
            longest=self._longest,
            mean=self._characters / max(self._answers, 1),
            paragraphs=self._paragraphs,
            joined=self._joined,
            first=tuple(self._first),
        )
