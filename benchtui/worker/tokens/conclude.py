"""The end of a comparison by token: the summary and the table of what is complete."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from benchtui.files import open_run_file, run_folder
from benchtui.runs.events import Results
from benchtui.tokens.store import STORE, DistributionStore
from benchtui.tokens.summarise import summarise
from benchtui.tokens.summary import SUMMARY, write_summary
from benchtui.tokens.table import write_parquet
from benchtui.worker.tokens.context import TokensContext
from benchtui.worker.tokens.pairs import is_complete

TABLE = "tokens.parquet"
"""Its name in the store's folder."""


def conclude(context: TokensContext) -> bool:
    """Write what is said of the models and pairs that are complete; False where no model has read all texts yet.

    Raises BenchtuiError, OSError or sqlite3.OperationalError (a full disk).
    """
    store = complete_part(context)
    if store is None:
        context.reporter.warn("No model has read all texts yet, so there is nothing to show.")
        return False
    context.reporter.task = ""
    context.reporter.phase("writing")
    whole = DistributionStore(context.writer.folder)
    partial = len(store.header.labels) < len(whole.header.labels) or bool(_left_out(whole, store))
    summary = summarise(store)
    if partial:
        labels, known = whole.header.labels, store.header.labels
        missing = ", ".join(labels[len(known) :])
        note = f"Partial: {missing} did not read all texts." if missing else "Partial: not all pairs are compared."
        summary = msgspec.structs.replace(summary, notes=(note, *summary.notes))
    write_summary(context.writer.folder, summary)
    _write_table(store, context.writer.folder / TABLE)
    context.reporter.emit(Results(file=SUMMARY, folder=STORE, partial=partial))
    return True


def complete_part(context: TokensContext) -> DistributionStore | None:
    """The store with its first models and the pairs that are complete; None where there is none yet."""
    folder = context.writer.folder
    if not (folder / "store.json").is_file():
        return None
    header = DistributionStore(folder).header
    there = 0
    while there < len(header.labels) and (folder / "models" / str(there) / "model.json").is_file():
        there += 1
    if not there:
        return None
    known = tuple(pair for pair in header.pairs if max(pair) < there)
    part = DistributionStore(folder, msgspec.structs.replace(header, labels=header.labels[:there], pairs=known))
    pairs = tuple(pair for pair in known if is_complete(context, part, pair) or _cannot(part, pair))
    return DistributionStore(folder, msgspec.structs.replace(part.header, pairs=pairs))


def _cannot(store: DistributionStore, pair: tuple[int, int]) -> bool:
    first, second = (store.models[number] for number in pair)
    return first.tokenizer != second.tokenizer or first.texts != second.texts


def _left_out(whole: DistributionStore, part: DistributionStore) -> set[tuple[int, int]]:
    return set(whole.header.pairs) - set(part.header.pairs)


def _write_table(store: DistributionStore, place: Path) -> None:
    """Write it under another name first: it is not in memory as a whole."""
    part = place.with_name(f".{place.name}.part")
    with os.fdopen(open_run_file(part, os.O_WRONLY | os.O_TRUNC), "wb") as file:
        write_parquet(store, file)
        file.flush()
        os.fsync(file.fileno())
    with run_folder(place.parent) as folder:
        os.replace(part.name, place.name, src_dir_fd=folder, dst_dir_fd=folder)
