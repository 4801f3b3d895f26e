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
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
HUB = Path(os.environ.get("BENCHTUI_TEST_HUB") or ROOT.parent / "shared" / "hub")
SHAPE = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6, "num_attention_heads": 8}
VOCABULARY, LARGE_VOCABULARY = 50_304, 128_000
WINDOW = 2048
BOS, EOS, PAD = 0, 1, 2
MIB = 1 << 20
PEAK_REQUESTS = 32


@dataclass(frozen=True)
class Workload:
    """Requests of one kind; `least` is how many times faster the engine is meant to be, `documents` for each task."""

    name: str
    tasks: tuple[str, ...]
    folder: str
    shots: int
    documents: int
    least: float


WORKLOADS = (
    Workload("MMLU 5-shot, 3 subjects", ("mmlu_astronomy", "mmlu_high_school_biology", "mmlu_international_law"),
             "mmlu/default", 5, 20, 4.0),
    Workload("HellaSwag 0-shot", ("hellaswag",), "hellaswag", 0, 200, 1.8),
    Workload("GSM8K 5-shot", ("gsm8k",), "gsm8k", 5, 64, 2.5),
    Workload("IFEval", ("ifeval",), "ifeval", 0, 32, 2.0),
)  # fmt: skip


@dataclass(frozen=True)
class Request:
    """Arguments of a request; the text to be generated is as long as `answer`, or else has `tokens` tokens."""

    kind: str
    args: list[Any]
    answer: str = ""
    tokens: int = 0

    def length(self, tokenizer: Any) -> int:
        """Tokens to be generated, the end-of-text token among them."""
        return min(256, len(tokenizer(self.answer)["input_ids"]) + 1) if self.answer else self.tokens


