"""lm-eval runs the tasks that are made: it asks exactly the texts of the file, and its numbers are the right ones.

A real tiny model answers what is asked by log-likelihood; written answers are those of a list. Each number is computed
here a second time, by torch, sacrebleu or plain Python.
"""

from __future__ import annotations

import json
import math
import os
import string
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from benchtui.tasks.data.spec import MadeTask
from tests.e2e.tiny import TEXT, make_tiny_model
from tests.tasks.data.made import documents_of, make

WORDS = TEXT.split()
HOSTILE = (
    "{{ 7*7 }} {% for x in y %} {# no #} {{system}} !function os.system\n- a: &b [*b]\n'\"\\ \x00\x01\x1b[31m\x7f\x85"
    "\u2028\u2029\r\n\ttab ${HOME} %s {0} \ufeff\u200f\u202e \U0001f600 --- ... | > # null ~ \u00a0 end"
)


class Answers(HFLM):
    """A tiny real model that writes the answers of a list instead of its own; keeps what it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(pretrained=str(make_tiny_model(folder)), batch_size=4, device="cpu")
        self.folder = folder
        self.asked: list[tuple[Any, ...]] = []
        self.written: dict[str, str] = {}

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        self.asked += [request.args for request in requests]
        return [self.written.get(request.doc["id"], request.doc["target"]) for request in requests]

    def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        self.asked += [request.args for request in requests]
        found: list[tuple[float, bool]] = super().loglikelihood(requests, disable_tqdm=True)
        return found

    def nats(self, context: str, continuation: str) -> tuple[float, bool]:
        """The log-probability of the continuation, by one forward pass of our own; the beginning is <s> without a
        context."""
        before = self.tokenizer(context, add_special_tokens=False)["input_ids"] or [self.tokenizer.bos_token_id]
        whole = before + self.tokenizer(continuation, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            found = torch.log_softmax(self.model(torch.tensor([whole])).logits[0, :-1].float(), -1)
        at = torch.tensor(whole[1:])
        places = range(len(before) - 1, len(whole) - 1)
        return (
            sum(float(found[place, at[place]]) for place in places),
            all(int(found[place].argmax()) == int(at[place]) for place in places),
        )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return Answers(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def _data_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("DISABLE_MULTIPROC", "1")


def evaluate(model: Answers, made: MadeTask, **said: Any) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Run lm-eval on the folder of the task; returns its scores by metric, and its samples."""
    model.asked.clear()
    manager = TaskManager(include_defaults=False, include_path=[str(made.file.parent)])
    found = simple_evaluate(model=model, tasks=[made.name], task_manager=manager, bootstrap_iters=0, **said)
    scores = {key.removesuffix(",none"): value for key, value in found["results"][made.name].items()}
    return scores, found["samples"][made.name]


def sentence(start: int, length: int) -> str:
    return " ".join(WORDS[(start * 7 + step) % len(WORDS)] for step in range(length))


def test_written_answers(tmp_path: Path, model: Answers) -> None:
    rows = [{"id": f"r{n}", "question": sentence(n, 6), "answer": [sentence(n + 1, 5), f"0{n}"]} for n in range(12)]
    made = make(tmp_path, rows, metrics=("exact_match", "bleu", "chrf", "contains"))
    model.written = {
        f"r{n}": [sentence(n + 1, 5), f" 0{n}\n", f"it is 0{n}.", sentence(n, 4)][n % 4] for n in range(12)
    }
    scores, _ = evaluate(model, made)
    answers = [model.written[row["id"]] for row in rows]
    right = [answer.strip() in row["answer"] for answer, row in zip(answers, rows, strict=True)]
    inside = [any(each in answer for each in row["answer"]) for answer, row in zip(answers, rows, strict=True)]
    references = [[row["answer"][place] for row in rows] for place in (0, 1)]
    assert scores["exact_match"] == pytest.approx(sum(right) / 12)
    assert scores["contains"] == pytest.approx(sum(inside) / 12)
    assert scores["bleu"] == pytest.approx(sacrebleu.corpus_bleu(answers, references).score)
    assert scores["chrf"] == pytest.approx(sacrebleu.corpus_chrf(answers, references).score)


