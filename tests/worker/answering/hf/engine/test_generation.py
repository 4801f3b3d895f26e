"""Generated texts: stop strings, settings, sampling, and rows that come and go without touching one another."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils_hf import stop_sequences_criteria

from benchtui.worker.answering.hf.engine import batching
from benchtui.worker.answering.stop_strings import StopStrings
from tests.worker.answering.hf.engine import exam, zoo
from tests.worker.answering.hf.engine.asking import Watcher, ask, fast_model, shuffled

TOKENIZER = exam.make_tokenizer()
PROMPTS = [request.args[0] for request in [*exam.instructions(8), *exam.sums()]]


def written(settings: dict[str, Any], prompts: list[str] = PROMPTS) -> list[Instance]:
    return exam.instances("written", [("generate_until", (prompt, settings), n) for n, prompt in enumerate(prompts)])


@given(
    st.lists(st.integers(0, 383), min_size=1, max_size=30),
    st.lists(
        st.sampled_from(["the", ".", "\n\n", " ", "</s>", "", "Question:", "é", " small"]), min_size=1, max_size=4
    ),
)
def test_stop_strings_are_found_when_lm_eval_finds_them(tokens: list[int], strings: list[str]) -> None:
    ours, theirs = StopStrings.by_transformers(TOKENIZER, strings), stop_sequences_criteria(TOKENIZER, strings, 0, 1)
    for length in range(1, len(tokens) + 1):
        found = bool(theirs(torch.tensor([tokens[:length]]), None).any())
        assert ours.found(tokens[:length]) == found
        if found:  # generation ends here
            break


@pytest.mark.parametrize(
    "until", [[" c", "\n\n", "es"], ["�"], [" the", "small brok"], ["</s>"], [""], "t", []], ids=repr
)
def test_texts_end_where_they_end_in_lm_eval(until: Any, llama: Any, tokenizer: Any) -> None:
    requests = written({"until": until, "max_gen_toks": 30})
    theirs = ask(HFLM(pretrained=llama, tokenizer=tokenizer, batch_size=1), requests)
    assert ask(fast_model(pretrained=llama, tokenizer=tokenizer, batch_size=4), requests) == theirs


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.6},
        {"no_repeat_ngram_size": 2, "min_new_tokens": 5},
        {"bad_words_ids": [[17], [30, 31]], "suppress_tokens": [40, 41]},
        {"do_sample": True, "temperature": 0.7, "top_k": 1},
        {"exponential_decay_length_penalty": (4, 1.5)},
        {"num_beams": 2},
        {"temperature": 0.9, "do_sample": False},
    ],
    ids=lambda settings: ",".join(settings),
)
def test_settings_mean_what_they_mean_in_lm_eval(settings: dict[str, Any], llama: Any, tokenizer: Any) -> None:
    requests = written({"until": ["zz"], "max_gen_toks": 16} | settings)
    theirs = ask(HFLM(pretrained=llama, tokenizer=tokenizer, batch_size=1), requests)
    for batch_size in (1, 5):
        assert ask(fast_model(pretrained=llama, tokenizer=tokenizer, batch_size=batch_size), requests) == theirs


def test_a_model_that_ends_its_texts_early_is_followed(tokenizer: Any) -> None:
    model = zoo.make_model("llama")
    plain = ask(HFLM(pretrained=model, tokenizer=tokenizer), written({"until": [], "max_gen_toks": 24}))
    ends = [
        tokenizer.encode(text, add_special_tokens=False)[position]
        for text, position in zip(plain, (3, 9), strict=False)
    ]
    model.generation_config.eos_token_id = [1, *ends]
    requests = written({"until": [], "max_gen_toks": 24})
    theirs = ask(HFLM(pretrained=model, tokenizer=tokenizer, batch_size=1), requests)
    assert len({len(text) for text in theirs}) > 4, "the texts should differ in length"
    assert ask(fast_model(pretrained=model, tokenizer=tokenizer, batch_size=3), requests) == theirs


@pytest.mark.parametrize("end", [" small", 40, "40"])
def test_thoughts_are_left_out_as_in_lm_eval(end: Any, llama: Any, tokenizer: Any) -> None:
    requests = written({"until": ["zz"], "max_gen_toks": 30})
    given = {"pretrained": llama, "tokenizer": tokenizer, "think_end_token": end}
    assert ask(fast_model(**given, batch_size=4), requests) == ask(HFLM(**given, batch_size=1), requests)


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_rows_that_leave_make_room_for_others(
    slots: int, llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "rows_at_once", lambda *_: (slots, "as the test says"))
    requests = written(
        {"until": ["t", "o"], "max_gen_toks": 40}, [f"{prompt} {n}" for n in range(2) for prompt in PROMPTS]
    )
    theirs = ask(HFLM(pretrained=llama, tokenizer=tokenizer, batch_size=4), requests)
    assert ask(fast_model(pretrained=llama, tokenizer=tokenizer), requests) == theirs


def sampled(lm: Any, requests: list[Instance]) -> list[str]:
    lm.seed = 1234
    return ask(lm, requests)


def test_samples_depend_on_the_document_not_on_its_batch(
    llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = written({"do_sample": True, "temperature": 0.8, "top_p": 0.9, "until": ["zz"], "max_gen_toks": 12})
    first = sampled(fast_model(pretrained=llama, tokenizer=tokenizer, batch_size=1), requests)
    mixed, back = shuffled(requests, 5)
    assert back(sampled(fast_model(pretrained=llama, tokenizer=tokenizer, batch_size=8), mixed)) == first
    assert sampled(fast_model(pretrained=llama, tokenizer=tokenizer), requests[3:5]) == first[3:5]
    other = fast_model(pretrained=llama, tokenizer=tokenizer)
    other.seed = 99
    assert ask(other, requests) != first


def test_repeats_of_a_document_are_different_samples(llama: Any, tokenizer: Any) -> None:
    requests = written(
        {"do_sample": True, "temperature": 1.0, "until": ["zz"], "max_gen_toks": 12}, ["Once", "Once", "Once"]
    )
    first = sampled(fast_model(pretrained=llama, tokenizer=tokenizer), requests)
    assert len(set(first)) == 3
    assert sampled(fast_model(pretrained=llama, tokenizer=tokenizer), requests) == first


def test_samples_follow_the_model_s_distribution(llama: Any, tokenizer: Any) -> None:
    settings = {"do_sample": True, "temperature": 1.0, "until": ["zz"], "max_gen_toks": 1, "top_k": 3}
    texts = sampled(fast_model(pretrained=llama, tokenizer=tokenizer), written(settings, ["Once"] * 600))
    with torch.no_grad():
        logits = llama(torch.tensor([tokenizer("Once")["input_ids"]])).logits[0, -1]
    likeliest = logits.topk(3)
    expected = torch.softmax(likeliest.values, 0)
    for probability, token in zip(expected.tolist(), likeliest.indices.tolist(), strict=True):
        share = texts.count(tokenizer.decode([token], skip_special_tokens=True)) / len(texts)
        assert share == pytest.approx(probability, abs=0.07)  # 3.4 standard errors


def test_settings_beyond_the_engine_are_left_to_lm_eval_and_named(llama: Any, tokenizer: Any) -> None:
    lm = fast_model(pretrained=llama, tokenizer=tokenizer, batch_size=2)
    lm.observer = watcher = Watcher()
    ask(lm, written({"until": [], "max_gen_toks": 4, "num_beams": 2}, PROMPTS[:2]))
    assert ("generation", "lm-eval's own", "generation by beam_search") in watcher.decisions
