"""Log-likelihoods by token mixture: against a router that reads every prefix anew, and each model's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
import torch

from benchtui.errors import BenchtuiError
from benchtui.routing.rules import SignalName
from benchtui.worker.answering.hybrid import both_scores
from benchtui.worker.answering.hybrid.answering import HybridAnswering
from benchtui.worker.answering.next_token import TokenScore
from benchtui.worker.answering.protocol import BatchTooLargeError, OutOfMemoryError, Score, ScoreRequest, Unobserved
from tests.worker.answering.hf.engine.asking import Watcher
from tests.worker.answering.hf.engine.test_score_tokens import by_hand
from tests.worker.answering.hybrid.asked import together, way
from tests.worker.switching.pairs import Pair, counted_calls, opened_pair

SIGNALS: tuple[SignalName, ...] = get_args(SignalName)
CONTEXTS = ["the quick brown fox", "the cat sleeps in the warm sun and", "counts to ten while a b the cat sleeps"]
ENDINGS = [" jumps over the lazy dog", " jumps over the cat", " all day", " s"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("hybrid"), noise=0.05) as opened:
        yield opened


def requests(pair: Pair) -> list[ScoreRequest]:
    return [
        ScoreRequest(pair.ids(context), pair.ids(ending), (context, ending), document=number)
        for number, context in enumerate(CONTEXTS)
        for ending in ENDINGS
    ]


def scores(asked: Any, wanted: list[ScoreRequest], observer: Any = None) -> list[Score]:
    found: dict[int, Score] = {}
    asked.score(wanted, found.__setitem__, observer or Unobserved())
    return [found[place] for place in range(len(wanted))]


def rows_of(network: Any, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        logits: np.ndarray = network(torch.tensor([ids])).logits[0, -1:].double().numpy()
    return logits


def thresholds(pair: Pair, signal: SignalName) -> list[float]:
    """Three that lie between signals that occur, which are not equal but for rounding."""
    seen = []
    for request in requests(pair):
        for place in range(len(request.continuation)):
            seen += by_hand(
                signal, rows_of(pair.networks[0], [*request.context, *request.continuation[:place]])
            ).tolist()
    values = np.unique(np.round(seen, 6))
    wide = [(low + high) / 2 for low, high in pairwise(values) if high - low > 1e-4]
    return [wide[round(part * (len(wide) - 1))] for part in (0.2, 0.5, 0.8)]


def token_by_token(
    pair: Pair, request: ScoreRequest, signal: SignalName, threshold: float, hold: int
) -> tuple[float, bool, int, float]:
    """The score, whether all was greedy, the large model's tokens, and how close a signal came to the threshold."""
    total, greedy, large, since, close = 0.0, True, 0, hold, np.inf
    ids = list(request.context)
    for token in request.continuation:
        rows = [rows_of(network, ids) for network in pair.networks]
        value = by_hand(signal, rows[0])[0]
        close = min(close, abs(value - threshold))
        since = 0 if value >= threshold else since + 1
        own = rows[since < hold][0]
        large += since < hold
        total += own[token] - np.logaddexp.reduce(own)
        greedy &= own.argmax() == token
        ids.append(token)
    return total, bool(greedy), large, close


@pytest.mark.parametrize("hold", [1, 3])
@pytest.mark.parametrize("signal", SIGNALS)
def test_a_score_is_what_a_router_makes_token_by_token(pair: Pair, signal: SignalName, hold: int) -> None:
    mixed = 0
    for threshold in thresholds(pair, signal):
        asked = way(pair, strategy=signal, threshold=str(threshold), hold=str(hold))
        for request, found in zip(requests(pair), scores(asked, requests(pair)), strict=True):
            total, greedy, large, close = token_by_token(pair, request, signal, threshold, hold)
            assert close > 1e-5, "rounding decides here: choose another threshold"
            assert found.loglikelihood == pytest.approx(total, abs=1e-4)
            assert found.greedy == greedy
            assert found.routed is not None
            chosen = found.routed.small.chosen, found.routed.large.chosen
            assert chosen == (len(request.continuation) - large, large)
            mixed += 0 < large < len(request.continuation)
    assert mixed


@pytest.mark.parametrize("signal", SIGNALS)
def test_at_both_ends_each_models_own_scores_to_the_last_bit(pair: Pair, signal: SignalName) -> None:
    for threshold, side in (("inf", 0), ("0", 1), ("-inf", 1)):
        found = scores(way(pair, strategy=signal, threshold=threshold), requests(pair))
        alone = scores(pair.loaded[side]._answering, requests(pair))
        assert [(each.loglikelihood, each.greedy) for each in found] == [
            (each.loglikelihood, each.greedy) for each in alone
        ]


@pytest.mark.parametrize("signal", SIGNALS)
def test_all_continuations_of_one_token_have_the_probability_one(pair: Pair, signal: SignalName) -> None:
    context = pair.ids("the quick brown fox")
    outputs = pair.networks[0].config.vocab_size
    for threshold in thresholds(pair, signal):
        asked = way(pair, strategy=signal, threshold=str(threshold))
        found = scores(asked, [ScoreRequest(context, [token], ("", "")) for token in range(outputs)])
        assert np.exp([each.loglikelihood for each in found]).sum() == pytest.approx(1, abs=1e-5)


class Changed:
    """A model with another signal, computed from what it says of the tokens."""

    def __init__(self, model: Any, signal: Callable[[TokenScore], np.ndarray]) -> None:
        self.facts, self._model, self._signal = model.facts, model, signal

    def score_tokens(self, asked: Any, signal: Any, answered: Any, observer: Any) -> None:
        def passed_on(place: int, found: TokenScore) -> None:
            answered(place, dataclasses.replace(found, signal=self._signal(found)))

        self._model.score_tokens(asked, signal, passed_on, observer)


