"""100 requests of HellaSwag on one real model: lm-eval's `hf`, GGUF files in process, and vLLM where it is installed.

    python tests/perf/backends.py REAL [--vllm PYTHON]      (about ten minutes on one core; needs ../shared/hub)

REAL is the folder that `make real` fills (a 135M model as transformers folder and as GGUF files of F32 and Q4_1). Every
reader answers the same requests (25 documents of four endings) in a process of its own, on one thread, after one more
document that warms it. Times are processor times, which other work on the machine disturbs least; all readers
take turns, and the smallest of the rounds counts. Tokenisation is in the times of all. Peak memory is the largest
resident size of the whole process, with Python and its libraries.

Prints a table in Markdown and fails when GGUF F32 takes more than 0.65 of the time of `hf` at batch size 8, or Q4_1
more than 0.3 of its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

NAME = "SmolLM2-135M-Instruct"
DOCUMENTS, ENDINGS = 25, 4
ROUNDS = 3
MOST_TIME, MOST_MEMORY = 0.65, 0.3
READERS = ("lm-eval hf, float32, batch 8", "hf engine, float32", "gguf, F32", "gguf, Q4_1")
VLLM = "vLLM, float32"
MIB = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("real", type=Path, nargs="?", default=Path(".real"))
    parser.add_argument("--vllm", default=os.environ.get("BENCHTUI_TEST_VLLM", ""), help="Python with vLLM")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--ask", nargs=2, metavar=("READER", "REQUESTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    if options.ask:
        print(json.dumps(_ask(options.ask[0], options.real, Path(options.ask[1]))))
        return 0
    from tests.perf.engine_parts.requests import HUB, Workload, build_requests, hub

    if not (HUB / "serve.py").is_file() or not (options.real / f"{NAME}.F32.gguf").is_file():
        print("no hub beside the checkout, or no real model: nothing to compare on", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as folder, hub(folder):
        workload = Workload("HellaSwag", ("hellaswag",), "hellaswag", 0, DOCUMENTS + 1, 0)
        asked = Path(folder) / "asked.json"
        asked.write_text(json.dumps([asdict(request) for request in build_requests(workload, Path(folder))]))
        return _compare(options, asked)


def _compare(options: argparse.Namespace, asked: Path) -> int:
    from tests.perf.engine_parts.model import machine

    readers = [*READERS, *([VLLM] if options.vllm else [])]
    found: dict[str, list[dict[str, Any]]] = {reader: [] for reader in readers}
    load = os.getloadavg()[0]
    for _ in range(options.rounds):
        for reader in readers:
            found[reader].append(_in_own_process(reader, options, asked))
    best = {reader: min(each["cpu"] for each in rounds) for reader, rounds in found.items()}
    peak = {reader: max(each["peak"] for each in rounds) for reader, rounds in found.items()}
    reference = READERS[0]
    print(f"{machine()}, one thread, load {load:.1f} to {os.getloadavg()[0]:.1f}, least of {options.rounds} rounds.\n")
    print("| 100 requests by | processor time | of hf's | peak memory | of hf's |\n|---|--:|--:|--:|--:|")
    for reader in readers:
        time_share, memory_share = best[reader] / best[reference], peak[reader] / peak[reference]
        cells = f"{best[reader]:.1f} s | {time_share:.2f} | {peak[reader] / MIB:,.0f} MiB | {memory_share:.2f}"
        print(f"| {reader} | {cells} |")
    choices = {reader: rounds[0]["choices"] for reader, rounds in found.items()}
    for reader in readers[1:]:
        same = sum(one == other for one, other in zip(choices[reference], choices[reader], strict=True))
        print(f"{reader}: {same} of {DOCUMENTS} choices are hf's.", file=sys.stderr)
    missed = []
    if best["gguf, F32"] > MOST_TIME * best[reference]:
        missed.append(f"GGUF F32 takes {best['gguf, F32'] / best[reference]:.2f} of hf's time, not {MOST_TIME}")
    if peak["gguf, Q4_1"] > MOST_MEMORY * peak[reference]:
        missed.append(f"GGUF Q4_1 takes {peak['gguf, Q4_1'] / peak[reference]:.2f} of hf's memory, not {MOST_MEMORY}")
    for line in missed:
        print(f"MISSED {line}", file=sys.stderr)
    return 1 if missed else 0


def _in_own_process(reader: str, options: argparse.Namespace, asked: Path) -> dict[str, Any]:
    python = options.vllm if reader == VLLM else sys.executable
    command = [python, str(Path(__file__).resolve()), str(options.real), "--ask", reader, str(asked)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    if run.returncode:
        raise SystemExit(f"{reader} failed:\n{run.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return result


def _ask(reader: str, real: Path, asked: Path) -> dict[str, Any]:
    from lm_eval.api.instance import Instance

    pairs = [tuple(request["args"]) for request in json.loads(asked.read_text())]
    instances = [Instance("loglikelihood", {}, pair, index % ENDINGS) for index, pair in enumerate(pairs)]
    lm = _opened(reader, real)
    lm.loglikelihood(instances[:ENDINGS])
    began = time.process_time()
    scores = [score for score, _ in lm.loglikelihood(instances[ENDINGS:])]
    cpu = time.process_time() - began
    groups: Sequence[Sequence[float]] = [scores[at : at + ENDINGS] for at in range(0, len(scores), ENDINGS)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"cpu": cpu, "peak": peak, "choices": [group.index(max(group)) for group in groups]}


def _opened(reader: str, real: Path) -> Any:
    if reader.startswith("gguf"):
        from benchtui.worker.answering.gguf.answering import GgufAnswering
        from benchtui.worker.answering.lm_eval_model import LmEvalModel

        file = real / f"{NAME}.{reader.split()[-1]}.gguf"
        plan = _plan("gguf", file)
        return LmEvalModel(GgufAnswering.open(plan, _Silent()), plan.prompts)  # type: ignore[arg-type]
    import torch

    torch.set_num_threads(1)
    folder = str(real / NAME)
    if reader == VLLM:
        from benchtui.worker.answering.lm_eval_model import LmEvalModel
        from benchtui.worker.answering.vllm.open import open_model

        plan = _plan("vllm", Path(folder))
        return LmEvalModel(open_model(plan, _Silent(), 1.0), plan.prompts)  # type: ignore[arg-type]
    if reader.startswith("hf engine"):
        from tests.worker.answering.hf.engine.asking import fast_model

        return fast_model(pretrained=folder, dtype="float32", device="cpu", batch_size="auto")
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=folder, dtype="float32", device="cpu", batch_size=8)


def _plan(backend: str, path: Path) -> Any:
    from benchtui.models.source import FolderSource, GgufSource
    from benchtui.plans.benchmark import BenchmarkPlan, PromptSettings

    source = GgufSource(str(path), "identity") if backend == "gguf" else FolderSource(str(path), "identity")
    return BenchmarkPlan(
        model_name="m", bench_id="", created="", role="model", source=source, tasks=(),
        prompts=PromptSettings(dtype="auto" if backend == "gguf" else "float32"), backend=backend,
        backend_settings={"kv-type": "f16", "flash-attention": "off"}, backend_options={"threads": "1"},
    )  # fmt: skip


class _Silent:
    """A reporter that nobody listens to."""

    def decision(self, what: str, choice: str, why: str) -> None: ...

    def batch_size(self, rows: int, why: str) -> None: ...

    def advance(self, unit: str, amount: int, total: int = 0) -> None: ...


if __name__ == "__main__":
    sys.exit(main())
