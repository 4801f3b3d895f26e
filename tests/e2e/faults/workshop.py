"""What every fault is caused in: a tiny model, a LoRA on a tiny base, and two small tasks that can misbehave."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

WRITES, CHOICES = "fault_writes", "fault_choices"
DOCUMENTS = {WRITES: 36, CHOICES: 48}
REQUESTS = {WRITES: 36, CHOICES: 48 * 3}

_WRITES = """
task: fault_writes
custom_dataset: !function documents.writes
output_type: generate_until
test_split: test
num_fewshot: 0
doc_to_text: !function documents.question
doc_to_target: ""
process_results: !function checks.writes
generation_kwargs: {until: ["\\n"], do_sample: false, temperature: 0.0, max_gen_toks: 8}
metric_list:
  - {metric: odd, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""

_CHOICES = """
task: fault_choices
custom_dataset: !function documents.choices
output_type: multiple_choice
test_split: test
num_fewshot: 0
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
process_results: !function checks.choices
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: likelihood, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""

_DOCUMENTS = """
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import misfortune

WORDS = "red blue small tall river stone cloud seven eleven over under bright quiet table window".split()


def _dataset(documents):
    from datasets import Dataset

    return {"test": Dataset.from_list(documents)}


def writes(**_):
    draw = random.Random(1)
    return _dataset([
        {"number": n, "question": f"Item {n}: " + " ".join(draw.choices(WORDS, k=draw.randint(3, 30)))}
        for n in range(%(writes)d)
    ])


def choices(**_):
    draw = random.Random(2)
    return _dataset([
        {
            "number": n,
            "question": f"Pick {n}: " + " ".join(draw.choices(WORDS, k=draw.randint(3, 20))),
            "choices": draw.sample(WORDS, 3),
            "answer": draw.randrange(3),
        }
        for n in range(%(choices)d)
    ])


def question(doc):
    misfortune.strike("prompt", doc["number"])
    return doc["question"]
"""

_CHECKS = """
import misfortune


def writes(doc, results):
    misfortune.strike("score", doc["number"])
    text = results[0]
    return {"odd": float(sum(map(ord, text)) % 2)}


def choices(doc, results):
    misfortune.strike("score", 1000 + doc["number"])
    values = [loglikelihood for loglikelihood, _ in results]
    best = max(range(len(values)), key=values.__getitem__)
    return {"acc": float(best == doc["answer"]), "likelihood": max(values)}
"""

# The misfortune comes from the environment and not from the task, so that the same task goes on without it.
_MISFORTUNE = """
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PACE = float(os.environ.get("FAULT_PACE", "0"))
PAUSE_AT, _, PAUSE_IN = os.environ.get("FAULT_PAUSE", "0:").partition(":")
KIND, _, ARGUMENT = os.environ.get("FAULT", "").partition(":")


def strike(where, number):
    if where == "score":
        time.sleep(PACE)
        pause()
    action = ACTIONS.get(KIND)
    if action is not None:
        action(where, number)


# At the chosen count of documents scored by this process, until the test says go.
def pause(scored=[]):
    scored.append(1)
    if len(scored) != int(PAUSE_AT):
        return
    Path(PAUSE_IN, f"reached-{os.getpid()}").touch()
    while not Path(PAUSE_IN, "go").exists():
        time.sleep(0.01)


def sleeps(where, number):
    if f"{where} {number}" == ARGUMENT:
        time.sleep(1_000_000)


def spins(where, number):
    while f"{where} {number}" == ARGUMENT:
        pass


def dies(where, number):
    if f"{where} {number}" == ARGUMENT:
        os.kill(os.getpid(), signal.SIGSEGV)


def prints(where, number):
    if where == "score" and number in OUTPUT:
        for line in OUTPUT[number]():
            while line:
                line = line[os.write(1, line):]


def spawns(where, number):
    if f"{where} {number}" == ARGUMENT:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000000)"])
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000000)"], start_new_session=True)


