"""Model folders with results in all shapes, for leaderboards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.synthetic import Task, ifeval, write_run

N = 400


def right(share: float, seed: int, n: int = N) -> list[bool]:
    return [bool(value) for value in np.random.default_rng(seed).random(n) < share]


def gsm8k(share: float, seed: int, n: int = N, **more: Any) -> Task:
    return Task({("exact_match", "strict-match"): [float(v) for v in right(share, seed, n)]}, **more)


def write_model(
    outputs: Path, name: str, tuned: Mapping[str, Task], base: Mapping[str, Task] | None = None, **more: Any
) -> Path:
    """Write a model folder with one fine-tuned run, and the run of its base; returns the folder."""
    model = outputs / name
    (model / "lora").mkdir(parents=True, exist_ok=True)
    if base is not None:
        write_run(model / "benchmarks" / "base", base, model="org/base")
    write_run(model / "benchmarks" / "fine-tuned" / "2026-11-20T10-00-00", tuned, model=name, **more)
    return model


def three_models(outputs: Path) -> Path:
    """Write three models of one base with two tasks each; the first one is much better on one of them."""
    base = {"ifeval": ifeval(right(0.4, 1), total=N), "gsm8k": gsm8k(0.3, 2)}
    shares = {"good": (0.6, 0.31), "same": (0.42, 0.3), "bad": (0.4, 0.1)}
    for number, (name, (follows, solves)) in enumerate(shares.items()):
        tuned = {
            "ifeval": ifeval(right(follows, 10 + number), total=N),
            "gsm8k": gsm8k(solves, 20 + number),
        }
        write_model(outputs, name, tuned, base)
    return outputs
