"""Requests that come while a model answers others: they join what is being computed, and get the same answers."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_eval.api.instance import Instance

from benchtui.worker.answering.fed import Fed
from benchtui.worker.answering.hf.engine import batching
from tests.worker.answering.hf.engine import exam, zoo
from tests.worker.answering.hf.engine.asking import Files, Watcher, ask, fast_model, lm_eval_engine
from tests.worker.answering.hf.engine.test_memory import room_for

TEXTS = [*exam.sums(), *exam.instructions()]
SHOTS = exam.sums()[0].args[0]
BEGIN_ALIKE = exam.instances(
    "alike",
    [("generate_until", (f"{SHOTS} {n * n} is", {"until": [str(n % 10)], "max_gen_toks": 20}), n) for n in range(24)],
)
KINDS = [exam.knowledge(), exam.endings(30), TEXTS, exam.passages()]


def fed(parts: Sequence[Sequence[Instance]]) -> Fed[Instance]:
    """Requests of which one more part comes each time that more is asked for."""
    first, *rest = parts
    return Fed(first, lambda: rest.pop(0) if rest else [])


def divided(requests: Sequence[Instance], ends: Sequence[int]) -> list[list[Instance]]:
    places = [0, *sorted({min(end, len(requests)) for end in ends} - {0}), len(requests)]
    return [list(requests[start:end]) for start, end in itertools.pairwise(places) if start < end]


def asked(lm: Any, requests: list[Instance]) -> tuple[list[Any], Watcher, Files]:
    lm.observer, files = Watcher(), Files()
    lm.set_cache_hook(files)
    return ask(lm, requests), lm.observer, files


def assert_alike(given: list[Any], wanted: list[Any]) -> None:
    assert len(given) == len(wanted)
    for mine, theirs in zip(given, wanted, strict=True):
        assert mine == (theirs if isinstance(theirs, str) else pytest.approx(theirs, abs=1e-4))


@pytest.mark.parametrize("requests", KINDS, ids=lambda requests: requests[0].task_name)
def test_what_comes_is_answered_once_and_as_if_it_had_been_there(
    requests: list[Instance], llama: Any, tokenizer: Any
) -> None:
    lm = fast_model(pretrained=llama, tokenizer=tokenizer)
    wanted = ask(lm, requests)
    given, _, files = asked(lm, fed(divided(requests, [3, 5, len(requests) // 2])))
    assert_alike(given, wanted)
    assert Counter(repr(args) for _, args, _ in files.filed) == Counter(repr(request.args) for request in requests)


@pytest.mark.parametrize("requests", [exam.instructions(24), BEGIN_ALIKE], ids=lambda requests: requests[0].task_name)
def test_texts_that_come_take_the_rows_of_those_that_ended(
    requests: list[Instance], llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "rows_at_once", lambda *_: (4, "as the test says"))
    lm = fast_model(pretrained=llama, tokenizer=tokenizer)
    parts = divided(requests, range(6, len(requests), 6))
    at_once, together, _ = asked(lm, requests)
    in_turn = [asked(lm, part) for part in parts]
    joined, watcher, _ = asked(lm, fed(parts))
    assert joined == at_once == [text for texts, _, _ in in_turn for text in texts]
    assert len(watcher.decodes) < 0.9 * sum(len(watched.decodes) for _, watched, _ in in_turn)
    assert len(watcher.decodes) < 1.1 * len(together.decodes)
    assert sum(watcher.counts) < 1.2 * sum(together.counts), "what all begin with is read once"


SOME = [*exam.knowledge(2), *exam.endings(3)]


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_any_division_gives_the_same_answers(llama: Any, tokenizer: Any, data: st.DataObject) -> None:
    requests = data.draw(st.sampled_from([TEXTS, SOME]))
    order = data.draw(st.permutations(requests))
    parts = divided(order, data.draw(st.lists(st.integers(1, len(order)), max_size=6)))
    slots, tokens = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 600))
    lm = fast_model(pretrained=llama, tokenizer=tokenizer)
    wanted = dict(zip(map(id, requests), ask(lm, requests), strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "rows_at_once", lambda *_: (slots, "as the test says"))
        patch.setattr(batching, "token_budget", lambda *_: (tokens, "as the test says"))
        assert_alike(ask(lm, fed(parts)), [wanted[id(request)] for request in order])


@pytest.mark.parametrize("requests", KINDS, ids=lambda requests: requests[0].task_name)
def test_memory_that_runs_out_costs_no_answer_of_what_came(requests: list[Instance], tokenizer: Any) -> None:
    model = zoo.make_model("llama")
    lm = fast_model(pretrained=model, tokenizer=tokenizer, batch_size=8)
    wanted = ask(lm, requests)
    longest = max(len(tokenizer("".join(request.args[:1]))["input_ids"]) for request in requests)
    with room_for(model, min(longest + 60, zoo.WINDOW)):
        given, watcher, files = asked(lm, fed(divided(requests, [2, 4, 7, len(requests) // 2])))
    assert_alike(given, wanted)
    assert len(files.filed) == len(requests)
    assert any("memory ran out" in why for _, _, why in watcher.decisions)


def test_rows_are_planned_for_the_longest_that_came(
    llama: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory for 8 rows of the first texts is memory for fewer that are longer."""
    short, long = exam.instructions(10), BEGIN_ALIKE[:10]
    planned: list[int] = []

    def rows(_: Any, requested: Any, *__: Any) -> tuple[int, str]:
        planned.append(requested.longest)
        return (8 if requested.longest == planned[0] else 2), "as the test says"

    monkeypatch.setattr(batching, "rows_at_once", rows)
    lm = fast_model(pretrained=llama, tokenizer=tokenizer)
    wanted = [*ask(lm, short), *ask(lm, long)]
    planned.clear()
    given, watcher, _ = asked(lm, fed([short, long]))
    assert given == wanted
    assert max(planned[1:]) > planned[0]
    assert max(tokens for tokens, _ in watcher.decodes) > 2
    assert max(tokens for tokens, _ in watcher.decodes[-3:]) <= 2


@pytest.mark.parametrize("requests", [exam.endings(), exam.sums()], ids=lambda requests: requests[0].task_name)
def test_a_model_that_takes_no_more_is_given_all_that_is_there(
    requests: list[Instance], llama: Any, tokenizer: Any
) -> None:
    lm = lm_eval_engine(pretrained=llama, tokenizer=tokenizer, batch_size=4)
    wanted, at_once, _ = asked(lm, requests)
    given, watcher, _ = asked(lm, fed(divided(requests, [1, 3])))
    assert_alike(given, wanted)
    assert len(watcher.batches) == len(at_once.batches)


@pytest.mark.parametrize("requests", [exam.endings(), exam.sums()], ids=lambda requests: requests[0].task_name)
def test_so_is_one_that_is_left_to_lm_eval(requests: list[Instance], tokenizer: Any) -> None:
    lm = fast_model(pretrained=zoo.make_model("bamba"), tokenizer=tokenizer, batch_size=4)
    wanted, at_once, _ = asked(lm, requests)
    given, watcher, _ = asked(lm, fed(divided(requests, [1, 3])))
    assert_alike(given, wanted)
    assert len(watcher.batches) == len(at_once.batches)
