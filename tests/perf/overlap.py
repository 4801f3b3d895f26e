"""How fast training data is searched for a benchmark's documents, and in how much memory.

    python -m tests.perf.overlap [MEGABYTES] [DOCUMENTS]

Generates texts of random words in each format, with every hundredth document of the benchmark planted, and prints
processor time, speed and the peak memory of a process that does nothing else.
"""

from __future__ import annotations

import csv
import itertools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FORMATS = ("jsonl", "csv", "parquet", "txt")
_CHARACTERS = 600


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    documents = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            file = Path(folder) / f"train.{form}"
            _generate(file, megabytes, documents)
            subprocess.run(
                [sys.executable, "-m", "tests.perf.overlap", "--search", str(file), str(documents)], check=True
            )
            file.unlink()


def _benchmark(documents: int) -> list[str]:
    words = _Words(1)
    return [f"{words.text(250)} {words.text(150)}" for _ in range(documents)]


class _Words:
    """Texts of words that are as long as English ones, some with punctuation outside ASCII."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311
        letters = random.Random(0)  # noqa: S311
        self._known = ["".join(letters.choices("etaoinshrdlucmfwyp", k=letters.randint(1, 9))) for _ in range(30_000)]

    def text(self, size: int) -> str:
        end = self._random.choice([". ", "? ", ", ", " “so” ", ".\n"]) if self._random.random() < 0.2 else ". "
        return " ".join(self._random.choices(self._known, k=size // 6)).capitalize() + end


def _generate(file: Path, megabytes: int, documents: int) -> None:
    planted, words, row = _benchmark(documents)[::100], _Words(2), 0
    rows = _rows(planted, words, megabytes * 1_000_000)
    if file.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = pa.schema([("prompt", pa.string()), ("response", pa.string())])
        with pq.ParquetWriter(file, schema) as out:
            while batch := list(itertools.islice(rows, 20_000)):
                out.write_table(pa.table({"prompt": [p for p, _ in batch], "response": [r for _, r in batch]}, schema))
        return
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        if file.suffix == ".csv":
            table.writerow(["prompt", "response"])
        for row, (prompt, response) in enumerate(rows):
            if file.suffix == ".csv":
                table.writerow([prompt, response])
            elif file.suffix == ".jsonl":
                messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": response}]
                out.write(json.dumps({"id": row, "messages": messages}, ensure_ascii=row % 2 == 0) + "\n")
            else:
                out.write(f"{prompt} {response}\n")


def _rows(planted: list[str], words: _Words, size: int) -> Iterator[tuple[str, str]]:
    step = max(1, size // (2 * _CHARACTERS * max(len(planted), 1)))
    done = number = 0
    while done < size:
        prompt, response = words.text(_CHARACTERS), words.text(_CHARACTERS)
        if number % step == 0 and number // step < len(planted):
            response += planted[number // step]
        yield prompt, response
        done += len(prompt) + len(response)
        number += 1


def _search(file: Path, documents: int) -> None:
    from benchtui.tasks.overlap.index import Index
    from benchtui.tasks.overlap.training import search_file

    start = time.process_time()
    index = Index(_benchmark(documents))
    made = time.process_time()
    search_file(index, file)
    seconds, size = time.process_time() - made, file.stat().st_size / 1e6
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{file.suffix[1:]:8} {size:6.0f} MB  {seconds:6.1f} s  {size / seconds:6.1f} MB/s  peak {memory:5.0f} MiB  "
        f"{index.found} of {documents:,} documents found  (index {made - start:.1f} s)"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--search"]:
        _search(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
