"""Tasks of people's own data in lm-eval itself: the numbers are those of the libraries, called directly."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer

from benchtui.tasks.data.make import make_task
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.metrics.own_file import ALLOWED
from tests.structure.graph import ROOT
from tests.tasks.metrics.test_texts import official_f1

pytestmark = pytest.mark.slow

PAIRS = [
    ("The cat sat on the mat.", "The cat sat on a mat."),
    ("a dog barked at the old man loudly", "a dog barked at an old man"),
    ("", "nobody came"),
    ("it rains in Spain today", "it rains in Spain mostly"),
]
GSM8K = {
    "#### 18": "18",
    "I have 9 eggs.\n#### 1,018": "1018",
    "#### 18.": "18",
    "#### -3": "-3",
    "#### 19": "18",
    "The answer is 18": "18",
    "#### 18 #### 19": "18",
    "####18": "18",
    "#### 2.50": "2.50",
}
"""Answers, each with its reference."""
TEXTS = ["One text.", "Ein Text mit Ü.", "三"]
NEAR = "def score(prediction, reference, document):\n    return {'shared': len(set(prediction) & set(document['a']))}\n"
STRICT = r"number:pattern=#### (\-?[0-9\.\,]+)"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Results of all the tasks, from one process."""
    folder = tmp_path_factory.mktemp("known")
    (folder / "near.py").write_text(NEAR)
    near = str(folder / "near.py")
    sources: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "written": (
            [{"q": f"q{i}", "a": gold} for i, (_, gold) in enumerate(PAIRS)],
            {"metrics": ("exact_match", "f1", "bleu", "chrf:words=2", "rougeL", "length", near)},
        ),
        "gsm8k_mine": ([{"q": f"g{i}", "a": gold} for i, gold in enumerate(GSM8K.values())], {"metrics": (STRICT,)}),
        "likely": ([{"q": f"q{i}", "a": gold} for i, (_, gold) in enumerate(PAIRS)], {"kind": "loglikelihood"}),
        "texts": ([{"text": text} for text in TEXTS], {"kind": "perplexity"}),
    }
    for name, (rows, said) in sources.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        columns = {} if name == "texts" else {"prompt": "q", "answer": "a"}
        spec = DataSpec(name=name, source=str(folder / f"{name}.jsonl"), **columns, **said)
        make_task(spec, folder / "tasks", metric_code=True)
    answers = {f"q{i}": answer for i, (answer, _) in enumerate(PAIRS)} | {f"g{i}": each for i, each in enumerate(GSM8K)}
    (folder / "answers.json").write_text(json.dumps(answers))
    environment = os.environ | {ALLOWED: "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    subprocess.run(
        [sys.executable, "-m", "tests.tasks.metrics.known_answers", str(folder)],
        env=environment,
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    results: Mapping[str, Any] = json.loads((folder / "results.json").read_text())
    return results


def scores(found: Mapping[str, Any], task: str) -> dict[str, float]:
    numbers = {key.partition(",")[0]: value for key, value in found["results"][task].items() if "," in key}
    return {key: value for key, value in numbers.items() if not key.endswith("_stderr")}


def test_written_answers_score_as_the_libraries_say(found: Mapping[str, Any]) -> None:
    answers, references = [pair[0] for pair in PAIRS], [pair[1] for pair in PAIRS]
    rouge = RougeScorer(["rougeL"])
    assert scores(found, "written") == pytest.approx(
        {
            "exact_match": 0.0,
            "f1": sum(official_f1(*pair) for pair in PAIRS) / len(PAIRS),
            "bleu": sacrebleu.corpus_bleu(answers, [references]).score,
            "chrf:words=2": sacrebleu.corpus_chrf(answers, [references], word_order=2).score,
            "rougeL": sum(rouge.score(gold, given)["rougeL"].fmeasure for given, gold in PAIRS) / len(PAIRS),
            "length": sum(map(len, answers)) / len(PAIRS),
            "near.shared": sum(len(set(given) & set(gold)) for given, gold in PAIRS) / len(PAIRS),
        }
    )
    assert found["higher_is_better"]["written"]["length"] is False
    assert found["higher_is_better"]["written"]["near.shared"] is True


def test_gsm8k_scores_as_lm_evals_own_task(found: Mapping[str, Any]) -> None:
    """lm-eval's strict match: this regular expression, then exact match without commas, $ and a last point."""
    import re

    def lm_eval(answer: str, gold: str) -> bool:
        match = re.search(r"#### (\-?[0-9\.\,]+)", answer)
        given = match[1] if match else "[invalid]"
        for ignored in (",", r"\$", r"(?s).*#### ", r"\.$"):
            given, gold = re.sub(ignored, "", given), re.sub(ignored, "", gold)
        return given.lower() == gold.lower()

    expected = sum(lm_eval(answer, gold) for answer, gold in GSM8K.items()) / len(GSM8K)
    assert 0 < expected < 1
    assert list(scores(found, "gsm8k_mine").values()) == [pytest.approx(expected)]


def test_likelihoods_are_of_the_text_that_was_scored(found: Mapping[str, Any]) -> None:
    """Half a nat each byte, so that every count of bytes shows; the space before a reference is scored as well."""
    likely = scores(found, "likely")
    there = sum(len(gold.encode()) for _, gold in PAIRS)
    assert likely["nats_per_byte"] == pytest.approx((there + len(PAIRS)) / 2 / there)
    assert likely["acc"] == 0.0
    texts = scores(found, "texts")
    assert texts["nats_per_byte"] == pytest.approx(0.5)
    assert texts["byte_perplexity"] == pytest.approx(math.exp(0.5))
    nats, words = sum(len(text.encode()) for text in TEXTS) / 2, sum(len(text.split()) for text in TEXTS)
    assert texts["word_perplexity"] == pytest.approx(math.exp(nats / words))
