"""Says which documents of a task ask the same question."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from benchtui.compare.differences.pairing import PairedSamples
from benchtui.compare.differences.repeated import repeated
from benchtui.errors import BenchtuiError
from benchtui.results.records import RunResults
from benchtui.results.samples import Sample
from benchtui.tasks.data.documents.make import Document

_COLUMNS = frozenset(Document.__dataclass_fields__)


def with_same(joined: PairedSamples, first: RunResults, file: Path | None) -> PairedSamples:
    """Return the pairs with the numbers of their questions; `file` holds the samples of the `first` run. Raises
    BenchtuiError when it cannot be read."""
    facts, samples = first.task(joined.task), [sample for sample, _ in joined.pairs]
    may_be_own = facts is not None and facts.dataset == "parquet"
    return msgspec.structs.replace(joined, same=repeated(questions(file if may_be_own else None, samples)))


def questions(file: Path | None, samples: Sequence[Sample]) -> list[str]:
    """Return what identifies the question of each sample: equal ones ask the same.

    It is the hash of the document with that of the prompt. A document made of people's own data holds its id and its
    place, so that two never have one hash: its texts identify it. Raises BenchtuiError when `file` cannot be read.
    """
    if file is not None and samples and next(_documents(file, samples)).keys() >= _COLUMNS:
        return [_texts(document) for document in _documents(file, samples)]
    return [f"{sample.doc_hash} {sample.prompt_hash}" for sample in samples]


def _texts(document: dict[str, Any]) -> str:
    choices = document.get("choices") or []
    asked = [document.get("system"), document.get("prompt"), document.get("targets"), sorted(map(str, choices))]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _documents(file: Path, samples: Sequence[Sample]) -> Iterator[dict[str, Any]]:
    try:
        with file.open("rb") as lines:
            for sample in samples:
                lines.seek(sample.offset)
                document = json.loads(lines.readline()).get("doc")
                yield document if isinstance(document, dict) else {}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise BenchtuiError(f"{file} cannot be read: {error}.") from None
