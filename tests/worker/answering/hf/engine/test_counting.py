"""What is counted of answers: the same on every way they are made, and the same as counting by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lm_eval.models.utils_hf import stop_sequences_criteria

from benchtui.runs.answer_health import FIRST_IDS, AnswerFacts
from tests.worker.answering.hf.engine import exam, zoo
from tests.worker.answering.hf.engine.asking import Watcher, ask, fast_model, lm_eval_engine

LIMIT = 24
PROMPTS = [request.args[0] for request in [*exam.instructions(6), *exam.sums()]]
ENGINES = {"fast": fast_model, "lm-eval": lm_eval_engine}
UNTIL = [" c", "\n\n", "es"]


def counted(lm: Any, requests: list[Any]) -> list[tuple[tuple[str, ...], AnswerFacts]]:
    lm.observer = Watcher()
    ask(lm, requests)
    found: list[tuple[tuple[str, ...], AnswerFacts]] = lm.observer.facts
    return found


def by_hand(model: Any, tokenizer: Any, prompt: str, until: list[str], window: int) -> AnswerFacts:
    """One prompt alone through transformers' own `generate`."""
    ids = tokenizer(prompt)["input_ids"]
    kept = torch.tensor([ids[-(window - LIMIT) :]])
    stop = stop_sequences_criteria(tokenizer, until, kept.shape[1], 1)
    row = model.generate(
        kept, attention_mask=torch.ones_like(kept), max_new_tokens=LIMIT, stopping_criteria=stop, do_sample=False
    )[0, kept.shape[1] :].tolist()
    ends = model.generation_config.eos_token_id
    stopped = any(found.done_tracker[0] for found in stop)
    ended = row[-1] in (ends if isinstance(ends, list) else [ends])
    first = tuple(ids[:FIRST_IDS])
    end = tokenizer.decode(row[-1:]) if ended and not stopped else ""
    lost = len(ids) - kept.shape[1]
    return AnswerFacts(len(ids), lost, len(row), not (ended or stopped), first=first, end_token=end)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("batch_size", "window"), [(1, 256), (4, 256), (4, 40)])
def test_generated_texts_are_counted_as_by_hand(engine: str, batch_size: int, window: int, tokenizer: Any) -> None:
    model = zoo.make_model("llama")
    requests = exam.instances(
        "t",
        [
            ("generate_until", (text, {"until": list(UNTIL), "max_gen_toks": LIMIT}), n)
            for n, text in enumerate(PROMPTS)
        ],
    )
    lm = ENGINES[engine](pretrained=model, tokenizer=tokenizer, batch_size=batch_size, max_length=window)
    found = {texts[0]: facts for texts, facts in counted(lm, requests)}
    expected = {text: by_hand(model, tokenizer, text, [*UNTIL, "</s>"], window) for text in PROMPTS}
    assert found == expected
    assert {facts.at_limit for facts in expected.values()} == {True, False}, "both kinds of end are in the test"
    assert any(facts.lost for facts in expected.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_end_tokens_are_no_cut(engine: str, tokenizer: Any) -> None:
    model = zoo.make_model("llama")
    requests = exam.instances(
        "t", [("generate_until", (text, {"until": [], "max_gen_toks": LIMIT}), n) for n, text in enumerate(PROMPTS)]
    )
    plain = {text: by_hand(model, tokenizer, text, ["</s>"], 256) for text in PROMPTS}
    assert all(facts.at_limit for facts in plain.values())
    first = tokenizer(PROMPTS[0], return_tensors="pt")["input_ids"]
    row = model.generate(first, max_new_tokens=LIMIT, do_sample=False)[0, first.shape[1] :].tolist()
    model.generation_config.eos_token_id = [1, row[5]]
    lm = ENGINES[engine](pretrained=model, tokenizer=tokenizer, batch_size=5)
    found = {texts[0]: facts for texts, facts in counted(lm, requests)}
    assert found == {text: by_hand(model, tokenizer, text, ["</s>"], 256) for text in PROMPTS}
    assert found[PROMPTS[0]].at_limit is False
    assert found[PROMPTS[0]].tokens == row.index(row[5]) + 1


def test_what_the_engine_leaves_to_lm_eval_is_counted_too(tokenizer: Any) -> None:
    model = zoo.make_model("bamba")
    settings = {"until": list(UNTIL), "max_gen_toks": LIMIT}
    requests = exam.instances("t", [("generate_until", (text, settings), n) for n, text in enumerate(PROMPTS[:4])])
    lm = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=1, max_length=60)
    found = {texts[0]: facts for texts, facts in counted(lm, requests)}
    assert found == {text: by_hand(model, tokenizer, text, [*UNTIL, "</s>"], 60) for text in PROMPTS[:4]}