def changed(pair: Pair, signal: Callable[[TokenScore], np.ndarray], **settings: str) -> Any:
    """The way of a pair whose small model has another signal."""
    asked, honest = way(pair, **settings), together(pair, **settings)
    asked._pair = dataclasses.replace(honest, small=Changed(honest.small, signal))  # type: ignore[attr-defined,arg-type]
    return asked


def test_a_signal_that_sees_the_token_would_be_found_out(pair: Pair) -> None:
    asked = changed(pair, lambda found: 1 - np.exp(found.logprobs), strategy="margin", threshold="0.98")
    context = pair.ids("the quick brown fox")
    outputs = pair.networks[0].config.vocab_size
    found = scores(asked, [ScoreRequest(context, [token], ("", "")) for token in range(outputs)])
    assert abs(np.exp([each.loglikelihood for each in found]).sum() - 1) > 0.01


def test_a_signal_that_is_not_known_ends_the_run_by_its_name(pair: Pair) -> None:
    asked = changed(pair, lambda found: found.logprobs * np.nan, strategy="logtoku", threshold="2.25")
    with pytest.raises(BenchtuiError, match="logtoku is not known at one of the tokens"):
        scores(asked, requests(pair))


def test_work_is_what_both_networks_computed(pair: Pair) -> None:
    """Counted by hooks; contexts that endings share are read once by each model."""
    asked, wanted, seen = way(pair, strategy="margin", threshold="0.9"), requests(pair), Watcher()
    with counted_rows(pair) as counts:
        found = scores(asked, wanted, seen)
    facts = [each.routed for each in found if each.routed is not None]
    assert sum(each.small.positions for each in facts) == counts[0]
    assert sum(each.large.positions for each in facts) == counts[1]
    assert sum(seen.counts) == sum(counts)
    assert max(counts) < sum(len(request.inputs) for request in wanted)
    assert all(each.small.calls == each.large.calls == 1 for each in facts)
    assert all(each.small.positions > 0 and each.small.seconds > 0 for each in facts)
    assert {args for batch in seen.batches for args in batch} == {request.args for request in wanted}


class counted_rows:  # noqa: N801 - used as a function
    """While open, counts the positions of every forward pass of both networks, padding included."""

    def __init__(self, pair: Pair) -> None:
        self.counts, self._hooks = [0, 0], []
        for number, model in enumerate(pair.loaded):
            layer = model._answering.lm.model.model.layers[0]  # type: ignore[attr-defined]

            def count(_: Any, args: Any, number: int = number) -> None:
                self.counts[number] += args[0].shape[0] * args[0].shape[1]

            self._hooks.append(layer.register_forward_pre_hook(count))

    def __enter__(self) -> list[int]:
        return self.counts

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()


def test_chunks_change_nothing_and_cut_no_context(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, wanted = way(pair, strategy="margin", threshold="0.9"), requests(pair)
    whole = scores(asked, wanted)
    monkeypatch.setattr(both_scores, "_PASSES", 1 / 1024)
    answered: list[int] = []
    with counted_calls(pair) as (small, _):
        asked.score(wanted, lambda place, _: answered.append(place), Unobserved())
        assert len(small) >= len(CONTEXTS)
    found = scores(asked, wanted)
    assert [each.loglikelihood for each in found] == pytest.approx([each.loglikelihood for each in whole], abs=1e-5)
    assert answered == sorted(answered)
    assert [chunk.start for chunk in both_scores._chunks(wanted, 1)] == [0, 4, 8]
    assert list(both_scores._chunks([], 1)) == []


class Cramped:
    """A model that runs out of memory while more than `fits` rows are answered at once."""

    def __init__(self, model: Any, rows: int | None, fits: int = 1) -> None:
        self.facts, self.rows, self._model, self._fits = model.facts, rows, model, fits

    def score_tokens(self, asked: Any, signal: Any, answered: Any, observer: Any) -> None:
        if self.rows is not None and self.rows > self._fits:
            raise BatchTooLargeError(f"no room for {self.rows}")
        self._model.score_tokens(asked, signal, answered, observer)

    def shrink(self, said: str, observer: Any) -> None:
        if self.rows is None or self.rows == 1:
            raise OutOfMemoryError(said, "")
        self.rows //= 2


@pytest.mark.parametrize(("small", "large"), [(4, 8), (None, 4), (4, None)])
def test_where_memory_runs_out_both_answer_fewer_at_once(pair: Pair, small: int | None, large: int | None) -> None:
    plain = together(pair, strategy="margin", threshold="0.9")
    cramped: Any = dataclasses.replace(plain, small=Cramped(plain.small, small), large=Cramped(plain.large, large))
    expected = scores(way(pair, strategy="margin", threshold="0.9"), requests(pair))
    hybrid = HybridAnswering(cramped, None)  # type: ignore[arg-type]
    tries = 0
    while True:
        try:
            found = scores(hybrid, requests(pair))
            break
        except BatchTooLargeError as error:
            said = str(error)
        tries += 1
        hybrid.shrink(said, Unobserved())
    assert [each.loglikelihood for each in found] == [each.loglikelihood for each in expected]
    assert (hybrid.rows, tries) == (1, {8: 3, 4: 2, None: 2}[large])
    with pytest.raises(OutOfMemoryError):
        hybrid.shrink("again", Unobserved())
