"""Deferral of whole documents, on the demo's two trained models, against what each of them answers alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance

from benchtui import api
from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hybrid import defer
from benchtui.worker.answering.hybrid.work import shared_out
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.protocol import BatchTooLargeError
from tests.worker.answering.hybrid.demo_pair import (
    FLOAT32,
    LARGE,
    SMALL,
    Told,
    asked,
    choices,
    documents,
    opened,
    texts,
)

KNOWLEDGE = choices(documents("demo_knowledge", 60))
INSTRUCTIONS = texts(documents("demo_instructions", 40))


@pytest.fixture(scope="module")
def alone() -> Iterator[tuple[LoadedModel, LoadedModel]]:
    with api.load(SMALL, **FLOAT32) as small, api.load(LARGE, **FLOAT32) as large:  # type: ignore[arg-type]
        yield small, large


@pytest.fixture(scope="module")
def known(alone: tuple[LoadedModel, LoadedModel]) -> dict[str, tuple[list[Any], list[Any]]]:
    """What each of both models answers alone."""
    small, large = (asked(model) for model in alone)
    return {
        "choices": (small.loglikelihood(KNOWLEDGE), large.loglikelihood(KNOWLEDGE)),
        "texts": (small.generate_until(INSTRUCTIONS), large.generate_until(INSTRUCTIONS)),
    }


def grouped(values: list[Any], instances: list[Instance] = KNOWLEDGE) -> list[list[Any]]:
    """Values of requests, by document."""
    pairs = zip(instances, values, strict=True)
    return [[value for _, value in group] for _, group in groupby(pairs, key=lambda pair: pair[0].doc_id)]


def by_hand(scores: list[tuple[float, bool]], per_character: bool) -> list[float]:
    """exp(second - best), of what lm-eval's acc or acc_norm compares."""
    found = []
    for answers, instances in zip(grouped(scores), grouped(list(KNOWLEDGE)), strict=True):
        sizes = [len(one.args[1]) - 1 if per_character else 1 for one in instances]
        second, best = sorted(answer[0] / size for answer, size in zip(answers, sizes, strict=True))[-2:]
        found.append(math.exp(second - best))
    return found


@pytest.mark.parametrize("end", [0, 1])
def test_at_both_ends_the_answers_are_those_of_one_model(
    known: dict[str, tuple[list[Any], list[Any]]], end: int
) -> None:
    with opened("defer", ["inf", "0"][end]) as both:
        told = Told()
        model = asked(both, told=told)
        scores = model.loglikelihood(KNOWLEDGE)
        written = model.generate_until(INSTRUCTIONS)
    assert [greedy for _, greedy in scores] == [greedy for _, greedy in known["choices"][end]]
    assert [score for score, _ in scores] == pytest.approx([score for score, _ in known["choices"][end]], abs=1e-4)
    assert written == known["texts"][end]
    assert {facts.large.calls > 0 for facts in told.routed} == {bool(end)}


@pytest.mark.parametrize("metric", ["acc", "acc_norm"])
def test_documents_are_deferred_whole_by_what_their_metric_compares(
    known: dict[str, tuple[list[Any], list[Any]]], metric: str
) -> None:
    small, large = known["choices"]
    margins = by_hand(small, per_character=metric == "acc_norm")
    threshold = float(np.median(margins))
    with opened("defer", threshold) as both:
        scores = asked(both, metric).loglikelihood(KNOWLEDGE)
    for margin, found, own, other in zip(margins, grouped(scores), grouped(small), grouped(large), strict=True):
        expected = other if margin >= threshold else own
        assert [score for score, _ in found] == pytest.approx([score for score, _ in expected], abs=1e-4)


def test_both_metrics_defer_other_documents(known: dict[str, tuple[list[Any], list[Any]]]) -> None:
    small = known["choices"][0]
    orders = [np.argsort(by_hand(small, per_character)).tolist() for per_character in (False, True)]
    assert orders[0] != orders[1], "else the test above shows nothing"


def test_continuations_without_a_context_decide_nothing(known: dict[str, tuple[list[Any], list[Any]]]) -> None:
    margins = by_hand(known["choices"][0], per_character=False)
    threshold = float(np.median(margins))
    free = [
        Instance("loglikelihood", one.doc, ("", one.args[1]), one.idx + 4, ("demo_knowledge", one.doc_id, 1))
        for one in KNOWLEDGE
    ]
    mixed = sorted([*KNOWLEDGE, *free], key=lambda one: (one.doc_id, one.idx))
    with opened("defer", threshold) as both:
        told = Told()
        asked(both, "acc", told).loglikelihood(mixed)
    deferred = [[facts.large.chosen > 0 for facts in group] for group in grouped(told.routed, mixed)]
    assert [set(group) for group in deferred] == [{margin >= threshold} for margin in margins], "all of a document"


