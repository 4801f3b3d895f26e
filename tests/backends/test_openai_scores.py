"""Multiple choice and texts through a server in one run: the scores are those of the server's own known function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchtui.runs.directory import RunDirectory
from benchtui.runs.journal.journal import answered_requests
from tests.e2e.commands import benchtui, results_in
from tests.worker.answering.openai.fake import Asked, Fake, Reply, loglikelihood

pytestmark = pytest.mark.slow

CHOICES = ["Rome", "Paris", "Madrid"]
QUESTIONS = [
    ("The capital of Italy is", 0),
    ("The capital of Spain is", 2),
    ("The capital of France is", 0),
    ("The sun rises in the east and sets in the", 1),
    ("Water freezes at zero degrees and boils at a", 2),
]
"""With the gold choice; the model is right about some only."""


def byte_tokenizer(folder: Path) -> Path:
    """The tokenizer of `Fake`: token 65 is the byte 65. Byte 0 ends a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = bytes_to_unicode()
    tokenizer = Tokenizer(models.BPE(vocab={letters[byte]: byte for byte in range(256)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=letters[0]).save_pretrained(folder)
    return folder


def expected() -> tuple[float, float]:
    """Accuracy, by log-likelihood and by log-likelihood a byte."""
    right = by_byte = 0
    for question, gold in QUESTIONS:
        scores = [loglikelihood(question, f" {choice}") for choice in CHOICES]
        lengths = [len(choice) for choice in CHOICES]
        right += scores.index(max(scores)) == gold
        per_byte = [score / length for score, length in zip(scores, lengths, strict=True)]
        by_byte += per_byte.index(max(per_byte)) == gold
    return right / len(QUESTIONS), by_byte / len(QUESTIONS)


def write_tasks(folder: Path) -> Path:
    folder.mkdir()
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps({"question": text, "gold": gold}) + "\n" for text, gold in QUESTIONS))
    source = (
        f"dataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {data}\ntest_split: test\n"
        "doc_to_text: '{{question}}'\n"
    )
    (folder / "choose.yaml").write_text(
        f"task: choose\n{source}output_type: multiple_choice\ndoc_to_target: gold\ndoc_to_choice: {CHOICES}\n"
        "metric_list:\n  - metric: acc\n  - metric: acc_norm\n"
    )
    (folder / "last.yaml").write_text(
        f"task: last\n{source}output_type: generate_until\ndoc_to_target: \"{{{{question.split(' ')[-1]}}}}\"\n"
        "generation_kwargs: {until: ['.'], max_gen_toks: 16}\nmetric_list:\n  - metric: exact_match\n"
    )
    return folder


class Fails(Fake):
    """Has no answer to one choice and to one text, until the test repairs it."""

    broken = True

    def fault(self, asked: Asked) -> Reply | None:
        prompt = asked.body.get("prompt")
        text = bytes(prompt).decode() if isinstance(prompt, list) else str(prompt)
        lost = text in (f"{QUESTIONS[1][0]} Madrid", QUESTIONS[3][0])
        return Reply(504, {}) if self.broken and lost else None


class Changes(Fake):
    """Another adapter answers from the last question on, until the test puts the first one back."""

    changed = holds = False

    def fault(self, asked: Asked) -> Reply | None:
        prompt = asked.body.get("prompt")
        if isinstance(prompt, list) and QUESTIONS[-1][0] in bytes(prompt).decode():
            self.changed = not self.holds
        return None

    def one_logprob(self, before: bytes, token: int, body: dict[str, Any]) -> float:
        right = super().one_logprob(before, token, body)
        return 1.3 * right if self.changed else right


def test_numbers_that_change_during_a_task_do_not_count(tmp_path: Path) -> None:
    tokenizer, tasks = byte_tokenizer(tmp_path / "tokenizer"), write_tasks(tmp_path / "tasks")
    outputs = tmp_path / "outputs"
    with Changes() as fake:
        done = benchtui(
            "run", "--outputs", outputs, "--backend", "openai", "--server", fake.url, "--no-base", "--tokenizer",
            tokenizer, "--tasks", "choose", "--include-path", tasks, cwd=tmp_path,
        )  # fmt: skip
        assert done.code == 1, done.err
        assert "log-probabilities that the server tells are others than at the start of the run" in done.err
        assert "What it answered for this task does not count" in done.err
        (place,) = (outputs / "fake-1" / "benchmarks" / "fine-tuned").iterdir()
        assert answered_requests(RunDirectory(place).journal) == 0
        fake.changed, fake.holds = False, True
        again = benchtui("resume", "--outputs", outputs, "--include-path", tasks, cwd=tmp_path)
        assert again.code == 0, again.err
    results = results_in(RunDirectory(place).lm_eval)["results"]
    assert results["choose"]["acc,none"] == pytest.approx(expected()[0], abs=1e-12)


def test_choices_and_texts_score_as_the_servers_own_function_does(tmp_path: Path) -> None:
    tokenizer, tasks = byte_tokenizer(tmp_path / "tokenizer"), write_tasks(tmp_path / "tasks")
    outputs = tmp_path / "outputs"
    with Fails(lambda prompt: prompt.split()[-1] + ". And more") as fake:
        done = benchtui(
            "run", "--outputs", outputs, "--backend", "openai", "--server", fake.url, "--no-base", "--tokenizer",
            tokenizer, "--tasks", "choose,last", "--include-path", tasks, cwd=tmp_path,
        )  # fmt: skip
        assert done.code == 3, done.err
        assert "unanswered (HTTP 504 after 3 tries)" in done.err
        fake.broken, before = False, len(fake.bodies())
        again = benchtui("resume", "--outputs", outputs, "--include-path", tasks, cwd=tmp_path)
        assert again.code == 0, again.err
        asked = {bytes(body["prompt"]).decode() for body in fake.bodies()[before:] if isinstance(body["prompt"], list)}
    assert not {f"{QUESTIONS[0][0]} {choice}" for choice in CHOICES} & asked, "what was answered is not asked again"
    assert {f"{QUESTIONS[1][0]} Madrid", QUESTIONS[3][0]} <= asked
    (place,) = (outputs / "fake-1" / "benchmarks" / "fine-tuned").iterdir()
    results = results_in(RunDirectory(place).lm_eval)["results"]
    right, by_byte = expected()
    assert 0 < right < 1
    assert results["choose"]["acc,none"] == pytest.approx(right, abs=1e-12)
    assert results["choose"]["acc_norm,none"] == pytest.approx(by_byte, abs=1e-12)
    assert results["last"]["exact_match,none"] == 1.0
    report = (outputs / "fake-1" / "README.md").read_text()
    assert f"| acc | {right:.2%} |" in report
    assert "| last |" in report
