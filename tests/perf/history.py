"""How long `benchtui history` takes over ten thousand runs: `python tests/perf/history.py [RUNS] [MODELS]`.

Builds RUNS fine-tuned runs in MODELS model folders, each with its results, samples and a base, then times the whole
command in a new process: without an index, and with the one that the first time left.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.synthetic import Task, ifeval, write_run

LIMIT = 3.0
"""Seconds that the log of ten thousand runs may take to open."""


def build(outputs: Path, runs: int, models: int) -> None:
    answers = [i % 3 == 0 for i in range(40)]
    other = Task({("exact_match", "strict-match"): answers})
    made = outputs.parent / "made"
    hashes = {"task_hashes": {"ifeval": "a" * 64, "gsm8k": "b" * 64}}
    write_run(made, {"ifeval": ifeval(answers, total=40), "gsm8k": other}, stamp="STAMP", settings=hashes)
    texts = {file.name: file.read_bytes() for file in (made / "lm-eval").iterdir()}
    for number in range(runs + models):
        model = outputs / f"model-{number % models:04}" / "benchmarks"
        stamp = f"2026-{1 + number // 28 % 12:02}-{1 + number % 28:02}T{number // 3600 % 24:02}-{number // 60 % 60:02}"
        stamp += f"-{number % 60:02}"
        place = (model / "base" if number < models else model / "fine-tuned" / f"{stamp}-{number}") / "lm-eval"
        place.mkdir(parents=True)
        for name, text in texts.items():
            file = place / name.replace("STAMP", stamp)
            file.write_bytes(text)
            os.utime(file, (1e9, 1e9))
        for folder in (place, place.parent):
            os.utime(folder, (1e9, 1e9))


def timed(*arguments: str) -> float:
    start = time.perf_counter()
    command = [sys.executable, "-P", "-m", "benchtui", "history", *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(runs: int = 10_000, models: int = 100) -> int:
    with tempfile.TemporaryDirectory() as name:
        outputs = Path(name) / "outputs"
        build(outputs, runs, models)
        where = ("--outputs", str(outputs))
        print(f"{runs:,} runs of {models:,} models, no index: {timed(*where):.2f} s")
        leaderboard = timed(*where)
        print(f"with the index: {leaderboard:.2f} s")
        every = timed("--all-runs", *where)
        print(f"with the index, --all-runs: {every:.2f} s")
        print(f"with the index, --all-runs --format csv: {timed('--all-runs', '--format', 'csv', *where):.2f} s")
        return int(max(leaderboard, every) > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
