"""The rows that a name means: one file of this disk, or the files of one split of a Hub data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchtui.errors import UsageError
from benchtui.tasks.data.hub import HUB, fetch_split, parse_hub_name
from benchtui.tasks.data.read import DataFile, open_data, read_rows
from benchtui.tasks.data.rows import Row
from benchtui.text import one_line


@dataclass(frozen=True)
class Source:
    """A data set that can be read as often as needed. `name` is for messages, `columns` are all that there are, `said`
    lines for the user."""

    name: str
    columns: tuple[str, ...]
    files: tuple[DataFile, ...]
    said: tuple[str, ...]

    def rows(self, said: list[str] | None = None) -> Iterator[Row]:
        """Yield all rows; of several files they are numbered through, and told by number alone. Raises UsageError."""
        if len(self.files) == 1:
            yield from read_rows(self.files[0], said)
            return
        before = 0
        for file in self.files:
            number = 0
            for row in read_rows(file, said):
                number = row.number
                yield Row(before + number, None, row.cells)
            before += number


def open_source(
    source: str,
    split: str | None = None,
    *,
    offline: bool = False,
    arrived: Callable[[str, int, int], None] = lambda *_: None,
) -> Source:
    """Open a path, or hub:ORG/NAME[:CONFIG][/SPLIT], which is downloaded (`arrived` is told how far).

    Raises UsageError for what cannot be read and a split of a file, which has none; BenchtuiError from the Hub.
    """
    if not source.startswith(HUB):
        if split is not None:
            raise UsageError(
                f"{one_line(source, 200)} is a file and has no splits.",
                f"Leave out --data-split {one_line(split, 60)}.",
            )
        path = Path(source).expanduser()
        data = open_data(path)
        return Source(path.name, data.columns, (data,), _facts(data))
    name = parse_hub_name(source)
    if split is not None and name.split not in (None, split):
        raise UsageError(f"{name} names a split, and --data-split another.", "Give one of them.")
    found = fetch_split(replace(name, split=split or name.split), offline=offline, arrived=arrived)
    files = tuple(open_data(path) for path in found.paths)
    columns = tuple(dict.fromkeys(column for file in files for column in file.columns))
    notes = tuple(note for file in files for note in file.notes)
    return Source(str(found.name), columns, files, (*found.said, *notes))


def _facts(data: DataFile) -> tuple[str, ...]:
    how = [data.format.upper() if data.delimiter in (None, ",") else f"separated by {data.delimiter!r}"]
    how += [data.encoding] if data.encoding else []
    return (f"{one_line(data.path.name, 100)}: {', '.join(how)}.", *data.notes)
