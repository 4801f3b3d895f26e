"""How fast data files are opened and read, and in how much memory.

    python -m tests.perf.own_data [MEGABYTES]

Writes a file of questions and answers in each format and prints, each from a process that does nothing else: seconds
of the processor until the file is opened (which reads all of it), megabytes that are read into rows in each second of
the processor, and the peak of memory.
"""

from __future__ import annotations

import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

FORMATS = ("jsonl", "json", "one-line.json", "csv", "quoted.csv", "parquet", "arrow")


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(f"{'file':16}{'MB':>6}{'rows':>12}{'open s':>8}{'read MB/s':>11}{'peak MB':>9}{'of which libraries':>20}")
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            path = Path(folder, f"data.{form}")
            write(path, megabytes * 1_000_000)
            subprocess.run([sys.executable, "-m", "tests.perf.own_data", "--read", str(path)], check=True)
            path.unlink()


def rows() -> Iterator[dict[str, object]]:
    words = ["Ann", "has", "3", "apples,", "and", "„Äpfel“", "gives", "two", "of", "them", "away.", 'She said "no".']
    drawn = random.Random(0)  # noqa: S311
    number = 0
    while True:
        number += 1
        question = " ".join(drawn.choices(words, k=60))
        yield {"id": number, "question": question, "answer": f"#### {drawn.random():.6f}", "hard": number % 2 == 0}


def write(path: Path, size: int) -> None:
    if path.suffix in (".parquet", ".arrow"):
        _write_table(path, size)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.name.endswith("csv"):
            quoting = csv.QUOTE_ALL if "quoted" in path.name else csv.QUOTE_MINIMAL
            writer = csv.DictWriter(file, ["id", "question", "answer", "hard"], quoting=quoting)
            writer.writeheader()
            write_row = writer.writerow
        else:
            start, between = {".jsonl": ("", "\n"), ".json": ("[", ", " if "one-line" in path.name else ",\n")}[
                path.suffix
            ]
            file.write(start)

            def write_row(row: dict[str, object]) -> None:
                file.write((between if row["id"] != 1 else "") + json.dumps(row, ensure_ascii=False))

        for row in rows():
            write_row(row)
            if file.tell() > size if row["id"] % 1000 == 0 else False:  # type: ignore[operator]
                break
        file.write("]" if path.suffix == ".json" else "\n")


def _write_table(path: Path, size: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = rows()
    first = pa.Table.from_pylist(list(islice(source, 10_000)))
    opener = pq.ParquetWriter if path.suffix == ".parquet" else pa.ipc.new_stream
    written = 0
    with opener(str(path), first.schema) as writer:
        table = first
        while written < size:
            writer.write_table(table)
            written += table.nbytes
            table = pa.Table.from_pylist(list(islice(source, 10_000)), first.schema)


def read(path: Path) -> None:
    from benchtui.tasks.data.read import open_data, read_rows

    if path.suffix in (".parquet", ".arrow"):
        import pyarrow.parquet  # noqa: F401
    before = _peak()
    started = time.process_time()
    data = open_data(path)
    opened = time.process_time()
    count = sum(1 for _ in read_rows(data))
    done = time.process_time()
    size = path.stat().st_size / 1e6
    speed = size / (done - opened)
    print(
        f"{path.name.removeprefix('data.'):16}{size:6.0f}{count:12,}{opened - started:8.2f}{speed:11.0f}{_peak():9.0f}"
        f"{before:20.0f}",
        flush=True,
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(Path(sys.argv[2]))
    else:
        main()
