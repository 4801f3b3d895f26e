"""The engine's answers are lm-eval's own, for every family, at every batch size, in whatever order they are asked."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM

from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.hf.engine.packing import Costs
from tests.worker.answering.hf.engine import exam, zoo
from tests.worker.answering.hf.engine.asking import Watcher, ask, assert_same_scores, fast_model, shuffled

TOLERANCE = 1e-4
BATCH_SIZES = (1, 3, 8, "auto")
SCORED = [*exam.knowledge(), *exam.endings()]
WRITTEN = [*exam.sums(), *exam.instructions()]

EVERY_DAY = ("llama", "gpt2", "gemma3", "qwen3", "falcon_h1")
"""One of each kind: rotary, learned positions, sliding windows, a recurrent one."""


@pytest.mark.parametrize(
    "family",
    [family if family in EVERY_DAY else pytest.param(family, marks=pytest.mark.long) for family in zoo.FAMILIES],
)
def test_every_family_answers_as_in_lm_eval(family: str, tokenizer: Any) -> None:
    model = zoo.make_model(family)
    theirs = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=3)
    scores, texts, totals = ask(theirs, SCORED), ask(theirs, WRITTEN), ask(theirs, exam.passages())
    for seed, batch_size in enumerate(BATCH_SIZES):
        ours = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)
        requests, back = shuffled(SCORED, seed)
        assert_same_scores(back(ask(ours, requests)), scores, TOLERANCE)
        requests, back = shuffled(WRITTEN, seed)
        assert back(ask(ours, requests)) == texts
    assert ask(ours, exam.passages()) == pytest.approx(totals, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("families", "why"),
    [
        (zoo.FULL, ""),
        (zoo.PREFIXES, "it makes its masks inside its layers"),
        (zoo.ELSEWHERE, "recurrent layers keep a state that cannot be shared or cut"),
    ],
    ids=["everything", "prefixes only", "lm-eval's own"],
)
def test_what_a_family_cannot_do_is_said_once(families: dict[str, Any], why: str, tokenizer: Any) -> None:
    for family in families:
        lm = fast_model(pretrained=zoo.make_model(family), tokenizer=tokenizer, batch_size=4)
        lm.observer = watcher = Watcher()
        ask(lm, exam.knowledge(1))
        ask(lm, exam.endings(1))
        assert [reason for what, _, reason in watcher.decisions if what == "engine"] == ([why] if why else []), family


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_each_batch_size_of_lm_eval_is_matched(batch_size: int, llama: Any, tokenizer: Any) -> None:
    theirs = HFLM(pretrained=llama, tokenizer=tokenizer, batch_size=batch_size)
    ours = fast_model(pretrained=llama, tokenizer=tokenizer, batch_size=batch_size)
    assert_same_scores(ask(ours, SCORED), ask(theirs, SCORED), TOLERANCE)
    assert ask(ours, WRITTEN) == ask(theirs, WRITTEN)


@pytest.mark.parametrize("family", ["llama", "gemma3", "gpt2", "bloom"])
@pytest.mark.parametrize(
    "costs",
    [Costs(0, 0, 0), Costs(0, 1e9, 0), Costs(1e9, 1e9, 0)],
    ids=["every prefix kept", "whole trees packed", "every prefix repeated"],
)
def test_all_ways_of_sharing_give_the_same(
    family: str, costs: Costs, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = zoo.make_model(family)
    expected = ask(HFLM(pretrained=model, tokenizer=tokenizer, batch_size=3), SCORED)
    monkeypatch.setattr(batching, "costs", lambda backbone: costs)
    ours = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=8)
    assert_same_scores(ask(ours, SCORED), expected, TOLERANCE)
    assert ask(ours, WRITTEN) == ask(HFLM(pretrained=model, tokenizer=tokenizer, batch_size=3), WRITTEN)


def test_in_bfloat16_answers_differ_by_its_rounding_alone(tokenizer: Any) -> None:
    model = zoo.make_model("llama").to(torch.bfloat16)
    theirs = ask(HFLM(pretrained=model, tokenizer=tokenizer, batch_size=3), SCORED)
    ours = ask(fast_model(pretrained=model, tokenizer=tokenizer, batch_size=3), SCORED)
    exact = ask(HFLM(pretrained=zoo.make_model("llama"), tokenizer=tokenizer, batch_size=3), SCORED)
    rounding = max(abs(a[0] - b[0]) for a, b in zip(theirs, exact, strict=True))
    assert max(abs(a[0] - b[0]) for a, b in zip(ours, theirs, strict=True)) <= rounding


def test_an_encoder_decoder_is_left_to_lm_eval(tokenizer: Any) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = T5Config(vocab_size=384, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=2)
    model = T5ForConditionalGeneration(config).eval()
    theirs = HFLM(pretrained=model, tokenizer=tokenizer, backend="seq2seq", batch_size=2, max_length=256)
    ours = fast_model(pretrained=model, tokenizer=tokenizer, backend="seq2seq", batch_size=2, max_length=256)
    ours.observer = watcher = Watcher()
    assert_same_scores(ask(ours, exam.knowledge(2)), ask(theirs, exam.knowledge(2)), TOLERANCE)
    assert ask(ours, exam.instructions()) == ask(theirs, exam.instructions())
    assert ("engine", "an encoder-decoder model has no prefix to share") in [(w, y) for w, _, y in watcher.decisions]