@pytest.mark.parametrize("engine", ENGINES)
def test_repeats_are_counted_each(engine: str, tokenizer: Any) -> None:
    settings = {"until": [], "max_gen_toks": 5}
    requests = exam.instances("t", [("generate_until", (PROMPTS[0], settings), 0)] * 3)
    lm = ENGINES[engine](pretrained=zoo.make_model("llama"), tokenizer=tokenizer, batch_size=2)
    assert [facts.tokens for _, facts in counted(lm, requests)] == [5, 5, 5]


@pytest.mark.parametrize("engine", ENGINES)
def test_thoughts_count_as_tokens(engine: str, tokenizer: Any) -> None:
    model = zoo.make_model("llama")
    first = tokenizer(PROMPTS[0], return_tensors="pt")["input_ids"]
    row = model.generate(first, max_new_tokens=12, do_sample=False)[0, first.shape[1] :].tolist()
    requests = exam.instances("t", [("generate_until", (PROMPTS[0], {"until": [], "max_gen_toks": 12}), 0)])
    lm = ENGINES[engine](pretrained=model, tokenizer=tokenizer, batch_size=1, think_end_token=row[8])
    ((_, facts),) = counted(lm, requests)
    assert facts.tokens == 12


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("window", [16, 24, 256])
def test_contexts_lose_what_does_not_reach_the_model(engine: str, window: int, tokenizer: Any) -> None:
    """A window holds all but the last token of context and continuation, and what is cut is the context's beginning."""
    model = zoo.make_model("llama")
    requests = [*exam.endings(), *exam.knowledge()][:24]
    lm = ENGINES[engine](pretrained=model, tokenizer=tokenizer, batch_size=1, max_length=window)
    told = dict(counted(lm, requests))
    cut = 0
    for request in requests:
        context, continuation = request.args
        whole = tokenizer(context + continuation)["input_ids"]
        before = len(tokenizer(context.rstrip())["input_ids"])
        lost = max(len(whole) - 1 - window, 0)
        assert told[request.args] == AnswerFacts(prompt=before, lost=lost, first=tuple(whole[:before][:FIRST_IDS]))
        cut += lost > 0
    assert bool(cut) == (window < 256)


@pytest.mark.parametrize("engine", ENGINES)
def test_windows_of_a_long_text_are_no_cut(engine: str, tokenizer: Any) -> None:
    requests = exam.instances("t", [("loglikelihood_rolling", (" ".join(PROMPTS),), 0)])
    lm = ENGINES[engine](pretrained=zoo.make_model("llama"), tokenizer=tokenizer, batch_size=1, max_length=32)
    assert counted(lm, requests) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_reading_and_writing_are_timed_apart(engine: str, tokenizer: Any) -> None:
    """Every token that an answer has beyond its first is decoded, and padding is no token that was read."""
    requests = exam.instances(
        "t", [("generate_until", (text, {"until": [], "max_gen_toks": 8}), n) for n, text in enumerate(PROMPTS)]
    )
    lm = ENGINES[engine](pretrained=zoo.make_model("llama"), tokenizer=tokenizer, batch_size=1, max_length=256)
    facts = [facts for _, facts in counted(lm, requests)]
    watcher = lm.observer
    written = sum(found.tokens or 0 for found in facts)
    assert sum(tokens for tokens, _ in watcher.decodes) == written - len(PROMPTS)
    read = sum(tokens for tokens, _ in watcher.prefills)
    asked = sum((found.prompt or 0) - (found.lost or 0) for found in facts)
    assert read == asked if engine == "lm-eval" else 0 < read <= asked, (read, asked)
    assert all(seconds > 0 for _, seconds in [*watcher.prefills, *watcher.decodes])


def test_padding_is_not_counted_as_read(tokenizer: Any) -> None:
    requests = exam.instances(
        "t", [("generate_until", (text, {"until": [], "max_gen_toks": 4}), n) for n, text in enumerate(PROMPTS)]
    )
    lm = lm_eval_engine(pretrained=zoo.make_model("llama"), tokenizer=tokenizer, batch_size=len(PROMPTS))
    facts = [facts for _, facts in counted(lm, requests)]
    assert sum(tokens for tokens, _ in lm.observer.prefills) == sum((f.prompt or 0) - (f.lost or 0) for f in facts)