def stuck_at_exit(where, number):
    class Stuck:
        def __init__(self, stream):
            self._stream = stream

        def flush(self):
            if list(Path(ARGUMENT).glob("benchmarks/*/*/lm-eval/results_*.json")):
                time.sleep(1_000_000)
            self._stream.flush()

        def __getattr__(self, name):
            return getattr(self._stream, name)

    if type(sys.stdout).__name__ != "Stuck":
        sys.stdout = Stuck(sys.stdout)


def deaf(where, number):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def gigabyte():
    line = b"x" * 999 + b"\\n"
    for _ in range(1000):
        yield line * 1000


def long_lines():
    for _ in range(4):
        yield b"y" * 50_000_000 + b"\\n"


def escapes():
    for _ in range(2000):
        yield b"\\x1b[2J\\x1b[31m\\x1b]0;owned\\x07\\x1b[?1049h[/bold] [red]{{x}}\\r\\n"


def binary():
    for _ in range(200):
        yield os.urandom(65536)


OUTPUT = {3: gigabyte, 5: long_lines, 1003: escapes, 1005: binary}
ACTIONS = {
    "sleeps": sleeps,
    "spins": spins,
    "dies": dies,
    "prints": prints,
    "spawns": spawns,
    "stuck at exit": stuck_at_exit,
    "deaf": deaf,
}
"""


@dataclass(frozen=True)
class Workshop:
    """`merged` is a whole model, `lora` an adapter on `base`, `wide` a model whose batches need much memory, `gguf` a
    quantised file."""

    root: Path
    merged: Path
    lora: Path
    base: Path
    wide: Path
    gguf: Path
    tasks: Path

    def copy(self, model: Path, outputs: Path, name: str) -> Path:
        """The model as `outputs/name`, so that no two faults share a folder."""
        return Path(shutil.copytree(model, outputs / name))


def build(root: Path) -> Workshop:
    tasks = root / "tasks"
    tasks.mkdir(parents=True)
    sizes = {"writes": DOCUMENTS[WRITES], "choices": DOCUMENTS[CHOICES]}
    for name, text in {
        "fault_writes.yaml": _WRITES,
        "fault_choices.yaml": _CHOICES,
        "documents.py": _DOCUMENTS % sizes,
        "checks.py": _CHECKS,
        "misfortune.py": _MISFORTUNE,
    }.items():
        (tasks / name).write_text(text)
    base = root / "base"
    _save_model(base, seed=0)
    merged = root / "merged"
    _save_model(merged / "merged_16bit", seed=1)
    wide = root / "wide"
    _save_model(wide / "merged_16bit", seed=2, vocabulary=200_000, hidden=4)
    lora = root / "lora"
    _save_adapter(lora / "lora", base)
    gguf = root / "gguf"
    _save_gguf(gguf / "gguf", root / "converted")
    return Workshop(root, merged, lora, base, wide, gguf, tasks)


def _save_model(folder: Path, *, seed: int, vocabulary: int = 0, hidden: int = 32) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary or len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,  # wide enough that its greedy answers differ from prompt to prompt
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer():  # type: ignore[no-untyped-def]
    """One token a byte: nothing to train, nothing to download."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: number for number, symbol in enumerate(["<s>", "</s>", "<pad>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=512
    )


def _save_gguf(folder: Path, converted: Path) -> None:
    """A tiny Llama with merges in its tokenizer, which llama.cpp asks for."""
    from tests.worker.answering.gguf.files import write_gguf
    from tests.worker.tiny_models import make_base

    folder.mkdir(parents=True)
    write_gguf(make_base(converted), folder / "tiny.Q8_0.gguf", quantized=True)


def _save_adapter(folder: Path, base: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base),
        LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    model.save_pretrained(folder)
    config = folder / "adapter_config.json"
    content = json.loads(config.read_text())
    content["base_model_name_or_path"] = str(base)
    config.write_text(json.dumps(content))