def test_texts_are_deferred_by_how_likely_the_small_model_found_its_own(
    known: dict[str, tuple[list[Any], list[Any]]], alone: tuple[LoadedModel, LoadedModel]
) -> None:
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(SMALL, dtype="float32")
    small = alone[0]
    unsure = []
    for one in INSTRUCTIONS:
        prompt = small._answering.tokens.encode_prompts([one.args[0]])[one.args[0]][0]  # type: ignore[union-attr]
        made = network.generate(
            torch.tensor([prompt]), max_new_tokens=32, do_sample=False, stop_strings=["\n"], tokenizer=_tokenizer()
        )[0].tolist()
        with torch.no_grad():
            rows = network(torch.tensor([made])).logits[0].double().log_softmax(-1)
        unsure.append(-float(np.mean([float(rows[t - 1, made[t]]) for t in range(len(prompt), len(made))])))
    threshold = float(np.median(unsure))
    with opened("defer", threshold) as both:
        told = Told()
        written = asked(both, told=told).generate_until(INSTRUCTIONS)
    near = [abs(value - threshold) < 1e-4 for value in unsure]
    expected = [value >= threshold for value in unsure]
    got = [facts.large.calls > 0 for facts in told.routed]
    assert [g for g, n in zip(got, near, strict=True) if not n] == [
        e for e, n in zip(expected, near, strict=True) if not n
    ]
    own, other = known["texts"]
    assert written == [o if large else s for s, o, large in zip(own, other, got, strict=True)]
    assert [facts.runs[0].side for facts in told.routed] == ["b" if large else "a" for large in got]


def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(SMALL)


def test_what_both_computed_is_counted_from_the_models(known: dict[str, tuple[list[Any], list[Any]]]) -> None:
    with opened("defer", float(np.median(by_hand(known["choices"][0], per_character=False)))) as both:
        asked(both, "acc").loglikelihood(KNOWLEDGE)  # the engine tries the models before their first answer
        pair = both._answering._pair  # type: ignore[attr-defined]
        seen = {"small": 0, "large": 0}
        for name in seen:
            _count_into(seen, name, getattr(pair, name))
        told = Told()
        asked(both, "acc", told).loglikelihood(KNOWLEDGE)
    assert seen["small"] == sum(facts.small.positions for facts in told.routed)
    assert seen["large"] == sum(facts.large.positions for facts in told.routed)
    assert 0 < seen["large"] < seen["small"]
    by_document = grouped(told.routed)
    assert all(len({facts.small.chosen > 0 for facts in group}) == 1 for group in by_document)
    answered = [facts.small.chosen + facts.large.chosen for facts in told.routed]
    assert sum(answered) == sum(facts.small.chosen + facts.small.discarded for facts in told.routed)


def _count_into(seen: dict[str, int], name: str, model: Any) -> None:
    def count(_: Any, args: tuple[Any, ...]) -> None:
        seen[name] += args[0].numel()

    model.lm.model.get_input_embeddings().register_forward_pre_hook(count)


def test_what_is_asked_again_gets_the_same_answers_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defer, "DOCUMENTS", 7)
    monkeypatch.setattr(defer, "TEXTS", 7)
    with opened("defer", 0.6) as both:
        model = asked(both, "acc")
        whole = model.loglikelihood(KNOWLEDGE)
        cut = next(place for place, one in enumerate(KNOWLEDGE) if one.doc_id == 21)
        assert model.loglikelihood(KNOWLEDGE[cut:]) == whole[cut:]
        assert model.generate_until(INSTRUCTIONS)[21:] == model.generate_until(INSTRUCTIONS[21:])


def test_a_task_without_choices_is_refused() -> None:
    single = [Instance("loglikelihood", {}, (f"The capital of {n} is", " Port"), 0, ("task", n, 1)) for n in ("a", "b")]
    with opened("defer", 0.5) as both:
        with pytest.raises(BenchtuiError, match="nothing to go by"):
            asked(both).loglikelihood(single)
        with pytest.raises(BenchtuiError, match="nothing to go by"):
            asked(both).loglikelihood_rolling(
                [Instance("loglikelihood_rolling", {}, ("A text of some words.",), 0, ("task", 0, 1))]
            )


def test_parts_add_up_to_the_whole() -> None:
    assert shared_out(10, [1, 1, 1]) == [3, 3, 4]
    assert shared_out(5, [0, 0]) == [5, 0]
    assert shared_out(7, []) == []


def test_where_memory_runs_out_no_document_is_answered_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    with opened("defer", 0.6) as both:
        whole = asked(both, "acc").loglikelihood(KNOWLEDGE)
        large, told = both._answering._pair.large, Told()  # type: ignore[attr-defined]
        with monkeypatch.context() as patched:

            def refuse(*_: Any) -> None:
                raise BatchTooLargeError("no memory")

            patched.setattr(large, "score", refuse)
            with pytest.raises(BatchTooLargeError):
                asked(both, "acc", told).loglikelihood(KNOWLEDGE)
        assert told.facts == []
        assert asked(both, "acc").loglikelihood(KNOWLEDGE) == whole
