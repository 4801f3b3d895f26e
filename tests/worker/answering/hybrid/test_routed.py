"""Routed answers at both ends are each model's own, with all that it brings along; between them they are the rule's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from benchtui.worker.answering.protocol import BatchTooLargeError, OutOfMemoryError, Unobserved
from tests.worker.answering.hf.engine.asking import Watcher
from tests.worker.answering.hybrid.asked import together, way, written
from tests.worker.switching.pairs import Pair, opened_pair

WORDS = "the quick brown fox jumps over lazy dog cat sleeps in warm sun and counts to ten a b all day while".split()  # noqa: SIM905
PROMPTS = [" ".join(WORDS[place : place + 1 + place % 5]) for place in range(9)]
SIGNALS = ("uncertainty", "entropy", "margin", "least-confidence")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("routed")) as opened:
        yield opened


@contextmanager
def brought(pair: Pair, small: dict[str, Any], large: dict[str, Any]) -> Iterator[None]:
    """The generation settings that both models bring along."""
    configs = [model._answering.lm.model.generation_config for model in pair.loaded]  # type: ignore[attr-defined]
    before = [config.to_dict() for config in configs]
    for config, settings in zip(configs, (small, large), strict=True):
        config.update(**settings)
    try:
        yield
    finally:
        for config, settings in zip(configs, before, strict=True):
            for name in {*small, *large}:
                setattr(config, name, settings.get(name))


def both_ends(pair: Pair, signal: str = "margin", **more: Any) -> None:
    """At threshold infinity answers are the small model's, at 0 the large one's: text, tokens and what ended them."""
    for threshold, side in (("inf", "small"), ("0", "large")):
        found = written(way(pair, strategy=signal, threshold=threshold), pair, PROMPTS, **more)
        alone = written(way(pair, strategy=side), pair, PROMPTS, **more)
        assert [(each.text, list(each.ids)) for each in found] == [(each.text, list(each.ids)) for each in alone]
        assert [each.finish == "length" for each in found] == [each.finish == "length" for each in alone]


@pytest.mark.parametrize("signal", SIGNALS)
def test_at_both_ends_answers_are_each_models_own(pair: Pair, signal: str) -> None:
    both_ends(pair, signal)


def test_stop_strings_end_them_where_they_end_a_models_own(pair: Pair) -> None:
    plain = [text for side in ("small", "large") for text in written(way(pair, strategy=side), pair, PROMPTS)]
    stops = sorted({each.text[6:9] for each in plain if len(each.text) > 12})[:6]
    special = pair.tokenizer.decode([1])
    both_ends(pair, stops=[*stops, special])
    found = written(way(pair, strategy="margin", threshold="0.8"), pair, PROMPTS, stops=stops)
    assert {"stop"} <= {each.finish for each in found}


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"repetition_penalty": 1.6}, {"repetition_penalty": 1.2}),
        ({"no_repeat_ngram_size": 2}, {}),
        ({}, {"suppress_tokens": list(range(100, 250))}),
        ({"max_new_tokens": 7}, {"max_new_tokens": 7}),
        ({"min_new_tokens": 9, "eos_token_id": list(range(1, 300, 9))}, {"eos_token_id": [1, 6]}),
    ],
)
def test_what_a_model_brings_along_acts_as_in_its_own_run(
    pair: Pair, small: dict[str, Any], large: dict[str, Any]
) -> None:
    plain = [written(way(pair, strategy=side), pair, PROMPTS) for side in ("small", "large")]
    with brought(pair, small, large):
        changed = [written(way(pair, strategy=side), pair, PROMPTS) for side in ("small", "large")]
        assert [[each.text for each in side] for side in changed] != [[each.text for each in side] for side in plain]
        both_ends(pair)


def test_a_tasks_own_settings_act_too(pair: Pair) -> None:
    both_ends(pair, repetition_penalty=1.4)
    drawn = [
        written(way(pair, strategy="margin", threshold="0.8"), pair, PROMPTS, do_sample=True, temperature=0.9, **more)
        for more in ({}, {"top_k": 3}, {"top_k": 3})
    ]
    texts = [[each.text for each in one] for one in drawn]
    assert texts[0] != texts[1] == texts[2]


def test_the_small_models_raw_logits_route_texts(pair: Pair) -> None:
    found = written(way(pair, strategy="logtoku-eu", threshold="0.9"), pair, PROMPTS)
    both_ends(pair, "logtoku-eu")
    assert all(each.routed for each in found)


def test_what_two_models_cannot_follow_is_refused_by_name(pair: Pair) -> None:
    routed = way(pair, strategy="margin", threshold="0.8")
    with brought(pair, {"typical_p": 0.5}, {}), pytest.raises(BenchtuiError, match="cannot follow TypicalLogitsWarper"):
        written(routed, pair, PROMPTS[:1], do_sample=True)
    with brought(pair, {"guidance_scale": 2.0}, {}), pytest.raises(BenchtuiError, match="guidance_scale"):
        written(routed, pair, PROMPTS[:1])
    with (
        brought(pair, {"max_new_tokens": 7}, {}),
        pytest.raises(BenchtuiError, match="after 7 tokens in the small one"),
    ):
        written(routed, pair, PROMPTS[:1])
    with brought(pair, {}, {"repetition_penalty": 1.2}):
        for strategy in ("speculative", "switch"):
            with pytest.raises(BenchtuiError, match=f"strategy {strategy} compares .*RepetitionPenaltyLogitsProcessor"):
                written(way(pair, strategy=strategy, threshold="0.1"), pair, PROMPTS[:1])


def test_where_memory_runs_out_fewer_texts_are_written_at_once(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = together(pair, strategy="margin", threshold="0.8")
    whole = HybridAnswering(asked, None)  # type: ignore[arg-type]
    expected = written(whole, pair, PROMPTS)  # type: ignore[arg-type]
    rows: list[int] = []
    from benchtui.worker.answering.hf import growing_batch

    extend = growing_batch.extend_rows

    def limited(*args: Any) -> Any:
        rows.append(len(args[3]))
        if args[2]._rows > 3:
            raise RuntimeError("CUDA out of memory")
        return extend(*args)

    monkeypatch.setattr(growing_batch, "extend_rows", limited)
    watcher = Watcher()
    for _ in range(9):
        try:
            found = written(whole, pair, PROMPTS)  # type: ignore[arg-type]
            break
        except BatchTooLargeError as error:
            said = str(error)
        whole.shrink(said, watcher)
    assert [each.text for each in found] == [each.text for each in expected]
    assert ("texts at once", "fewer", "memory ran out; what was answered is kept") in watcher.decisions
    monkeypatch.setattr(growing_batch, "extend_rows", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises((OutOfMemoryError, BatchTooLargeError)):
        written(whole, pair, PROMPTS[:1], observer=Unobserved())  # type: ignore[arg-type]
    with pytest.raises(OutOfMemoryError):
        whole.shrink("", watcher)
