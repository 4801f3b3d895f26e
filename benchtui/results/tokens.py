"""Finds comparisons by token among the runs, and opens what they found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchtui.errors import BenchtuiError
from benchtui.runs.directory import RunDirectory
from benchtui.runs.find import find
from benchtui.runs.kinds.registry import kind_of
from benchtui.runs.known import KnownRun, begun, known_runs, model_runs, shown_name
from benchtui.text import one_line
from benchtui.tokens.arrays import damaged
from benchtui.tokens.store import STORE, DistributionStore, open_store
from benchtui.tokens.summary import (
    SUMMARY,
    Flips,
    Parting,
    Place,
    Replacement,
    TokenChange,
    TokensSummary,
    read_summary,
)

KIND = "tokens"


@dataclass(frozen=True)
class TokensResults:
    """What a comparison by token found: the folder of its run, its store, and its summary."""

    run: Path
    store: DistributionStore
    summary: TokensSummary

    @property
    def name(self) -> str:
        """The run as users name it."""
        return shown_name(RunDirectory(self.run))


def find_tokens(outputs: Path, text: str | None) -> TokensResults:
    """Open the comparison by token that `text` names: a run, a store's folder, a model (its newest one), or None for
    the newest of all. Raises BenchtuiError where there is none, or it has not finished."""
    if text is not None and (Path(text) / "store.json").is_file():
        return read_tokens(Path(text).absolute().parent)
    if text is None:
        return read_tokens(_newest(known_runs(outputs), "").path)
    named = find(outputs, text)
    if named.run is None:
        assert named.model is not None  # noqa: S101 - no run was named: a model was
        return read_tokens(_newest(model_runs(named.model), f" of {one_line(named.model.name, 100)}").path)
    if not is_tokens(named.run):
        raise BenchtuiError(
            f"{one_line(str(named.run.path), 200)} is no comparison by token.", "`benchtui runs` lists them."
        )
    return read_tokens(named.run.path)


def read_tokens(run: Path) -> TokensResults:
    """Open the store and the summary in a run's folder. Raises BenchtuiError where they are missing or damaged."""
    if not (run / STORE / SUMMARY).exists():
        raise BenchtuiError(
            f"{one_line(shown_name(RunDirectory(run)), 100)} has not finished: there is nothing to show yet.",
            "`benchtui resume` does what is left.",
        )
    store, summary = open_store(run), read_summary(run / STORE)
    if not _fits(summary, store):
        raise damaged(run / STORE / SUMMARY, "it names models or places that the store does not have")
    return TokensResults(run, store, summary)


def _fits(summary: TokensSummary, store: DistributionStore) -> bool:
    """Whether every model and place that a summary names is there: it may come from anybody."""
    flips = () if summary.flips is None else (summary.flips,)
    named = [*summary.pairs, *summary.partings, *summary.spans, *flips]
    models = range(min(len(summary.models), len(store.header.labels)))
    if len(summary.models) > len(models) or any(one.first not in models or one.second not in models for one in named):
        return False
    return all(
        0 <= place.document < len(texts.tokens) and 0 <= place.position < len(texts.tokens[place.document].scored)
        for one in (*summary.partings, *flips)
        for texts in (store.texts(one.first),)
        for place in _places(one)
    ) and all(0 <= each.document < len(store.texts(one.first).tokens) for one in flips for each in one.flipped)


def _places(found: Parting | Flips) -> Iterator[Place]:
    changes = list[Replacement | TokenChange](found.replacements)
    if isinstance(found, Parting):
        yield from (*found.furthest, *found.silent)
        changes += (*found.learnt, *found.forgotten)
    for change in changes:
        yield from change.places


def _newest(runs: Iterable[KnownRun], whose: str) -> RunDirectory:
    found = [known.run for known in runs if is_tokens(known.run)]
    if not found:
        raise BenchtuiError(
            f"There is no comparison by token{whose}.", "`benchtui tokens compare base MODEL` makes one."
        )
    return max(found, key=begun)


def is_tokens(run: RunDirectory) -> bool:
    """Whether a run is a comparison by token."""
    try:
        return kind_of(run).name == KIND
    except BenchtuiError:
        return False  # `benchtui runs` says what is wrong with it
