"""How often verdicts err and intervals cover, measured in every corner: the long form of the tests in tests/evidence.

    python tests/perf/calibration.py [--replicas 10000] [--only NAME] [--record]

Each calibration_*.py beside this file yields cells, "claim: corner" with what is claimed and what was measured, by
simulation or by enumeration. Prints them; --record keeps them in calibration.json, of which BENCHMARKING.md's table is
made. Exits 1 when a cell is not kept, by more than simulation alone would give.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import importlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.evidence.cells import Cell  # noqa: E402

RECORD = HERE / "calibration.json"


def parts() -> list[str]:
    """The names of the parts, by their files."""
    return sorted(file.stem.removeprefix("calibration_") for file in HERE.glob("calibration_*.py"))


def cells_of(part: str, replicas: int) -> Iterator[Cell]:
    """The cells of one part, seeded by itself."""
    module = importlib.import_module(f"tests.perf.calibration_{part}")
    yield from module.cells(replicas, np.random.default_rng(2026))


def recorded() -> dict[str, dict[str, Any]]:
    """What was recorded, by part: the day, and its cells."""
    found: dict[str, dict[str, Any]] = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicas", type=int, default=10_000)
    parser.add_argument("--only", choices=parts(), help="one part alone")
    parser.add_argument("--record", action="store_true", help="Keep the cells for the table of BENCHMARKING.md.")
    options = parser.parse_args()
    over = []
    for part in [options.only] if options.only else parts():
        began, kept = time.process_time(), []
        for cell in cells_of(part, options.replicas):
            kept.append(cell)
            words = f"{cell.kind} {100 * cell.claimed:.1f} %: {100 * cell.measured:.2f} %"
            print(f"{cell.name:90} {words}{'' if cell.kept else '  NOT KEPT'}", flush=True)
            over += [] if cell.kept else [cell.name]
        print(f"({part}: {time.process_time() - began:.0f} s of processor time)\n", flush=True)
        if options.record:
            day = dt.datetime.now(dt.UTC).date().isoformat()
            found = {**recorded(), part: {"date": day, "cells": [dataclasses.asdict(cell) for cell in kept]}}
            RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    for name in over:
        print(f"NOT KEPT: {name}")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
