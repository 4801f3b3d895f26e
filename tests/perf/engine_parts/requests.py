"""What the engines are asked: the requests of real tasks, as lm-eval builds them, and where their texts end."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
HUB = Path(os.environ.get("BENCHTUI_TEST_HUB") or ROOT.parent / "shared" / "hub")
VOCABULARY, LARGE_VOCABULARY = 50_304, 128_000


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


@contextmanager
def hub(home: str) -> Iterator[None]:
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


def build_requests(workload: Workload, folder: Path) -> list[Request]:
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


def train_tokenizer(folder: Path) -> Any:
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
