"""What it costs to score continuations token by token with a signal, against their log-likelihoods alone.

    python tests/perf/token_scores.py REAL      (about five minutes on one core)

REAL is the folder that `make real` fills; its 135M model is asked as transformers' folder in float32, and as GGUF in
float32 where that lies beside it. The requests have the shapes of HellaSwag (endings of several tokens, four to a
context) and MMLU (one letter, behind examples that questions share); what their words are changes no time. Both ways
take turns in one process, on one thread; times are processor times, of which the least of each way counts. Prints a
table in Markdown and fails where a ratio is above what it is meant to be.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

NAME = "SmolLM2-135M-Instruct"
SIGNALS = ("uncertainty", "entropy", "margin", "logtoku")
TARGET = 1.1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("real", type=Path, nargs="?", default=Path(os.environ.get("BENCHTUI_TEST_REAL", ".real")))
    parser.add_argument("--contexts", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    from benchtui import api

    folder = options.real / NAME
    if not folder.is_dir():
        print(f"{folder} is not there (`make real` fetches it): nothing is measured", file=sys.stderr)
        return 0
    loaders: dict[str, Callable[[], Any]] = {"transformers": lambda: api.load(folder, device="cpu", dtype="float32")}
    if (file := options.real / f"{NAME}.F32.gguf").is_file():
        loaders["GGUF"] = lambda: api.load(file, backend="gguf", device="cpu", threads="1")
    print("| model | signal | log-likelihoods, s | with the signal, s | ratio |\n|---|---|---|---|---|")
    missed = False
    for name, load in loaders.items():
        with load() as model:
            asked = _requests(model, options.contexts)
            for signal in SIGNALS:
                plain, tokens = _times(model, asked, signal, options.rounds)
                ratio = tokens / plain
                missed |= ratio > TARGET
                print(f"| {name} | {signal} | {plain:.2f} | {tokens:.2f} | {ratio:.3f} |", flush=True)
    return int(missed)


def _requests(model: Any, contexts: int) -> list[Any]:
    from benchtui.worker.answering.protocol import ScoreRequest
    from tests.worker.answering.hf.engine import exam

    pairs = [instance.args for instance in (*exam.endings(contexts), *exam.knowledge(contexts))]
    return [ScoreRequest(*model._encoded(*pair), pair) for pair in pairs]


def _times(model: Any, asked: list[Any], signal: str, rounds: int) -> tuple[float, float]:
    from benchtui.worker.answering.protocol import Unobserved

    answering, found = model._answering, {}
    ways: tuple[Callable[[], None], ...] = (
        lambda: answering.score(asked, found.__setitem__, Unobserved()),
        lambda: answering.score_tokens(asked, signal, found.__setitem__, Unobserved()),
    )
    for way in ways:  # what is made once is not counted
        way()
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for way, times in zip(ways, taken, strict=True):
            began = time.process_time()
            way()
            times.append(time.process_time() - began)
    return min(taken[0]), min(taken[1])


if __name__ == "__main__":
    sys.exit(main())