@pytest.mark.parametrize("spaces", [False, True], ids=["a space is put between", "the choices bring theirs"])
def test_multiple_choice(tmp_path: Path, model: Answers, spaces: bool) -> None:
    rows = [
        {
            "question": sentence(n, 5),
            "choices": [" " * spaces + sentence(n + k, 2 + k) for k in range(3)],
            "answer": n % 3,
        }
        for n in range(12)
    ]
    scores, _ = evaluate(model, make(tmp_path, rows))
    nats = [[model.nats(row["question"], " " + choice.strip())[0] for choice in row["choices"]] for row in rows]
    by_character = [
        [value / len(choice) for value, choice in zip(values, row["choices"], strict=True)]
        for values, row in zip(nats, rows, strict=True)
    ]

    def share(table: list[list[float]]) -> float:
        return sum(max(range(3), key=row.__getitem__) == n % 3 for n, row in enumerate(table)) / 12

    assert (scores["acc"], scores["acc_norm"]) == pytest.approx((share(nats), share(by_character)))


def test_preferences(tmp_path: Path, model: Answers) -> None:
    rows = [{"prompt": sentence(n, 5), "chosen": sentence(n + 2, 3), "rejected": sentence(n + 9, 3)} for n in range(10)]
    made = make(tmp_path, rows)
    scores, _ = evaluate(model, made)
    better = [
        model.nats(row["prompt"], " " + row["chosen"])[0] > model.nats(row["prompt"], " " + row["rejected"])[0]
        for row in rows
    ]
    assert scores["acc"] == pytest.approx(sum(better) / 10)
    assert [one.gold for one in documents_of(made)] == [0, 1] * 5


