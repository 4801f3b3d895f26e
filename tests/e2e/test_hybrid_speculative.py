"""A whole run of `--strategy speculative` on a pair that was really trained, beside the large model's own run, and
beside what transformers and one teacher-forced pass predict."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch

from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths, open_workspace
from benchtui.routing.acceptance import greedy_acceptance, predict_all
from benchtui.runs.directory import RunDirectory
from tests.e2e.commands import benchtui, results_in, samples_in

pytestmark = pytest.mark.slow
TASK = "demo_instructions"
MOST, END, STOP = 32, 2, "\n"
DRAFTS = (1, 4, 8)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_workspace(tmp_path_factory.mktemp("speculative") / "d").root


def run(demo: Path, *more: str) -> RunDirectory:
    models = ("--backend", "hybrid", "--model", f"models/{SMALL_NAME}", "--large", f"models/{BASE_NAME}")
    tasks = ("--include-path", str(demo_paths().tasks), "--tasks", TASK, "--dtype", "float32", "--device", "cpu")
    done = benchtui("run", *models, *tasks, "--no-base", *more, cwd=demo)
    assert done.code == 0, done.err
    runs = demo / "outputs" / f"{SMALL_NAME}+{BASE_NAME}" / "benchmarks" / "fine-tuned"
    return RunDirectory(max(runs.iterdir()))


@pytest.fixture(scope="module")
def alone(demo: Path) -> RunDirectory:
    return run(demo, "--strategy", "large")


@pytest.fixture(scope="module")
def own_texts(alone: RunDirectory) -> list[tuple[list[int], list[int]]]:
    """The tokens of each prompt, and those that transformers writes with the large model."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = demo_paths().shipped / "models" / BASE_NAME
    network = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for sample in sorted(samples_in(alone.lm_eval, TASK), key=lambda each: each["doc_id"]):
        prompt = sample["arguments"]["gen_args_0"]["arg_0"]
        ids = tokenizer(prompt, add_special_tokens=not prompt.startswith(tokenizer.bos_token))["input_ids"]
        given = torch.tensor([ids])
        made = network.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=MOST, do_sample=False, eos_token_id=END,
            stop_strings=[STOP], tokenizer=tokenizer, pad_token_id=0,
        )[0, len(ids) :].tolist()  # fmt: skip
        text = tokenizer.decode(made, skip_special_tokens=True).split(STOP)[0]
        assert sample["resps"][0][0] == text
        found.append((ids, made))
    return found


def agreed(texts: list[tuple[list[int], list[int]]]) -> list[Any]:
    """Where the small model finds the large one's token likeliest, by one pass over each text."""
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(demo_paths().shipped / "models" / SMALL_NAME, dtype="float32")
    found = []
    for ids, tokens in texts:
        with torch.no_grad():
            logits = network(torch.tensor([[*ids, *tokens]])).logits[0, len(ids) - 1 : -1]
        found.append(greedy_acceptance(logits.argmax(-1).numpy(), tokens))
    return found


def routed(run: RunDirectory) -> list[dict[str, Any]]:
    with sqlite3.connect(f"file:{run.journal}?mode=ro", uri=True) as db:
        return [json.loads(facts)["routed"] for (facts,) in db.execute("SELECT facts FROM answers")]


@pytest.mark.parametrize("drafts", DRAFTS)
def test_texts_are_the_large_models_and_acceptance_is_as_predicted(
    demo: Path, alone: RunDirectory, own_texts: list[tuple[list[int], list[int]]], drafts: int
) -> None:
    found = run(demo, "--strategy", "speculative", "--num-drafts", str(drafts))
    assert answers(found) == answers(alone)
    assert len(own_texts) == len(answers(found)) == 192
    scores, expected = (results_in(each.lm_eval)["results"][TASK] for each in (found, alone))
    assert {name: value for name, value in scores.items() if "acc" in name} == {
        name: value for name, value in expected.items() if "acc" in name
    }
    facts = routed(found)
    drafted, accepted = (sum(part.get(name, 0) for part in facts) for name in ("drafted", "accepted"))
    (predicted,) = predict_all(agreed(own_texts), [drafts])
    assert predicted.acceptance is not None
    assert accepted / drafted == pytest.approx(predicted.acceptance, abs=0.02)
    calls, tokens = sum(part["large"][0] for part in facts), sum(len(tokens) for _, tokens in own_texts)
    assert sum(part["large"][2] + part["small"][2] for part in facts) == tokens
    assert calls == pytest.approx(predicted.calls, rel=0.01)
    if drafts >= 4:
        assert calls / tokens <= 0.5
    print(f"drafts {drafts}: {accepted / drafted:.3f} accepted, {predicted.acceptance:.3f} predicted, "
          f"{calls / tokens:.3f} calls a token")  # fmt: skip


def answers(run: RunDirectory) -> dict[int, str]:
    return {sample["doc_id"]: sample["resps"][0][0] for sample in samples_in(run.lm_eval, TASK)}