@dataclass(frozen=True)
class Timing:
    """Seconds of the processor and of the clock."""

    cpu: float
    wall: float


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
        print(_peak(engine, Path(requests), int(vocabulary)))
        return 0
    if not (HUB / "serve.py").is_file():
        print("no hub beside the checkout: nothing to compare on", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder, _hub(folder):
        return _compare(Path(folder), options)


def _compare(folder: Path, options: argparse.Namespace) -> int:
    chosen = [workload for workload in WORKLOADS if options.only.lower() in workload.name.lower()]
    requests = {workload: _requests(workload, folder) for workload in chosen}
    tokenizer, model = _tokenizer(folder), _model(VOCABULARY)
    rate = _matmul_rate()
    print(f"{_machine()}, {options.threads} thread(s), {rate / 1e9:.0f} GFLOP/s in float32 matrix products;")
    print(f"a model of {sum(p.numel() for p in model.parameters()) / 1e6:.1f}M parameters.\n")
    print("| requests | hf, batch 1 | hf, batch 8 | engine | faster than 1, 8 | floor | peak, hf | peak, engine |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|", flush=True)
    missed = []
    for workload, asked in requests.items():
        line = _measured(folder, model, tokenizer, asked, options.threads)
        floor = _floor(model, tokenizer, asked) / rate
        print(f"| {workload.name}, {len(asked)} {line.row(floor)}", flush=True)
        if line.default.cpu / line.engine.cpu < workload.least:
            missed.append(f"{workload.name}: {line.default.cpu / line.engine.cpu:.2f}× instead of {workload.least}×")
        if workload.tasks == ("hellaswag",):
            hf, engine = (_peak_of(name, folder, asked, LARGE_VOCABULARY, options.threads) for name in ("hf", "engine"))
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
    _give_ends(model, tokenizer, asked)
    first = _answer("engine", model, tokenizer, asked, "auto")
    default = _answer("hf", model, tokenizer, asked, 1)
    eight = _answer("hf", model, tokenizer, asked, 8)
    last = _answer("engine", model, tokenizer, asked, "auto")
    peaks = [_peak_of(engine, folder, asked, VOCABULARY, threads) for engine in ("hf", "engine")]
    return Line(default, eight, Timing((first.cpu + last.cpu) / 2, (first.wall + last.wall) / 2), *peaks)


# --- what is asked ---------------------------------------------------------------------------------------------------


@contextmanager
def _hub(home: str) -> Iterator[None]:
    server = subprocess.Popen(
        [sys.executable, str(HUB / "serve.py"), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    try:
        url = server.stdout.readline().decode().split()[-1]
        os.environ |= {"HF_ENDPOINT": url, "HF_HOME": home, "NLTK_DATA": str(HUB / "nltk_data")}
        yield
    finally:
        server.terminate()
        server.wait(10)


def _requests(workload: Workload, folder: Path) -> list[Request]:
    """The requests that lm-eval builds for the first documents of each task, and where their texts end."""
    import lm_eval
    from lm_eval.tasks import TaskManager, get_task_dict

    chance = random.Random(0)  # noqa: S311
    manager = TaskManager(
        include_defaults=False, include_path=[str(Path(lm_eval.__file__).parent / "tasks" / workload.folder)]
    )
    asked: list[Request] = []
    for name in workload.tasks:
        task = get_task_dict([name], manager)[name]
        task.config.num_fewshot = workload.shots
        task.set_fewshot_seed(1234)
        task.build_all_requests(limit=workload.documents)
        for instance in task.instances:
            answer, tokens = "", 0
            if instance.request_type == "generate_until":
                answer = instance.doc.get("answer", "")
                tokens = min(1280, max(1, round(math.exp(chance.gauss(math.log(220), 0.8)))))
            asked.append(Request(instance.request_type, list(instance.arguments), answer, tokens))
    (folder / f"{workload.tasks[0]}.json").write_text(json.dumps([asdict(request) for request in asked]))
    return asked


def _tokenizer(folder: Path) -> Any:
    """A byte-level tokenizer trained on the requests, the size of the model's vocabulary at most."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    path = folder / "tokenizer.json"
    if not path.exists():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        asked = [request for file in sorted(folder.glob("*.json")) for request in json.loads(file.read_text())]
        texts = {text for request in asked for text in request["args"] if isinstance(text, str)}
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=["<s>", "</s>", "<pad>"], initial_alphabet=alphabet
        )
        tokenizer.train_from_iterator(sorted(texts), trainer)
        tokenizer.save(str(path))
    return PreTrainedTokenizerFast(tokenizer_file=str(path), bos_token="<s>", eos_token="</s>", pad_token="<pad>")


# --- the model -------------------------------------------------------------------------------------------------------


def _model(vocabulary: int) -> Any:
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    class EndingModel(GPTNeoXForCausalLM):
        """Ends each text where it is told to, whoever generates it."""

        ends: dict[tuple[int, ...], int]

        def _get_logits_processor(self, *args: Any, **kwargs: Any) -> Any:
            processors = super()._get_logits_processor(*args, **kwargs)
            if self.ends:
                processors.append(_Ending(self.ends))
            return processors

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=vocabulary,
        max_position_embeddings=WINDOW,
        bos_token_id=BOS,
        eos_token_id=EOS,
        pad_token_id=PAD,
        **SHAPE,
    )
    model = EndingModel(config).eval()
    model.ends = {}
    return model


class _Ending:
    """A logits processor that forces the end-of-text token after as many tokens as the prompt is due."""

    def __init__(self, ends: dict[tuple[int, ...], int]) -> None:
        self._ends = ends
        self._due: list[int] = []
        self._done = 0

    def __call__(self, ids: Any, scores: Any) -> Any:
        if not self._due:
            self._due = [self._ends[tuple(token for token in row if token != PAD)] for row in ids.tolist()]
        scores[:, EOS] = -1e9
        for row, due in enumerate(self._due):
            if self._done >= due - 1:
                scores[row, EOS] = 1e9
        self._done += 1
        return scores


def _give_ends(model: Any, tokenizer: Any, asked: Sequence[Request]) -> None:
    model.ends = {}
    for request in asked:
        if request.kind == "generate_until":
            limit = request.args[1].get("max_gen_toks", 256)
            model.ends[tuple(tokenizer(request.args[0])["input_ids"][-(WINDOW - limit) :])] = request.length(tokenizer)


# --- measuring -------------------------------------------------------------------------------------------------------


def _answer(engine: str, model: Any, tokenizer: Any, asked: Sequence[Request], batch_size: int | str) -> Timing:
    """Answer everything; log-likelihoods are timed without their tokenisation, which is the same code in both."""
    import logging

    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    from benchtui.worker.engine import FastLM

    logging.disable(logging.WARNING)
    made = {"pretrained": model, "tokenizer": tokenizer, "batch_size": batch_size, "max_length": WINDOW}
    lm = FastLM(**made) if engine == "engine" else HFLM(**made)
    if asked[0].kind == "loglikelihood":
        encoded = [(tuple(request.args), *lm._encode_pair(*request.args)) for request in asked]
        began = time.process_time(), time.perf_counter()
        lm._loglikelihood_tokens(encoded, disable_tqdm=True)
    else:
        instances = [Instance(request.kind, {}, tuple(request.args), index) for index, request in enumerate(asked)]
        began = time.process_time(), time.perf_counter()
        lm.generate_until(instances, disable_tqdm=True)
    return Timing(time.process_time() - began[0], time.perf_counter() - began[1])


def _peak_of(engine: str, folder: Path, asked: Sequence[Request], vocabulary: int, threads: int) -> int:
    """Bytes that a process of its own grows by while it answers the first requests."""
    path = folder / "peak.requests"
    path.write_text(json.dumps([asdict(request) for request in asked[:PEAK_REQUESTS]]))
    # Freed memory goes back at once, so that what is resident is what is in use.
    env = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    command = [sys.executable, __file__, "--threads", str(threads), "--peak", engine, str(path), str(vocabulary)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return int(run.stdout.split()[-1])


def _peak(engine: str, path: Path, vocabulary: int) -> int:
    asked = [Request(**request) for request in json.loads(path.read_text())]
    tokenizer, model = _tokenizer(path.parent), _model(vocabulary)
    _give_ends(model, tokenizer, asked)
    batch_size = "auto" if engine == "engine" else 8
    _answer(engine, model, tokenizer, asked[:1], batch_size)  # what is loaded or set up once
    before = psutil.Process().memory_info().rss
    highest = _Highest()
    _answer(engine, model, tokenizer, asked, batch_size)
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


def _floor(model: Any, tokenizer: Any, asked: Sequence[Request]) -> float:
    """Floating-point operations: two for each weight that each token needs."""
    import numpy as np

    from benchtui.worker.engine.prefix_tree import build_tree

    layers = sum(parameter.numel() for parameter in model.base_model.layers.parameters())
    head = model.get_output_embeddings().weight.numel()
    inputs, positions, generated = [], set(), 0
    for request in asked:
        if request.kind == "generate_until":
            inputs.append(tokenizer(request.args[0])["input_ids"])
            generated += request.length(tokenizer)
        else:
            context, whole = tokenizer(request.args[0])["input_ids"], tokenizer("".join(request.args))["input_ids"]
            inputs.append(whole[:-1])
            positions |= {tuple(whole[:place]) for place in range(len(context), len(whole))}
    distinct = build_tree([np.asarray(ids[-WINDOW:], dtype=np.int32) for ids in inputs]).size
    # The last generated token is not read; the first comes from the prompt's own last position.
    reading = distinct + (generated - len(inputs) if generated else 0)
    return 2.0 * (reading * layers + (len(positions) + generated) * head)


def _matmul_rate() -> float:
    """The best of some matrix products of the layers' own shape, with rows enough; operations a second."""
    import torch

    left, right = torch.randn(1024, SHAPE["hidden_size"]), torch.randn(SHAPE["hidden_size"], SHAPE["intermediate_size"])
    best = math.inf
    for _ in range(60):
        began = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - began)
    return 2 * left.shape[0] * left.shape[1] * right.shape[1] / best


def _machine() -> str:
    import torch

    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, torch {torch.__version__}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


if __name__ == "__main__":
    sys.exit(main())
