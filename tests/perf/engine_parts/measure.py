"""One engine on some requests: its time, and in a process of its own its peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.perf.engine_parts.model import WINDOW, build_model, give_ends
from tests.perf.engine_parts.requests import ROOT, Request, train_tokenizer

PEAK_REQUESTS = 32


@dataclass(frozen=True)
class Timing:
    """Seconds of the processor and of the clock."""

    cpu: float
    wall: float


def answer(engine: str, model: Any, tokenizer: Any, asked: Sequence[Request], batch_size: int | str) -> Timing:
    """Answer everything; log-likelihoods are timed without their tokenisation, which is the same code in both."""
    import logging

    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from tests.worker.answering.hf.engine.asking import fast_model

    logging.disable(logging.WARNING)
    made = {"pretrained": model, "tokenizer": tokenizer, "batch_size": batch_size, "max_length": WINDOW}
    lm = fast_model(**made) if engine == "engine" else HFLM(**made)
    instances = [Instance(request.kind, {}, tuple(request.args), index) for index, request in enumerate(asked)]
    began = time.process_time(), time.perf_counter()
    answer = lm.loglikelihood if asked[0].kind == "loglikelihood" else lm.generate_until
    answer(instances, disable_tqdm=True)
    return Timing(time.process_time() - began[0], time.perf_counter() - began[1])


def peak_of(engine: str, folder: Path, asked: Sequence[Request], vocabulary: int, threads: int) -> int:
    """Bytes that a process of its own grows by while it answers the first requests."""
    path = folder / "peak.requests"
    path.write_text(json.dumps([asdict(request) for request in asked[:PEAK_REQUESTS]]))
    # Freed memory goes back at once, so that what is resident is what is in use.
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    command = [
        sys.executable,
        str(ROOT / "tests/perf/engine.py"),
        "--threads",
        str(threads),
        "--peak",
        engine,
        str(path),
        str(vocabulary),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return int(run.stdout.split()[-1])


def peak(engine: str, path: Path, vocabulary: int) -> int:
    asked = [Request(**request) for request in json.loads(path.read_text())]
    tokenizer, model = train_tokenizer(path.parent), build_model(vocabulary)
    give_ends(model, tokenizer, asked)
    batch_size = "auto" if engine == "engine" else 8
    answer(engine, model, tokenizer, asked[:1], batch_size)  # what is loaded or set up once
    before = psutil.Process().memory_info().rss
    highest = _Highest()
    answer(engine, model, tokenizer, asked, batch_size)
    return highest.stop() - before


class _Highest(threading.Thread):
    """The largest resident size seen, looked at every two milliseconds."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._seen = 0
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        process = psutil.Process()
        while not self._over.wait(0.002):
            self._seen = max(self._seen, process.memory_info().rss)

    def stop(self) -> int:
        self._over.set()
        self.join()
        return self._seen
