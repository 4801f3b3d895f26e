"""The leaderboard of two thousand models with twenty runs each: `python tests/perf/many_models.py [MODELS]`.

Builds them with a run of one base and two tasks, lets the index and the cache of pairs be made, then opens the
application in a process of its own, and presses keys. Times are those of the process's own processors' clock where the
machine is shared: seconds on the wall are printed beside them. `tests/perf/application.py` runs it and holds it to its
limits.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.synthetic import Task, ifeval, write_run

MODELS, RUNS = 2_000, 20
DOCUMENTS = 60
VARIANTS = 40
"""Different results; each model's newest run has one of them."""
FIRST_PAINT, TABLE, KEY, MEMORY = 0.5, 2.0, 0.05, 150e6
KEYS = ("down", "pagedown", "right", "s", "end", "left", "s", "up", "home", "o", "o", "o")
OLD = 1e9


def build(outputs: Path, models: int = MODELS, runs: int = RUNS) -> None:
    """Write `models` model folders with `runs` runs each, and one of the base; equal files are links to one."""
    made = outputs.parent / "made"
    made.mkdir()
    base = _files(made, 0)
    variants = [_files(made, 1 + number) for number in range(VARIANTS)]
    for number in range(models):
        folder = outputs / f"model-{number:04}" / "benchmarks"
        _link(folder / "base", base, STAMPS[0])
        for run, stamp in enumerate(STAMPS[1 : 1 + runs]):
            _link(folder / "fine-tuned" / stamp[:19], variants[(number + run) % VARIANTS], stamp)
        for place in (folder / "fine-tuned", folder):
            os.utime(place, (OLD, OLD))


STAMPS = [f"2026-11-{1 + number:02}T10-30-15.123456" for number in range(28)]


def _files(made: Path, seed: int) -> dict[str, Path]:
    name = "org/base" if not seed else "tuned"
    follows = [(i * 7 + seed * 13) % 41 < 16 + seed % 12 for i in range(DOCUMENTS)]
    solves = [float((i * 11 + seed * 5) % 37 < 14 + seed % 7) for i in range(DOCUMENTS)]
    tasks = {
        "ifeval": ifeval(follows, total=DOCUMENTS),
        "gsm8k": Task({("exact_match", "strict-match"): solves}),
    }
    hashes = {"task_hashes": {"ifeval": "a" * 64, "gsm8k": "b" * 64}}
    folder = write_run(made / str(seed), tasks, model=name, stamp="STAMP", settings=hashes) / "lm-eval"
    for file in folder.iterdir():
        os.utime(file, (OLD, OLD))
    return {file.name: file for file in folder.iterdir()}


def _link(run: Path, files: dict[str, Path], stamp: str) -> None:
    place = run / "lm-eval"
    place.mkdir(parents=True)
    for name, file in files.items():
        os.link(file, place / name.replace("STAMP", stamp))
    for folder in (place, run):
        os.utime(folder, (OLD, OLD))


async def look(outputs: Path) -> dict[str, float]:
    """Open the leaderboard, wait for the whole table, and press keys; seconds on the wall and of processor time, and
    the most memory that the process had, in bytes."""
    import psutil

    from benchtui.plans.choice import Choice
    from screens.leaderboard.grid import Grid
    from screens.leaderboard.leaderboard import LeaderboardPage
    from screens.settings import Settings
    from tests.perf.application import Timed

    found: dict[str, float] = {}
    app = Timed(Settings(Choice(outputs=outputs.parent / "empty")))
    process = psutil.Process()
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause(0.5)
        app.settings = Settings(Choice(outputs=outputs))
        wall, used = time.perf_counter(), time.process_time()
        await app.push_screen(LeaderboardPage())  # a pause of the pilot would wait for the threads as well
        await app.drawn()
        found["paint"], found["paint used"] = time.perf_counter() - wall, time.process_time() - used
        rows = app.screen.query_one(Grid)
        while not rows.count:
            await asyncio.sleep(0.005)
        await app.drawn()
        found["table"], found["table used"] = time.perf_counter() - wall, time.process_time() - used
        while any(worker.is_running for worker in app.workers):
            await asyncio.sleep(0.05)
        found["whole"], found["whole used"] = time.perf_counter() - wall, time.process_time() - used
        took, spent = [], []
        for key in KEYS * 6:
            before = time.process_time()
            app.simulate_key(key)
            took.append(await app.drawn())
            spent.append(time.process_time() - before)
            await asyncio.sleep(0.02)
        found["key"], found["key used"] = statistics.median(took), statistics.median(spent)
        found["slowest"] = sorted(took)[int(0.95 * len(took))]
        found["rows"] = rows.count
        found["memory"] = process.memory_info().rss
    return found


def in_a_process(outputs: Path, cache: Path) -> dict[str, float]:
    """The figures of an application in a process of its own."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    command = [sys.executable, str(Path(__file__).resolve()), "--look", str(outputs)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return {name: float(value) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def missed(found: dict[str, float]) -> Iterator[str]:
    limits = {"paint used": FIRST_PAINT, "table used": TABLE, "key used": KEY, "memory": MEMORY}
    yield from (name for name, limit in limits.items() if found[name] > limit)


def words(found: dict[str, float]) -> str:
    return (
        f"leaderboard of {found['rows']:,.0f} rows, {RUNS} runs each: first paint {found['paint used']:.2f} s of "
        f"processor time ({found['paint']:.2f} s on the wall), table {found['table used']:.2f} s "
        f"({found['table']:.2f} s), all compared {found['whole used']:.2f} s, key median "
        f"{1000 * found['key used']:.0f} ms ({1000 * found['key']:.0f} ms, 95 % below "
        f"{1000 * found['slowest']:.0f} ms), memory {found['memory'] / 1e6:.0f} MB"
    )


def measured(models: int = MODELS) -> dict[str, float]:
    """The figures of the second time that the leaderboard is opened; those of the first one are printed."""
    with tempfile.TemporaryDirectory(prefix="benchtui-perf-") as folder:
        outputs, cache = Path(folder) / "outputs", Path(folder) / "cache"
        build(outputs, models)
        print(f"nothing kept: {words(in_a_process(outputs, cache))}")
        return in_a_process(outputs, cache)


def main() -> int:
    found = measured(int(sys.argv[1]) if sys.argv[1:] else MODELS)
    print(words(found))
    late = list(missed(found))
    if late:
        print(f"missed: {', '.join(late)}")
    return 1 if late else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--look"]:
        print(json.dumps(asyncio.run(look(Path(sys.argv[2])))))
        sys.exit(0)
    sys.exit(main())
