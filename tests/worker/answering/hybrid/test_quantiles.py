"""Thresholds as quantiles in runs of the demo's pair: what they come to, and that a resumed run goes by the same."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchtui import api
from benchtui.demo.workspace import demo_paths
from benchtui.reports.wording.two_models import strategy_words
from tests.e2e.commands import benchtui, results_in
from tests.worker.answering.hybrid.demo_pair import FLOAT32, LARGE, SMALL, asked, choices, documents, texts

pytestmark = pytest.mark.slow


def run(folder: Path, *flags: str) -> Path:
    """A run of the pair in a folder of its own; returns its directory."""
    done = benchtui(
        "run", "--backend", "hybrid", "--model", SMALL, "--large", LARGE, "--dtype", "float32", "--device", "cpu",
        "--chat-template", "off",
        "--include-path", demo_paths().tasks, *flags, cwd=folder,
    )  # fmt: skip
    assert done.code == 0, done.out + done.err
    (found,) = folder.glob("outputs/*/benchmarks/*/*/run")
    return found.parent


def answers(directory: Path) -> list[Any]:
    with sqlite3.connect(directory / "run" / "journal.sqlite") as journal:
        return journal.execute("SELECT task, doc_id, idx, answer FROM answers ORDER BY 1, 2, 3").fetchall()


def test_p70_of_a_run_is_the_quantile_of_what_the_small_model_says_alone(tmp_path: Path) -> None:
    found = run(tmp_path, "--strategy", "defer", "--threshold", "p70", "--tasks", "demo_knowledge", "--limit", "80")
    results = results_in(found / "lm-eval")
    (settled,) = results["benchtui"]["thresholds"].values()
    assert results["metadata"]["threshold_by_task"] == {"demo_knowledge": settled["value"]}
    routing = api.read_run(found).routing
    assert routing is not None
    assert strategy_words(routing) == f"defer, threshold p70 (demo_knowledge {settled['value']:.4g})"
    with api.load(SMALL, **FLOAT32) as small:  # type: ignore[arg-type]
        asked_for = choices(documents("demo_knowledge", 50))
        scores = asked(small).loglikelihood(asked_for)
    margins = []
    for number in range(50):
        sizes = [
            score / (len(one.args[1]) - 1)
            for one, (score, _) in zip(asked_for, scores, strict=True)
            if one.doc_id == number
        ]
        second, best = sorted(sizes)[-2:]
        margins.append(math.exp(second - best))
    assert settled["value"] == pytest.approx(np.quantile(margins, 0.7), abs=1e-4)
    assert (settled["asked"], settled["documents"], settled["values"]) == ("p70", 50, 50)


def test_a_resumed_run_goes_by_the_threshold_that_was_measured_first(tmp_path: Path) -> None:
    found = run(tmp_path, "--strategy", "defer", "--threshold", "p60", "--tasks", "demo_knowledge", "--limit", "60")
    whole = answers(found)
    with sqlite3.connect(found / "run" / "journal.sqlite") as journal:
        journal.execute("DELETE FROM answers WHERE doc_id > 40 OR (doc_id = 40 AND idx > 0)")
        noted = journal.execute("SELECT value FROM meta WHERE key = 'threshold of demo_knowledge'").fetchone()[0]
        changed = {**json.loads(noted), "value": math.nextafter(1.0, 0), "values": 7}
        journal.execute("UPDATE meta SET value = ? WHERE key = 'threshold of demo_knowledge'", (json.dumps(changed),))
    (found / "run" / "done.json").unlink()
    done = benchtui("resume", "--include-path", demo_paths().tasks, cwd=tmp_path)
    assert done.code == 0, done.out + done.err
    resumed = answers(found)
    assert results_in(found / "lm-eval")["benchtui"]["thresholds"]["demo_knowledge"]["values"] == 7, "not measured anew"
    assert [row for row in resumed if row[1] < 40] == [row for row in whole if row[1] < 40]
    with api.load(SMALL, **FLOAT32) as small:  # type: ignore[arg-type]
        alone = asked(small).loglikelihood(choices(documents("demo_knowledge", 60))[160:])
    again = [json.loads(row[3])[0] for row in resumed if row[1] >= 40]
    assert again == pytest.approx([score for score, _ in alone], abs=1e-4), "nothing is deferred by it, also not 40"


@pytest.mark.parametrize("strategy", ["uncertainty", "margin"])
def test_quantiles_of_signals_are_those_of_what_the_small_model_writes(tmp_path: Path, strategy: str) -> None:
    found = run(
        tmp_path, "--strategy", strategy, "--threshold", "p80", "--tasks", "demo_instructions,demo_knowledge",
        "--limit", "12",
    )  # fmt: skip
    settled = results_in(found / "lm-eval")["benchtui"]["thresholds"]
    signals = _by_hand(strategy)
    for task, values in signals.items():
        assert settled[task]["value"] == pytest.approx(np.quantile(values, 0.8), abs=1e-4)
        assert settled[task]["values"] == len(values)


def _by_hand(strategy: str) -> dict[str, list[float]]:
    """The signals in float64 from transformers' own logits, at every token of a continuation or of the greedy text."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network, tokenizer = (
        AutoModelForCausalLM.from_pretrained(SMALL, dtype="float32"),
        AutoTokenizer.from_pretrained(SMALL),
    )

    def signals(ids: list[int], first: int) -> list[float]:
        with torch.no_grad():
            rows = network(torch.tensor([ids])).logits[0, first - 1 : len(ids) - 1].double().softmax(-1)
        top = rows.sort(-1, descending=True).values[:, :10]
        if strategy == "margin":
            return (1 - (top[:, 0] - top[:, 1])).tolist()
        share = top / top.sum(-1, keepdim=True)
        return (-(share * share.log()).sum(-1) / math.log(10)).tolist()

    found: dict[str, list[float]] = {"demo_knowledge": [], "demo_instructions": []}
    for one in choices(documents("demo_knowledge", 12)):
        whole = tokenizer("".join(one.args))["input_ids"]
        found["demo_knowledge"] += signals(whole, len(tokenizer(one.args[0])["input_ids"]))
    for one in texts(documents("demo_instructions", 12)):
        prompt = _prompt(tokenizer, one.args[0])
        made = network.generate(
            torch.tensor([prompt]), max_new_tokens=32, do_sample=False, stop_strings=["\n"], tokenizer=tokenizer
        )[0].tolist()
        found["demo_instructions"] += signals(made, len(prompt))
    return found


def _prompt(tokenizer: Any, text: str) -> list[int]:
    """The ids of a prompt."""
    return list(tokenizer(text)["input_ids"])
