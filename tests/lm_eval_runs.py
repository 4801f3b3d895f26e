"""Real result and sample files: lm-eval itself run on two tiny untrained Llamas and a handful of bundled tasks.

Made once a session, in a subprocess, without lm-eval's index of its own tasks.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

_SENTENCE = "the cat dog sat on mat red blue sky is yes no one two three four five six seven answer question"
WORDS = _SENTENCE.split()


@dataclass(frozen=True)
class RealRuns:
    """lm-eval's own output folders of two models over the same tasks, as `--output_path` leaves them."""

    first: Path
    second: Path


def _write_tasks(folder: Path) -> None:
    """Unequal subjects in two groups, a generation task with two filters, instructions, and a perplexity."""
    folder.mkdir(parents=True)
    sizes = {"alpha": 14, "beta": 5, "gamma": 9}
    for number, (name, size) in enumerate(sizes.items()):
        documents = [
            {
                "question": " ".join(WORDS[(i * 7 + j * number + j) % len(WORDS)] for j in range(6)),
                "choices": [WORDS[(i + k * 3) % len(WORDS)] for k in range(4)],
                "gold": (i * 5 + number) % 4,
            }
            for i in range(size)
        ]
        documents[-1] = documents[0]  # real sets hold the same document twice
        _data(folder / f"{name}.json", documents)
        for group in ("school", "plainschool"):
            _yaml(
                folder / f"{group}_{name}.yaml",
                task=f"{group}_{name}",
                dataset=folder / f"{name}.json",
                body="output_type: multiple_choice\ndoc_to_text: '{{question}}'\ndoc_to_choice: '{{choices}}'\n"
                "doc_to_target: '{{gold}}'\nmetric_list:\n  - metric: acc\n  - metric: acc_norm\n",
            )
    for group, by_size in (("school", "true"), ("plainschool", "false")):
        tasks = "\n".join(f"  - {group}_{name}" for name in sizes)
        (folder / f"{group}.yaml").write_text(
            f"group: {group}\ntask:\n{tasks}\naggregate_metric_list:\n  - metric: acc\n    weight_by_size: {by_size}\n"
        )
    prompts = [{"question": " ".join(WORDS[i : i + 4]), "target": WORDS[(i * 3) % len(WORDS)]} for i in range(12)]
    _data(folder / "say.json", prompts)
    _yaml(
        folder / "say.yaml",
        task="say",
        dataset=folder / "say.json",
        body="output_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: '{{target}}'\n"
        "generation_kwargs:\n  until: []\n  max_gen_toks: 6\n"
        "filter_list:\n  - name: strict-match\n    filter:\n      - function: regex\n        regex_pattern: '^(\\w+)'\n"
        "      - function: take_first\n  - name: flexible-extract\n    filter:\n      - function: regex\n"
        "        group_select: -1\n        regex_pattern: '(\\w+)'\n      - function: take_first\n"
        "metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n",
    )
    _yaml(
        folder / "obey.yaml",
        task="obey",
        dataset=folder / "say.json",
        body="output_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: 0\n"
        "generation_kwargs:\n  until: []\n  max_gen_toks: 8\nprocess_results: !function obey.process_results\n"
        "metric_list:\n"
        + "".join(
            f"  - metric: {level}_level_{kind}_acc\n    aggregation: {aggregation}\n    higher_is_better: true\n"
            for kind in ("strict", "loose")
            for level, aggregation in (("prompt", "mean"), ("inst", "!function obey.flat_mean"))
        ),
    )
    (folder / "obey.py").write_text(
        "def process_results(doc, results):\n"
        "    words = results[0].split()\n"
        "    strict = [len(words) % 2 == 0, len(set(words)) > 3][: 1 + len(doc['question']) % 2]\n"
        "    loose = [passed or len(words) > 2 for passed in strict]\n"
        "    return {'prompt_level_strict_acc': all(strict), 'inst_level_strict_acc': strict,\n"
        "            'prompt_level_loose_acc': all(loose), 'inst_level_loose_acc': loose}\n"
        "def flat_mean(items):\n"
        "    flat = [item for several in items for item in several]\n"
        "    return sum(flat) / len(flat)\n"
    )
    _yaml(
        folder / "pages.yaml",
        task="pages",
        dataset=folder / "say.json",
        body="output_type: loglikelihood_rolling\ndoc_to_text: ''\ndoc_to_target: '{{question}} {{target}}'\n"
        "metric_list:\n  - metric: word_perplexity\n  - metric: byte_perplexity\n  - metric: bits_per_byte\n",
    )


def _data(file: Path, documents: list[dict[str, object]]) -> None:
    file.write_text("".join(json.dumps(document) + "\n" for document in documents))


def _yaml(file: Path, *, task: str, dataset: Path, body: str) -> None:
    file.write_text(
        f"task: {task}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {dataset}\ntest_split: test\n"
        f"num_fewshot: 0\n{body}metadata:\n  version: 1.0\n"
    )


_EVALUATE = """
import sys
from pathlib import Path
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
import lm_eval
from lm_eval.loggers import EvaluationTracker
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

tasks, out, words = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split()
vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2, **{word: i + 3 for i, word in enumerate(words)}}
backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
backend.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>", pad_token="</s>"
)
manager = TaskManager(include_defaults=False, include_path=[str(tasks)])
names = ["school", "plainschool", "say", "obey", "pages"]
for seed, name in ((1, "first"), (2, "second")):
    torch.manual_seed(seed)
    config = LlamaConfig(vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=64,
                         bos_token_id=1, eos_token_id=2, initializer_range=0.7)
    model = HFLM(pretrained=LlamaForCausalLM(config).eval(), tokenizer=tokenizer, batch_size=16, device="cpu")
    tracker = EvaluationTracker(output_path=str(out / name))
    tracker.general_config_tracker.log_experiment_args(
        model_source="hf", model_args=f"pretrained=tiny-{name}", system_instruction=None, chat_template=None,
        fewshot_as_multiturn=False)
    results = lm_eval.simple_evaluate(model=model, tasks=names, task_manager=manager, bootstrap_iters=100)
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for task, rows in samples.items():
        tracker.save_results_samples(task_name=task, samples=rows)
"""


@functools.cache
def _made() -> RealRuns:
    root = Path(tempfile.mkdtemp(prefix="lm-eval-runs-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    _write_tasks(root / "tasks")
    environment = {**os.environ, "HF_HOME": str(root / "hf"), "HF_HUB_OFFLINE": "1", "DISABLE_MULTIPROC": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _EVALUATE, str(root / "tasks"), str(root / "out"), " ".join(WORDS)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return RealRuns(root / "out" / "first", root / "out" / "second")


@pytest.fixture(scope="session")
def real_runs() -> RealRuns:
    return _made()
