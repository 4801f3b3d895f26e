"""lm-eval's `hf` model and the fast engine, on the same requests of the real tasks, with the same model and threads.

    python tests/perf/engine.py            (about ten minutes on one core; needs ../shared/hub)

The model has the shape of Pythia-31m, the best known model of about 30M parameters, with random weights, in float32.
A random model never ends its texts by itself, so where texts end is given: for GSM8K after as many tokens as the
reference answer of that question has, which is what a few-shot prompt elicits; for IFEval after lengths drawn from a
log-normal distribution (median 220 tokens, sigma 0.8, at most 1280), as answers that range from a title to an essay
do. Both engines get the same lengths through the same logits processor, an end-of-text token forced at that place.

The engine chooses its batches itself (batch size auto). `hf` runs at batch size 1, which is lm-eval's default, and at
8; its own auto tries 64 rows of the whole window with all their logits, 26 GB here. What the engine is meant to reach
is meant against the default. Times are processor times, which other work on the machine disturbs least; the engine
runs before and after `hf` and its mean counts. Peak memory is what a process of its own grows by over the first
requests, with `hf` at batch size 8. The floor is the least that the requests need: each distinct prefix token and each
generated token once through the layers, the vocabulary once for each distinct position that is scored, at the rate of
matrix products measured on the spot; attention, norms and softmax come on top of it.

Prints a table in Markdown and fails when a ratio is below what it is meant to be.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.perf.engine_parts.measure import Timing, answer, peak, peak_of
from tests.perf.engine_parts.model import build_model, floor_operations, give_ends, machine, matmul_rate
from tests.perf.engine_parts.requests import (
    HUB,
    LARGE_VOCABULARY,
    VOCABULARY,
    WORKLOADS,
    Request,
    build_requests,
    hub,
    train_tokenizer,
)

MIB = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--only", default="", help="a part of the names of the workloads to run")
    parser.add_argument("--peak", nargs=3, metavar=("ENGINE", "REQUESTS", "VOCABULARY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if options.peak:
        engine, requests, vocabulary = options.peak
        print(peak(engine, Path(requests), int(vocabulary)))
        return 0
    if not (HUB / "serve.py").is_file():
        print("no hub beside the checkout: nothing to compare on", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder, hub(folder):
        return _compare(Path(folder), options)


def _compare(folder: Path, options: argparse.Namespace) -> int:
    chosen = [workload for workload in WORKLOADS if options.only.lower() in workload.name.lower()]
    requests = {workload: build_requests(workload, folder) for workload in chosen}
    tokenizer, model = train_tokenizer(folder), build_model(VOCABULARY)
    rate = matmul_rate()
    print(f"{machine()}, {options.threads} thread(s), {rate / 1e9:.0f} GFLOP/s in float32 matrix products;")
    print(f"a model of {sum(p.numel() for p in model.parameters()) / 1e6:.1f}M parameters.\n")
    print("| requests | hf, batch 1 | hf, batch 8 | engine | faster than 1, 8 | floor | peak, hf | peak, engine |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    missed = []
    for workload, asked in requests.items():
        line = _measured(folder, model, tokenizer, asked, options.threads)
        floor = floor_operations(model, tokenizer, asked) / rate
        print(f"| {workload.name}, {len(asked)} {line.row(floor)}", flush=True)
        if line.default.cpu / line.engine.cpu < workload.least:
            missed.append(f"{workload.name}: {line.default.cpu / line.engine.cpu:.2f}× instead of {workload.least}×")
        if workload.tasks == ("hellaswag",):
            hf, engine = (peak_of(name, folder, asked, LARGE_VOCABULARY, options.threads) for name in ("hf", "engine"))
            large = f"{workload.name} with {LARGE_VOCABULARY:,} tokens of vocabulary"
            print(f"| {large} | | | | | | {hf / MIB:.0f} MiB | {engine / MIB:.0f} MiB |", flush=True)
            if engine > hf / 4:
                missed.append(f"{large}: peak memory above a quarter of hf's")
    for line_missed in missed:
        print(f"MISSED {line_missed}", file=sys.stderr)
    return 1 if missed else 0


@dataclass(frozen=True)
class Line:
    """What was measured on one workload."""

    default: Timing
    eight: Timing
    engine: Timing
    hf_peak: int
    engine_peak: int

    def row(self, floor: float) -> str:
        """The cells of the table after the first."""
        faster = f"**{self.default.cpu / self.engine.cpu:.1f}×**, {self.eight.cpu / self.engine.cpu:.1f}×"
        times = f"{self.default.cpu:.1f} s | {self.eight.cpu:.1f} s | {self.engine.cpu:.1f} s"
        distance = f"{floor:.1f} s ({self.engine.cpu / floor:.2f}×)"
        return f"| {times} | {faster} | {distance} | {self.hf_peak / MIB:.0f} MiB | {self.engine_peak / MIB:.0f} MiB |"


def _measured(folder: Path, model: Any, tokenizer: Any, asked: Sequence[Request], threads: int) -> Line:
    give_ends(model, tokenizer, asked)
    first = answer("engine", model, tokenizer, asked, "auto")
    default = answer("hf", model, tokenizer, asked, 1)
    eight = answer("hf", model, tokenizer, asked, 8)
    last = answer("engine", model, tokenizer, asked, "auto")
    peaks = [peak_of(engine, folder, asked, VOCABULARY, threads) for engine in ("hf", "engine")]
    return Line(default, eight, Timing((first.cpu + last.cpu) / 2, (first.wall + last.wall) / 2), *peaks)


if __name__ == "__main__":
    sys.exit(main())
