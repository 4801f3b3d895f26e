"""Where two models part, against a count by hand in Python's own words."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from benchtui.tokens.estimates import Groups
from benchtui.tokens.parting import FURTHEST, parting, replacements
from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summary import Place
from tests.tokens.made_store import made_store

ANSWERS = [f"{n} and {n % 7} are {n + n % 7} , so the answer is {n + n % 7}" for n in range(60)]


@pytest.fixture
def store(tmp_path: Path) -> DistributionStore:
    return made_store(tmp_path / "tokens", ANSWERS)


def test_replacements_are_those_counted_by_hand(store: DistributionStore) -> None:
    counts: Counter[tuple[int, int]] = Counter()
    documents: dict[tuple[int, int], set[int]] = defaultdict(set)
    js: dict[tuple[int, int], list[tuple[float, Place]]] = defaultdict(list)
    for number in range(len(ANSWERS)):
        tops = [store.scores(model, number).top_ids[:, 0].tolist() for model in (0, 1)]
        for place, (one, other) in enumerate(zip(*tops, strict=True)):
            if one != other:
                counts[one, other] += 1
                documents[one, other].add(number)
                js[one, other].append((float(store.pair(0, 1, number).js[place]), Place(number, place)))
    found = list(replacements(store, 0, 1, Groups(store.texts(0))))
    clear = {key: sum(value >= math.log(2) / 2 for value, _ in places) for key, places in js.items()}
    order = sorted(((clear[key], count) for key, count in counts.items()), reverse=True)
    assert [(each.clear, each.count) for each in found] == order[: len(found)]
    for each in found:
        key = (each.first_id, each.second_id)
        assert (each.count, each.groups) == (counts[key], len(documents[key]))
        assert each.js == pytest.approx(sum(value for value, _ in js[key]))
        assert each.places == tuple(place for _, place in sorted(js[key], key=lambda one: -one[0])[:5])
        assert each.first == store.vocabulary(0).text(each.first_id)


def test_only_some_tokens_are_looked_at_where_it_is_said(store: DistributionStore) -> None:
    texts = store.texts(0)
    where = np.zeros(int(texts.offsets[-1]), np.bool_)
    where[: texts.offsets[3]] = True
    found = list(replacements(store, 0, 1, Groups(texts), where))
    assert found
    assert all(place.document < 3 for each in found for place in each.places)


def test_learnt_and_forgotten_tokens_are_those_summed_by_hand(store: DistributionStore) -> None:
    sums: dict[int, float] = defaultdict(float)
    for number, tokens in enumerate(store.texts(0).tokens):
        change = store.scores(1, number).logprob.astype(float) - store.scores(0, number).logprob
        for token, value in zip(tokens.scored.tolist(), change, strict=True):
            sums[token] += value
    found = parting(store, 0, 1, Groups(store.texts(0)))
    rising = sorted((value for value in sums.values() if value > 0), reverse=True)
    falling = sorted(value for value in sums.values() if value < 0)
    assert [each.total for each in found.learnt] == pytest.approx(rising[: len(found.learnt)])
    assert [each.total for each in found.forgotten] == pytest.approx(falling[: len(found.forgotten)])
    for each in (*found.learnt, *found.forgotten):
        assert each.total == pytest.approx(sums[each.token_id])
        assert all(store.texts(0).tokens[p.document].scored[p.position] == each.token_id for p in each.places)


def test_the_furthest_tokens_and_silent_errors_are_in_order(store: DistributionStore) -> None:
    found = parting(store, 0, 1, Groups(store.texts(0)))
    js = store.pair_column(0, 1, "js")
    assert [value(store, "js", place) for place in found.furthest] == np.sort(js)[::-1][:FURTHEST].tolist()
    entropy, kl = store.column(0, "entropy"), store.pair_column(0, 1, "kl")
    silent = (entropy <= np.quantile(entropy, 0.2)) & (kl >= np.quantile(kl, 0.95))
    assert found.silent_share == pytest.approx(silent.mean())
    assert [value(store, "kl", place) for place in found.silent] == np.sort(kl[silent])[::-1].tolist()


def test_the_same_model_twice_parts_nowhere(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS, noise=0.0)
    found = parting(store, 0, 1, Groups(store.texts(0)))
    assert (found.replacements, found.learnt, found.forgotten, found.silent, found.furthest) == ((), (), (), (), ())


def value(store: DistributionStore, name: str, place: Place) -> float:
    return float(getattr(store.pair(0, 1, place.document), name)[place.position])
