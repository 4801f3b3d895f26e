"""Time and memory of summarize, compare, readme and gate on MMLU-size results: 57 subjects, 14,042 documents, two runs.

    python tests/perf/reports.py [--keep FOLDER]

Files have the size of real ones: five-shot prompts make a line of lm-eval's MMLU samples about 12 KB long.
Prints a line for each command; exits 1 when one takes 3 s or 500 MB.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.synthetic import Task, write_run

DOCUMENTS, SUBJECTS = 14_042, 57
LIMIT_SECONDS, LIMIT_MB = 3.0, 500.0
CATEGORIES = {"mmlu_stem": 19, "mmlu_other": 13, "mmlu_social_sciences": 12, "mmlu_humanities": 13}
COMMANDS = (
    ("summarize", "{model}"),
    ("compare", "{model}"),
    ("compare", "{model}", "--format", "html", "--output", "{model}/page.html"),
    ("compare", "{model}", "--format", "json", "--output", "{model}/page.json"),
    ("readme", "{model}"),
    ("gate", "{model}"),
)


def write_model(folder: Path, line_bytes: int) -> Path:
    """A model folder with a base and a fine-tuned run; the second is right a little more often."""
    rng = random.Random(7)  # noqa: S311 - made-up results
    model = folder / "mmlu-size"
    names = [f"{category}_{i:02}" for category, count in CATEGORIES.items() for i in range(count)]
    sizes = [DOCUMENTS // SUBJECTS + (i < DOCUMENTS % SUBJECTS) for i in range(SUBJECTS)]
    groups = {c: [name for name in names if name.startswith(c)] for c in CATEGORIES}
    outcomes = {name: [rng.random() < 0.55 for _ in range(size)] for name, size in zip(names, sizes, strict=True)}
    for run, gain in (("base", 0.0), ("fine-tuned/2026-11-20T10-30-15", 0.1)):
        tasks = {
            name: Task(
                {("acc", "none"): [float(right or rng.random() < gain) for right in outcomes[name]]},
                documents=[f"{name} {i}" for i in range(len(outcomes[name]))],
                filler="five worked examples " * (line_bytes // 21),
                shots=5,
            )
            for name in names
        }
        write_run(model / "benchmarks" / run, tasks, groups=groups, nested={"mmlu": list(groups)})
    return model


def measure(arguments: list[str]) -> tuple[float, float, float, int]:
    """Seconds on the clock and of processor, peak memory in MB and exit code of one command."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchtui", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="Write the model here and leave it.")
    parser.add_argument("--line-bytes", type=int, default=11_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        model = write_model(options.keep or Path(scratch), options.line_bytes)
        size = sum(file.stat().st_size for file in model.rglob("*.jsonl")) / 1e6
        print(f"{DOCUMENTS} documents x 2 runs, {size:.0f} MB of samples")
        failed = False
        for command in COMMANDS:
            arguments = [part.format(model=model) for part in command]
            best = min((measure(arguments) for _ in range(3)), key=lambda found: found[0])
            seconds, processor, megabytes, code = best
            slow = seconds >= LIMIT_SECONDS or megabytes >= LIMIT_MB or code not in (0, 3, 4)
            failed = failed or slow
            name = " ".join([arguments[0], *command[2:4]])
            figures = f"{seconds:5.2f} s ({processor:.2f} of processor)  {megabytes:4.0f} MB"
            print(f"{name:28} {figures}  exit {code}{'  OVER' if slow else ''}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
