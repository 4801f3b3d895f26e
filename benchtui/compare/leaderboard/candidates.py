"""Finds what was evaluated: every model, checkpoint, quantisation and backend with results is one candidate."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchtui.compare.history.history import ReadRun, record_of
from benchtui.compare.leaderboard.index import rows_in
from benchtui.compare.leaderboard.records import Candidate, CandidateRun, Key
from benchtui.compare.leaderboard.rows import Row, facts_of, rows_of
from benchtui.errors import BenchtuiError
from benchtui.results.choose import base_of
from benchtui.results.read import read_run
from benchtui.runs.directory import RunDirectory
from benchtui.runs.find import Named, find
from benchtui.runs.known import is_base, model_folders
from benchtui.text import one_line

Progress = Callable[[int, int], None]
"""Told after each model folder how many of how many were read."""


class _Group(NamedTuple):
    """The rows that make one candidate, and its name where that is given."""

    rows: Sequence[Row]
    name: str = ""


def find_candidates(outputs: Path, models: Sequence[str] = (), *, progress: Progress | None = None) -> list[Candidate]:
    """Return every candidate in `outputs`, bases first; or the named ones alone, and the bases that they were compared
    with. A name is that of a model, run, path or results file (`benchtui.runs.find`), or of a row of the whole
    leaderboard.

    Reads no samples. Raises UsageError when there is no such folder, BenchtuiError for a name that means nothing or
    several things, or something without results.
    """
    if not models:
        return _candidates(_together(_all_rows(outputs, progress)))
    folders = {folder.resolve(): name for name, folder in model_folders(outputs)} if outputs.is_dir() else {}
    groups: list[_Group] = []
    unknown: dict[str, BenchtuiError] = {}
    for text in dict.fromkeys(models):
        try:
            named = find(outputs, text)
        except BenchtuiError as error:
            unknown[text] = error
            continue
        found = _named(named, folders)
        if not found:
            raise BenchtuiError(f"{one_line(text, 300)} has no results yet.", "Type `benchtui run` first.")
        groups += found
    if unknown:
        groups += _called(_together(_all_rows(outputs, progress)), unknown)
    return _candidates(_distinct(groups))


def _all_rows(outputs: Path, progress: Progress | None) -> Iterator[Row]:
    folders = model_folders(outputs)
    for number, (name, folder) in enumerate(folders, 1):
        yield from rows_in(folder, name)
        if progress is not None:
            progress(number, len(folders))


def _together(rows: Iterable[Row]) -> list[_Group]:
    """Return the rows of each candidate: a base has one in the folder of every model that was trained from it."""
    by_key: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    return [_Group(found) for found in by_key.values()]


def _distinct(groups: Iterable[_Group]) -> list[_Group]:
    """Return each candidate once: those of one base together, and no run that another row of the same model has."""
    bases: dict[Key, dict[tuple[str, ...], Row]] = defaultdict(dict)
    others: dict[tuple[str, ...], _Group] = {}
    for group in groups:
        for row in group.rows:
            places = tuple(run.place for run in row.runs)
            if row.key.base:
                bases[row.key].setdefault(places, row)
            else:
                others.setdefault(places, _Group([row], group.name))
    several = {place: places for places in others for place in places if len(places) > 1}
    found = [group for places, group in others.items() if several.get(places[0], places) == places]
    return [*(_Group(list(rows.values())) for rows in bases.values()), *found]


# What a person names.


def _named(named: Named, folders: Mapping[Path, str]) -> list[_Group]:
    model = named.model
    name = folders.get(model.resolve(), model.name) if model is not None else ""
    if named.run is None:
        assert model is not None  # noqa: S101 - a name means a run or a model
        return _together(rows_in(model, name))
    base = None if model is None or is_base(named.run) else base_of(named.run, model)
    found = [_Group([row], _run_words(row, named)) for row in _row_of_run(named.run, named, name, base)]
    return found if base is None else [*found, *_together(_row_of_run(base, named, name, None))]


def _run_words(row: Row, named: Named) -> str:
    """Return the name of a run that was named itself."""
    if row.key.base or named.run is None:
        return ""
    return f"{row.key.model}/{named.run.path.name}" if named.model is not None else ""


def _row_of_run(run: RunDirectory, named: Named, model: str, base: RunDirectory | None) -> list[Row]:
    """Return the row of one run. Raises BenchtuiError where it cannot be read."""
    file = named.file if run is named.run else None
    results = read_run(file or run)
    theirs = read_run(base) if base is not None and run is named.run else None
    record = record_of(results, run.plan() if run.exists() else None, theirs)
    if theirs is not None and base is not None and run.benchmarks is not None:
        record = msgspec.structs.replace(record, base_run=str(base.path.relative_to(run.benchmarks)))
    rows = rows_of(model or record.model_name, named.model, [ReadRun(run, record)])
    return rows if file is None else [_from_file(row, file) for row in rows]


def _from_file(row: Row, file: Path) -> Row:
    """Return the row of a results file that was named itself: its folder may hold a newer one."""
    return msgspec.structs.replace(row, runs=(msgspec.structs.replace(row.runs[0], place=str(file)),))


def _called(groups: Sequence[_Group], wanted: Mapping[str, BenchtuiError]) -> list[_Group]:
    """Return the candidates that have these names in the whole leaderboard, and their bases. Raises the error of a name
    that none has."""
    names = _names(groups)
    chosen: dict[int, _Group] = {}
    for text, error in wanted.items():
        these = [n for n, name in enumerate(names) if text in (name, one_line(name, len(text) + 1))]
        if not these:
            raise error
        chosen |= {n: _Group(groups[n].rows, names[n]) for n in these}
    bases = {row.base_name for group in chosen.values() for row in group.rows}
    theirs = [group for group in groups if (key := group.rows[0].key).base and key.model in bases]
    return [*chosen.values(), *theirs]


# Candidates of rows.


def _candidates(groups: Sequence[_Group]) -> list[Candidate]:
    found = [_candidate(name, group.rows) for name, group in zip(_names(groups), groups, strict=True)]
    return sorted(found, key=lambda candidate: (not candidate.key.base, candidate.key, candidate.name))


def _candidate(name: str, rows: Sequence[Row]) -> Candidate:
    first = rows[0]
    chosen: dict[str, tuple[tuple[int, str], Row, int]] = {}
    for row in rows:
        for number, scored in enumerate(row.scores):
            task, counts = scored.outcome.task, _counts(row.runs[scored.run])
            if task not in chosen or counts > chosen[task][0]:
                chosen[task] = (counts, row, number)
    paths: dict[str, Path] = {}
    scores = [row.scores[number] for _, row, number in chosen.values()]
    places = [row.runs[row.scores[number].run].place for _, row, number in chosen.values()]
    used = set(places)
    others = [run for row in rows for run in row.runs if run.place not in used]
    return Candidate(
        first.key,
        name,
        Path(first.folder) if first.folder else None,
        first.base_name,
        tuple(scored.outcome for scored in scores),
        {scored.outcome.task: _path(place, paths) for scored, place in zip(scores, places, strict=True)},
        {scored.outcome.task: _path(scored.base, paths) for scored in scores if scored.base},
        tuple(sorted(others, key=_counts, reverse=True)) if len(rows) > 1 else tuple(others),
        facts_of(row.facts for row in rows),
        first.step,
        first.recipe,
        first.seed,
        problem=first.problem if not scores else "",
    )


def _counts(run: CandidateRun) -> tuple[int, str]:
    return run.standing, run.created.isoformat() if run.created else ""


def _path(place: str, known: dict[str, Path]) -> Path:
    return known.setdefault(place, Path(place)) if place not in known else known[place]


# Names.


def _names(groups: Sequence[_Group]) -> list[str]:
    """Name each by its model, and by what tells it from the others of that model; no two are equal."""
    keys = [group.rows[0].key for group in groups]
    of_model = Counter((key.model, key.base) for key in keys)
    of_format = Counter((key.model, key.base, key.format) for key in keys)
    taken = {key.model for key in keys}
    bases = Counter(Path(key.model).name for key in keys if key.base)
    found: list[str] = []
    for group, key in zip(groups, keys, strict=True):
        name = key.model
        if key.base and Path(name).is_absolute() and bases[short := Path(name).name] == 1 and short not in taken:
            name = short
        if key.format and of_model[key.model, key.base] > 1:
            name = f"{name}/{_short(key)}"
        if of_format[key.model, key.base, key.format] > 1 and (how := ", ".join(filter(None, key_words(key)))):
            name += f" ({how})"
        found.append(group.name or name)
    return _unique(found)


def key_words(key: Key) -> tuple[str, str]:
    """Return what tells two candidates of one format apart."""
    return key.backend, key.quantization


def _short(key: Key) -> str:
    """Return the format without the model's name, with which the names of GGUF files begin: `Q8_0.gguf`."""
    rest = key.format.removeprefix(key.model.rpartition("/")[2])
    named = rest != key.format and rest[:1] in ("-", "_", ".") and rest.endswith(".gguf") and rest[1:] != "gguf"
    return rest[1:] if named else key.format


def _unique(names: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    taken = set(names)
    found = []
    for name in names:
        seen[name] += 1
        other, number = name, seen[name]
        while number > 1 and (other := f"{name} ({number})") in taken:
            number += 1
        taken.add(other)
        found.append(other)
    return found
