"""What people really have on disk (../shared/cases): each case evaluated by the real command, with what must happen."""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HUB, Hub, absent
from tests.e2e import reference
from tests.e2e.commands import Finished, benchtui, results_in, samples_in

pytestmark = [pytest.mark.hub, pytest.mark.slow, pytest.mark.timeout(900)]

MAKER = HUB.parent / "cases" / "make_case.py"
BASE = "tinyllamas/stories260K"
WINDOW = 2048


@dataclass(frozen=True)
class Case:
    """A case in its folder: DEST/outputs/m, and DEST/base where it has a base of its own."""

    folder: Path
    env: dict[str, str]

    @property
    def base(self) -> str:
        own = self.folder / "base"
        return str(own) if own.is_dir() else BASE

    @property
    def tuned(self) -> str:
        """As lm-eval's model_args."""
        adapter = self.folder / "outputs" / "m" / "lora"
        if adapter.is_dir():
            return f"pretrained={self.base},peft={adapter},tokenizer={adapter}"
        return f"pretrained={self.folder / 'outputs' / 'm' / 'merged_16bit'}"

    def run(self, *flags: str) -> Finished:
        return benchtui(
            "run", "--tasks", ",".join(reference.TASKS), "--limit", str(reference.LIMIT), "--max-length", str(WINDOW),
            "--gen-kwargs", f"max_gen_toks={reference.ANSWER_TOKENS}", "--chat-template", "off", "--batch-size", "1",
            *flags, cwd=self.folder, env=self.env,
        )  # fmt: skip

    def results(self, side: str) -> Path:
        benchmarks = self.folder / "outputs" / "m" / "benchmarks"
        if side == "base":
            return benchmarks / "base" / "lm-eval"
        return max((benchmarks / "fine-tuned").iterdir()) / "lm-eval"


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Callable[[str], Case]:
    if not MAKER.is_file():
        absent("cases", "no cases beside the checkout")

    @functools.cache
    def made(name: str) -> Case:
        folder = tmp_path_factory.mktemp("case") / name
        command = [sys.executable, str(MAKER), name, str(folder)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **hub.env})
        return Case(folder, hub.env)

    return made


EQUAL = ("bias-all", "pissa", "alora", "grown-vocabulary", "generation-max-new-tokens")


@pytest.fixture(scope="module")
def by_lm_eval(
    make: Callable[[str], Case], hub: Hub, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], dict[str, Any]]:
    """lm-eval's own metrics and answers for (case, side)."""
    asked = {(name, side): _arguments(make(name), side) for name in EQUAL for side in ("base", "fine-tuned")}
    distinct = list(dict.fromkeys(asked.values()))
    out = tmp_path_factory.mktemp("reference") / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.reference", str(out), *distinct],
        env={**os.environ, **hub.env}, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = dict(zip(distinct, json.loads(out.read_text()), strict=True))
    return {key: found[arguments] for key, arguments in asked.items()}


def _arguments(case: Case, side: str) -> str:
    model = f"pretrained={case.base}" if side == "base" else case.tuned
    return f"{model},max_length={WINDOW},dtype=float32"


@pytest.mark.parametrize("name", EQUAL)
def test_both_sides_are_what_lm_eval_finds(
    name: str, make: Callable[[str], Case], by_lm_eval: dict[tuple[str, str], dict[str, Any]]
) -> None:
    case = make(name)
    finished = case.run()
    assert finished.code == 0, finished.err
    for side in ("base", "fine-tuned"):
        expected, folder = by_lm_eval[name, side], case.results(side)
        ours = results_in(folder)["results"]
        for task in reference.TASKS:
            assert {key: ours[task][key] for key in expected["metrics"][task]} == expected["metrics"][task], (
                side,
                task,
            )
            for mine, theirs in zip(samples_in(folder, task), expected["answers"][task], strict=True):
                _same(mine["resps"], theirs)
    base, tuned = (by_lm_eval[name, side]["answers"] for side in ("base", "fine-tuned"))
    assert base != tuned, "the case shows nothing where both sides answer alike"


def _same(mine: Any, theirs: Any) -> None:
    """Texts to the letter, log-likelihoods (which samples files hold as text) within the engine's 1e-4."""
    if isinstance(theirs, list):
        assert len(mine) == len(theirs)
        for one, other in zip(mine, theirs, strict=True):
            _same(one, other)
    elif isinstance(theirs, float):
        assert float(ast.literal_eval(str(mine))) == pytest.approx(theirs, abs=1e-4)
    elif isinstance(theirs, bool):
        assert str(mine) == str(theirs)
    else:
        assert mine == theirs


