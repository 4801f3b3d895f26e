"""What a comparison token by token costs, on one real model and its LoRA fine-tune, against doing the same by hand.

    python tests/perf/tokens.py REAL      (about ten minutes on one core; needs ../shared/hub)

REAL is the folder that `make real` fills (a 135M model and an adapter trained on GSM8K). The texts are questions of
GSM8K with their references; the tokens of the references are scored. In one process, on one thread, in float32:

- statistics: both models read all texts as a run does (log-probability, entropy, rank, the ten likeliest, hidden
  states kept), and their divergences are computed from what was kept; against `generate(output_scores=True)` of as many
  tokens behind the same prompts and `Categorical.entropy` of each, by both models, which gives the entropies alone;
- the store that the run writes of both models, against the whole vocabulary in float16;
- divergences from the store with the output heads alone, against both models reading the texts again.

The peak is what a process of its own grows by while it does the whole run over one text of 2,048 tokens, for two random
models of 150,000 tokens. Times are processor times, which other work on the machine disturbs least; loading models is
in none of them. Prints a table in Markdown and fails where a target is missed.
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
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

NAME, ADAPTER = "SmolLM2-135M-Instruct", Path("outputs/smollm2-gsm8k/lora")
TEXTS = 12
FASTER, SMALLER, SOONER = 5.0, 40.0, 2.0
"""Targets: of the statistics and of the divergences again, in processor time; of the store, in bytes."""
VOCABULARY, LENGTH, ROOM = 150_000, 2048, 1 << 29
MIB = 1 << 20


@dataclass(frozen=True)
class Row:
    """One line of the table: `found` must be at least `target`, or at most where `least` is False."""

    what: str
    ours: str
    against: str
    found: float
    target: float
    least: bool = True

    @property
    def missed(self) -> bool:
        return self.found < self.target if self.least else self.found > self.target


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("real", type=Path, nargs="?", default=Path(os.environ.get("BENCHTUI_TEST_REAL", ".real")))
    parser.add_argument("--texts", type=int, default=TEXTS)
    parser.add_argument("--part", choices=[*PARTS], help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    if options.make:
        _make(options.make)
        return 0
    if options.part:
        with tempfile.TemporaryDirectory() as folder:
            rows = PARTS[options.part](options, Path(folder))
        print("\n" + json.dumps([asdict(row) for row in rows]))
        return 0
    from tests.perf.engine_parts.requests import HUB

    if not (HUB / "serve.py").is_file() or not (options.real / ADAPTER).is_dir():
        print("no hub beside the checkout, or no real model: only the peak is measured", file=sys.stderr)
        rows = _in_own_process("peak", options)
    else:
        rows = [row for part in PARTS for row in _in_own_process(part, options)]
    return _report(rows)


def _report(rows: Sequence[Row]) -> int:
    from tests.perf.engine_parts.model import machine

    print(f"{machine()}, one thread, load {os.getloadavg()[0]:.1f}.\n")
    print("| what | here | against | ratio | target |\n|---|--:|--:|--:|--:|")
    for row in rows:
        sign = "≥" if row.least else "≤"
        print(f"| {row.what} | {row.ours} | {row.against} | {row.found:.2f} | {sign} {row.target:g} |")
    missed = [row for row in rows if row.missed]
    for row in missed:
        print(f"MISSED {row.what}: {row.found:.2f}, not {row.target:g}", file=sys.stderr)
    return 1 if missed else 0


def _in_own_process(part: str, options: argparse.Namespace) -> list[Row]:
    command = [sys.executable, str(Path(__file__).resolve()), str(options.real), "--part", part]
    run = subprocess.run([*command, "--texts", str(options.texts)], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{part} failed:\n{run.stderr[-3000:]}")
    return [Row(**row) for row in json.loads(run.stdout.splitlines()[-1])]


def _spent(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


# Statistics, the store, and divergences from it.


def _on_real_model(options: argparse.Namespace, folder: Path) -> list[Row]:
    import msgspec
    import torch

    from benchtui.models.source import FolderSource
    from benchtui.plans.benchmark import PromptSettings
    from benchtui.plans.tokens import TokenModel
    from tests.worker.tokens.comparisons import compare, new_run, plan_of

    torch.set_num_threads(1)
    base = str((options.real / NAME).resolve())
    adapter = str((options.real / ADAPTER).resolve())
    prompts = PromptSettings(dtype="float32", max_length=1024)
    sources = (FolderSource(base, "base"), FolderSource(base, "tuned", adapter=adapter))
    models = tuple(TokenModel(label=one.identity, source=one, prompts=prompts, backend="hf") for one in sources)
    plan = msgspec.structs.replace(plan_of({}, _questions(options.texts)), models=models, pairs=((0, 1),))
    run = new_run(folder / "outputs", plan)
    store = compare(run)
    positions = int(store.texts(0).offsets[-1])
    reading, generating = _read_and_generate(plan, store)
    again = _divergences(plan, store)
    each = 2 * positions
    whole = each * 2 * store.models[0].vocabulary
    kept = sum(file.stat().st_size for file in (run.path / "tokens" / "models").rglob("*") if file.is_file())
    return [
        Row(
            f"statistics and divergences of 2 models, {positions:,} tokens",
            f"{1000 * (reading + again) / each:.1f} ms a token",
            f"generate and entropy {1000 * generating / each:.1f} ms",
            generating / (reading + again),
            FASTER,
        ),
        Row(
            "store, hidden states in float32 and numbers",
            f"{kept / each:,.0f} bytes a token",
            f"float16 vocabulary {whole / each:,.0f}",
            whole / kept,
            SMALLER,
        ),
        Row(
            "divergences from the store, without the layers",
            f"{1000 * again / positions:.1f} ms a token",
            f"both models again {1000 * reading / positions:.1f} ms",
            reading / again,
            SOONER,
        ),
    ]


def _questions(count: int) -> list[Any]:
    import pyarrow.parquet

    from benchtui.plans.tokens import GivenText
    from tests.perf.engine_parts.requests import HUB

    file = next((HUB / "datasets" / "openai" / "gsm8k" / "main").glob("test*.parquet"))
    rows = pyarrow.parquet.read_table(file).slice(0, count).to_pylist()
    return [GivenText(f"Question: {row['question']}\nAnswer:", f" {row['answer']}") for row in rows]


def _read_and_generate(plan: Any, store: Any) -> tuple[float, float]:
    """Seconds of both models: to read all texts as a run does, and to generate as many tokens with their scores."""
    from benchtui.runs.events import EventWriter
    from benchtui.worker.answering.opening import open_answering
    from benchtui.worker.answering.protocol import Unobserved
    from benchtui.worker.report import Reporter
    from benchtui.worker.tokens.reading import ModelReader
    from benchtui.worker.tokens.statistics import KnownTokens

    reading = generating = 0.0
    texts = store.texts(0).tokens
    with tempfile.TemporaryDirectory() as folder:
        for number in range(len(plan.models)):
            answering = open_answering(plan.load_plan(number), Reporter(EventWriter(Path(folder) / "events")), 1.0)
            known = KnownTokens.of(store.vocabulary(number))
            reader = ModelReader(answering, known, "hidden", plan.top_k)
            reader.read(texts[:1], Unobserved())  # what is set up once
            _entropies(answering, texts[:1])
            reading += _spent(lambda reader=reader: reader.read(texts, Unobserved()))[0]
            generating += _spent(lambda answering=answering: _entropies(answering, texts))[0]
            answering.close()
    return reading, generating


def _entropies(answering: Any, texts: Sequence[Any]) -> list[Any]:
    """What a script does: generate behind each prompt, and take the entropies of the scores."""
    import torch

    found = []
    for text in texts:
        prompt = torch.from_numpy(text.ids[: text.first].astype("int64"))[None]
        count = len(text.ids) - text.first
        with torch.inference_mode():
            made = answering.lm.model.generate(
                input_ids=prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=count, min_new_tokens=count,
                do_sample=False, output_scores=True, return_dict_in_generate=True, pad_token_id=0,
            )  # fmt: skip
        found += [torch.distributions.Categorical(logits=scores.float()).entropy() for scores in made.scores]
    return found


def _divergences(plan: Any, store: Any) -> float:
    """Seconds to compute all divergences of the two models from their store."""
    from benchtui.models.source import hugging_face
    from benchtui.worker.answering.hf.head_alone import open_head
    from benchtui.worker.tokens.pairs import Side, compared

    heads = {}
    for number, model in enumerate(store.models):
        if model.head not in heads:
            heads[model.head] = open_head(hugging_face(plan.models[number].source), model.head, model.dtype)

    def all_shards() -> None:
        for shard in range(len(store.texts(0).shards) - 1):
            compared(*(Side(store, n, shard, heads[store.models[n].head], "cpu") for n in (0, 1)))

    all_shards()  # what is set up once
    return _spent(all_shards)[0]


# Peak memory.


def _peak(_options: argparse.Namespace, folder: Path) -> list[Row]:
    import psutil
    import pyarrow.parquet  # noqa: F401 - what a run imports in any case
    import torch
    import transformers.models.llama.modeling_llama  # noqa: F401

    from benchtui.plans.tokens import GivenText
    from tests.worker.tokens.comparisons import compare, new_run, plan_of

    torch.set_num_threads(1)
    subprocess.run([sys.executable, str(Path(__file__).resolve()), "--make", str(folder)], check=True)
    words = " ".join(f"w{(7919 * n) % VOCABULARY}" for n in range(LENGTH))
    plan = plan_of({name: folder / name for name in ("base", "tuned")}, [GivenText("", words)])
    before = psutil.Process().memory_info().rss
    store = compare(new_run(folder / "outputs", plan))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    positions = int(store.texts(0).offsets[-1])
    assert positions >= LENGTH - 1, positions
    assert float(store.pair_column(0, 1, "js").mean()) > 0
    weights = (folder / "base" / "model.safetensors").stat().st_size
    return [
        Row(
            f"peak memory of a run, {VOCABULARY:,} tokens, a text of {positions:,}",
            f"{grown / MIB:,.0f} MiB",
            f"weights {weights / MIB:,.0f} MiB + {ROOM // MIB} MiB",
            grown / (weights + ROOM),
            1.0,
            least=False,
        )
    ]


def _make(folder: Path) -> None:
    """Two random models of many tokens, whose vocabulary is so many words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from tests.worker.tokens.comparisons import perturbed

    words = Tokenizer(models.WordLevel({f"w{n}": n for n in range(VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="w1", bos_token="w2").save_pretrained(folder / "base")
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=2 * LENGTH, initializer_range=0.2, bos_token_id=2, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "base")
    perturbed(folder / "base", folder / "tuned")


PARTS: dict[str, Callable[[argparse.Namespace, Path], list[Row]]] = {"real": _on_real_model, "peak": _peak}


if __name__ == "__main__":
    sys.exit(main())