def test_where_all_is_equally_likely_half_of_the_preferences_are_right(tmp_path: Path, model: Answers) -> None:
    """lm-eval takes the first of two that are equal: a server that ignores what is asked would get all of them."""
    rows = [{"prompt": "p", "chosen": f"a{n}", "rejected": f"b{n}"} for n in range(10)]
    made = make(tmp_path, rows)

    class Deaf(Answers):
        def __init__(self) -> None:
            self.__dict__ = dict(model.__dict__)

        def loglikelihood(self, requests: list[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            return [(-1.0, False)] * len(requests)

    assert evaluate(Deaf(), made)[0]["acc"] == 0.5


def test_how_likely_references_are(tmp_path: Path, model: Answers) -> None:
    rows = [{"question": sentence(n, 5), "answer": sentence(n + 1, 3) + " é"} for n in range(6)]
    made = make(tmp_path, rows, kind="loglikelihood", metrics=("nats_per_byte", "acc", "perplexity"))
    scores, samples = evaluate(model, made)
    found = [model.nats(row["question"], " " + row["answer"]) for row in rows]
    total = sum(len(row["answer"].encode()) for row in rows)
    assert scores["nats_per_byte"] == pytest.approx(-sum(nats for nats, _ in found) / total, rel=1e-4)
    assert scores["acc"] == sum(greedy for _, greedy in found) / 6
    assert scores["perplexity"] == pytest.approx(math.exp(-sum(nats for nats, _ in found) / 6), rel=1e-4)
    assert samples[0]["target"] == rows[0]["answer"]


def test_perplexity_of_texts(tmp_path: Path, model: Answers) -> None:
    texts = [sentence(n, 9 + n) + string.punctuation[n] for n in range(4)]
    made = make(tmp_path, [{"text": text} for text in texts], metrics=("word_perplexity", "bits_per_byte"))
    scores, _ = evaluate(model, made)
    nats = sum(model.nats("", text)[0] for text in texts)
    assert scores["bits_per_byte"] == pytest.approx(-nats / math.log(2) / sum(map(len, texts)), rel=1e-4)
    assert scores["word_perplexity"] == pytest.approx(math.exp(-nats / sum(len(t.split()) for t in texts)), rel=1e-4)


def test_hostile_text_reaches_the_model_as_it_stands(tmp_path: Path, model: Answers) -> None:
    """lm-eval renders Jinja of the YAML's own texts only, and none of those is of the file."""
    system = {"role": "system", "content": f"S {HOSTILE}"}
    turns = [system, {"role": "user", "content": HOSTILE}, {"role": "assistant", "content": f"{HOSTILE} right"}]
    model.written = {}
    made = make(tmp_path, [{"messages": turns}], name="chat")
    scores, samples = evaluate(model, made)
    assert model.asked[0][0] == f"S {HOSTILE}{HOSTILE}"
    assert (samples[0]["target"], scores["exact_match"]) == (f"{HOSTILE} right", 1.0)
    choices = [f"{HOSTILE} 1", f"{HOSTILE} 2"]
    made = make(tmp_path, [{"question": HOSTILE, "choices": choices, "answer": choices[1]}], name="pick")
    evaluate(model, made)
    assert model.asked == [(HOSTILE, f" {choice}") for choice in choices]
    evaluate(
        model,
        make(tmp_path, [{"question": HOSTILE, "answer": HOSTILE}], name="{{7*7}}: !!x", kind="loglikelihood"),
    )
    assert model.asked == [(HOSTILE, f" {HOSTILE}")]


def test_the_system_text_is_a_message_of_its_own_in_chats(tmp_path: Path, model: Answers) -> None:
    rows = [
        {"system": "be kind", "question": "who?", "answer": "you"},
        {"system": "", "question": "why?", "answer": "x"},
    ]
    made = make(tmp_path, rows)
    model.tokenizer.chat_template = "{{ messages|tojson }}"
    try:
        evaluate(model, made, apply_chat_template=True)
    finally:
        model.tokenizer.chat_template = None
    assert [[(turn["role"], turn["content"]) for turn in json.loads(asked[0])] for asked in model.asked] == [
        [("system", "be kind"), ("user", "who?")],
        [("user", "why?")],
    ]


def test_examples_are_those_of_the_other_file(tmp_path: Path, model: Answers) -> None:
    other = tmp_path / "train.jsonl"
    other.write_text("".join(json.dumps({"question": f"e{n}", "answer": f"f{n}"}) + "\n" for n in range(2)))
    made = make(tmp_path, [{"question": "q", "answer": "a"}], fewshot_from=str(other))
    evaluate(model, made, num_fewshot=2)
    prompt = model.asked[0][0]
    assert sorted(prompt.split("\n\n")) == ["e0 f0", "e1 f1", "q"]
    alone = make(tmp_path, [{"question": "q", "answer": "a"}, {"question": "r", "answer": "b"}], name="alone")
    evaluate(model, alone, num_fewshot=1)
    assert [asked[0] for asked in model.asked] == ["q", "r"]


@pytest.mark.slow
def test_the_command_of_lm_eval_gives_the_same_numbers(tmp_path: Path, model: Answers) -> None:
    rows = [
        {"question": sentence(n, 5), "choices": [sentence(n + k, 2 + k) for k in range(3)], "answer": n % 3}
        for n in range(12)
    ]
    asked = [{"question": sentence(n, 5), "answer": sentence(n, 3)} for n in range(6)]
    pick = make(tmp_path, rows, name="pick")
    likely = make(tmp_path, asked, name="likely", kind="loglikelihood")
    make(tmp_path, asked, name="written", metrics=("chrf",))
    command = [
        *(sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu", "--batch_size", "4"),
        *("--model_args", f"pretrained={model.folder}", "--tasks", "pick,likely,written", "--output_path", "out"),
        *("--include_path", str(pick.file.parent), "--gen_kwargs", "max_gen_toks=8", "--log_samples"),
    ]
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "DISABLE_MULTIPROC": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (file,) = (tmp_path / "out").rglob("results_*.json")
    found = json.loads(file.read_text())["results"]
    for made, metrics in ((pick, ("acc", "acc_norm")), (likely, ("nats_per_byte", "acc"))):
        scores, _ = evaluate(model, made)
        here = [scores[metric] for metric in metrics]
        assert [found[made.name][f"{metric},none"] for metric in metrics] == pytest.approx(here, rel=1e-5)
    (file,) = (tmp_path / "out").rglob("samples_written_*.jsonl")
    answers = [json.loads(line)["resps"][0][0] for line in file.read_text().splitlines()]
    score = sacrebleu.corpus_chrf(answers, [[row["answer"] for row in asked]]).score
    assert found["written"]["chrf,none"] == pytest.approx(score)
