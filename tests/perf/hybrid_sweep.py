"""What nine thresholds of log-likelihoods cost in processor time, against one evaluation of each model.

    BENCHTUI_TEST_REAL=FOLDER BENCHTUI_TEST_HUB=FOLDER python -m tests.perf.hybrid_sweep [DOCUMENTS]

The models are a real instruct model of 135M parameters, which `make real` makes, and a sibling of half its layers; the
task is HellaSwag. Whole commands are measured; what they take with one document, which is starting, is told apart.
Exits with 1 where the sweep takes more than 1.1 times both evaluations, or 1.25 times without starting.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.swept_siblings import MODEL, evaluate, place_models, processor_seconds, sweep

MOST, WITHOUT_STARTING = 1.1, 1.25


def main() -> int:
    if not {"BENCHTUI_TEST_REAL", "BENCHTUI_TEST_HUB"} <= os.environ.keys():
        print("BENCHTUI_TEST_REAL and BENCHTUI_TEST_HUB name no folders: nothing is measured.")
        return 0
    documents = sys.argv[1] if len(sys.argv) > 1 else "40"
    hub = Path(os.environ["BENCHTUI_TEST_HUB"])
    server = subprocess.Popen([sys.executable, str(hub / "serve.py"), "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        with tempfile.TemporaryDirectory() as folder:
            env = {"HF_ENDPOINT": server.stdout.readline().split()[-1], "HF_HOME": f"{folder}/home"}
            return _measured(Path(folder), documents, env)
    finally:
        server.terminate()
        server.wait(10)


def _measured(folder: Path, documents: str, env: dict[str, str]) -> int:
    small = place_models(folder, Path(os.environ["BENCHTUI_TEST_REAL"]), 15)
    start, whole = (_seconds(small, count, env) for count in ("1", documents))
    print(f"one evaluation of each model: {whole[0]:.1f} s, nine thresholds: {whole[1]:.1f} s")
    separate, swept = (whole[side] - start[side] for side in (0, 1))
    print(f"{whole[1] / whole[0]:.2f} times; without starting {swept / separate:.2f} times")
    return int(whole[1] > MOST * whole[0] or swept > WITHOUT_STARTING * separate)


def _seconds(small: Path, documents: str, env: dict[str, str]) -> tuple[float, float]:
    """Processor time of both evaluations, and of the sweep."""
    flags = ("--tasks", "hellaswag", "--limit", documents)
    before = processor_seconds()
    evaluate(small.parent, small.name, env, *flags)
    evaluate(small.parent, MODEL, env, *flags)
    between = processor_seconds()
    sweep(small.parent, small, env, "--json", *flags)  # without the report
    return between - before, processor_seconds() - between


if __name__ == "__main__":
    sys.exit(main())