def test_limited_answers_are_said_before(make: Callable[[str], Case]) -> None:
    finished = make("generation-max-new-tokens").run("--no-resume")
    assert "max_new_tokens 5" in finished.err
    texts = [sample["resps"][0][0] for sample in samples_in(make("generation-max-new-tokens").results("x"), "ifeval")]
    assert texts
    assert all(len(text) < 60 for text in texts), "five tokens of a 512-token vocabulary"


STOPS = {
    "keys-match-nothing": r"none of the adapter's 30 tensors fits the model",
    "no-tensors": r"outputs/m/lora.* no tensors",
    "wrapper-prefix": r"of 47 tensors are not in the file \(all have the prefix base_model\.model\.\)",
    "lost-layer": r"9 of 47 tensors are not in the file.*model\.layers\.",
    "nan": r"the model computes NaN",
    "stale-quantization": r"(?s)quantization_config.*config\.json",
    "no-special-tokens": r"tokenizer of \S+outputs/m/merged_16bit has neither bos_token nor eos_token",
}


@pytest.mark.parametrize("name", STOPS)
def test_what_was_not_evaluated_stops(name: str, make: Callable[[str], Case]) -> None:
    case = make(name)
    finished = case.run()
    assert re.search(STOPS[name], finished.err), finished.err
    assert finished.code != 0
    assert "Traceback" not in finished.err
    assert not list((case.folder / "outputs" / "m" / "benchmarks").glob("fine-tuned/*/lm-eval/results_*.json"))
    assert "%" not in finished.out, "no score is shown"


def test_an_embedding_that_is_too_small_is_told_with_both_numbers(make: Callable[[str], Case]) -> None:
    finished = make("tokenizer-larger-than-embedding").run("--chat-template", "on")
    assert re.search(r"514 tokens.*512 rows", finished.err), finished.err
    assert "IndexError" not in finished.err
    assert finished.code != 0


BY_PEFT = """
import json, sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base, adapter = sys.argv[1:3]
context, ending = json.loads(sys.argv[3])
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter).eval()
tokenizer = AutoTokenizer.from_pretrained(adapter)
begin = len(tokenizer(context.rstrip())["input_ids"])
ids = torch.tensor([tokenizer(context + ending)["input_ids"]])
logprobs = model(ids).logits.log_softmax(-1)[0, :-1].gather(1, ids[0, 1:, None])
print(float(logprobs[begin - 1:].sum()))
"""


@pytest.mark.long
def test_an_adapter_with_an_embedding_of_its_own_on_a_tied_base(make: Callable[[str], Case]) -> None:
    """lm-eval itself fails on it; peft alone says what it answers."""
    case = make("tied-modules-to-save")
    finished = case.run()
    assert finished.code == 0, finished.err
    sample = samples_in(case.results("fine-tuned"), "hellaswag")[0]
    pair = [sample["arguments"]["gen_args_0"]["arg_0"], sample["arguments"]["gen_args_0"]["arg_1"]]
    command = [sys.executable, "-c", BY_PEFT, case.base, str(case.folder / "outputs/m/lora"), json.dumps(pair)]
    told = subprocess.run(command, env={**os.environ, **case.env}, capture_output=True, text=True, check=True).stdout
    assert float(ast.literal_eval(str(sample["resps"][0][0][0]))) == pytest.approx(float(told), abs=1e-3)


@pytest.mark.long
def test_a_dated_template_is_the_same_on_both_sides_and_on_another_day(make: Callable[[str], Case]) -> None:
    case = make("dated-template")
    first = case.run("--chat-template", "on")
    assert first.code == 0, first.err
    prompts = [[sample["prompt_hash"] for sample in samples_in(case.results(side), "ifeval")] for side in ("base", "x")]
    assert prompts[0] == prompts[1]
    again = case.run("--chat-template", "on")
    assert "Base results are reused" in again.err, again.err


def test_a_broken_template_is_named_before_anything_is_loaded(make: Callable[[str], Case]) -> None:
    finished = make("broken-template").run("--chat-template", "on")
    assert "chat_template.jinja" in finished.err
    assert re.search(r"line 1", finished.err), finished.err
    assert finished.code != 0
    assert "loading the model" not in finished.err
