"""The summary of a store: its numbers are those that pandas finds in the store's own columns."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.tokens.records import TextTokens, TokenDocument
from benchtui.tokens.store import DistributionStore, StoreWriter
from benchtui.tokens.summarise import scored_bytes, summarise, uncertainty
from benchtui.tokens.summary import read_summary, write_summary
from tests.tokens.made_store import made_store

ANSWERS = [f"{n} plus {n} is {'very ' * (n % 5)}{2 * n}" for n in range(30)]


@pytest.fixture
def store(tmp_path: Path) -> DistributionStore:
    return made_store(tmp_path / "tokens", ANSWERS, labels=("base", "sft", "dpo"))


def columns(store: DistributionStore, first: int, second: int) -> pd.DataFrame:
    found: dict[str, Any] = {
        name: store.pair_column(first, second, name) for name in ("kl", "kl_reverse", "js", "tv", "shift")
    }
    for side, number in (("first", first), ("second", second)):
        found[f"p_{side}"] = np.exp(store.column(number, "logprob").astype(float))
        found[f"entropy_{side}"] = store.column(number, "entropy")
    lengths = [len(tokens.scored) for tokens in store.texts(0).tokens]
    found["document"] = np.repeat(np.arange(len(lengths)), lengths)
    found["place"] = np.concatenate([np.arange(length) for length in lengths])
    return pd.DataFrame(found)


def test_models_and_pairs_have_pandas_s_numbers(store: DistributionStore) -> None:
    summary, table = summarise(store), columns(store, 0, 1)
    model, pair = summary.models[0], summary.pairs[0]
    surprisal = -np.log(table.p_first)
    assert model.positions == len(table)
    assert model.surprisal.value == pytest.approx(surprisal.mean(), abs=1e-6)
    assert model.perplexity.value == pytest.approx(math.exp(surprisal.mean()), rel=1e-6)
    assert model.surprisal.low is not None
    assert model.perplexity.low == pytest.approx(math.exp(model.surprisal.low), rel=1e-9)
    text = sum(len(answer.encode()) for answer in ANSWERS)
    starts = [int(tokens.starts[tokens.first]) for tokens in store.texts(0).tokens]
    bytes_scored = text + sum(len("Q: ") - start for start in starts)
    assert model.nats_per_byte.value == pytest.approx(surprisal.sum() / bytes_scored, rel=1e-6)
    assert model.entropies.quantiles["90%"] == pytest.approx(table.entropy_first.quantile(0.9), abs=1e-6)
    for name in ("kl", "kl_reverse", "js", "tv"):
        assert getattr(pair, name).value == pytest.approx(table[name].mean(), abs=1e-6)
        assert pair.spreads[name].quantiles["99.9%"] == pytest.approx(table[name].quantile(0.999), abs=1e-6)
        assert pair.spreads[name].largest == pytest.approx(table[name].max())
    change = table.p_second - table.p_first
    assert pair.same_top.value == pytest.approx((table["shift"] == 1).mean())
    assert pair.delta_p.value == pytest.approx(change.mean(), abs=1e-7)
    assert pair.delta_p_rms.value == pytest.approx(math.sqrt((change**2).mean()), abs=1e-7)
    ratio = summary.models[1].perplexity.value / summary.models[0].perplexity.value
    assert pair.perplexity_ratio.value == pytest.approx(ratio, rel=1e-6)
    assert pair.unshifted + pair.marginal + pair.shifted == pytest.approx(1)
    by_place = {begin: found.value for begin, found in pair.by_position}
    assert list(by_place) == [0, 1, 2, 4, 8][: len(by_place)]
    assert by_place[2] == pytest.approx(table.js[table.place.between(2, 3)].mean(), abs=1e-6)


def test_texts_of_the_compared_models_are_also_told_by_who_wrote_them(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS)
    assert not any(model.by_writer for model in summarise(store).models)
    writers = ["base" if number % 3 else "tuned" for number in range(len(ANSWERS))]
    written_by(store, writers)
    store = DistributionStore(store.folder)
    summary = summarise(store)
    for number, model in enumerate(summary.models):
        surprisal = -store.column(number, "logprob").astype(float)
        of = np.repeat(writers, [len(tokens.scored) for tokens in store.texts(0).tokens])
        found = {each.writer: each for each in model.by_writer}
        assert {name: each.documents for name, each in found.items()} == {"tuned": 10, "base": 20}
        for name, each in found.items():
            mean = surprisal[of == name].mean()
            assert each.surprisal.value == pytest.approx(mean, abs=1e-6)
            assert each.perplexity.value == pytest.approx(math.exp(mean), rel=1e-6)
            assert each.surprisal.groups == each.documents
    assert any("no measure of quality" in note for note in summary.notes)
    StoreWriter(store.folder).header(msgspec.structs.replace(store.header, mode="own"))
    assert not any(model.by_writer for model in summarise(DistributionStore(store.folder)).models)


def written_by(store: DistributionStore, writers: list[str]) -> None:
    """Say of each document of a made store who wrote it."""
    texts = store.texts(0).documents
    made = [
        msgspec.structs.replace(document, written_by=writer)
        for document, writer in zip(texts, writers, strict=True)
    ]  # fmt: skip
    (store.folder / "texts" / "0.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(made))


def test_the_same_model_twice_differs_by_exactly_nothing(tmp_path: Path) -> None:
    pair = summarise(made_store(tmp_path / "tokens", ANSWERS, noise=0.0)).pairs[0]
    assert (pair.kl.value, pair.tv.value, pair.delta_p_rms.value, pair.perplexity_ratio.value) == (0, 0, 0, 1)
    assert pair.same_top.value == 1
    assert pair.spreads["kl"].largest == 0


def test_every_pair_of_the_store_is_there_and_a_summary_is_read_again(store: DistributionStore) -> None:
    summary = summarise(store)
    assert [(pair.first, pair.second) for pair in summary.pairs] == [(0, 1), (0, 2)]
    write_summary(store.folder, summary)
    assert read_summary(store.folder) == summary
    (store.folder / "summary.json").write_text("{}")
    with pytest.raises(BenchtuiError, match="cannot be read"):
        read_summary(store.folder)
    (store.folder / "summary.json").unlink()
    with pytest.raises(BenchtuiError, match="not compared to the end"):
        read_summary(store.folder)


def test_documents_of_one_group_are_one_unit(store: DistributionStore) -> None:
    one = summarise(store).pairs[0].js
    lines = (store.folder / "texts" / "0.jsonl").read_text().splitlines()
    grouped = [line.replace(f'"group":"{n}"', f'"group":"{n // 2}"') for n, line in enumerate(lines)]
    (store.folder / "texts" / "0.jsonl").write_text("\n".join(grouped) + "\n")
    two = summarise(DistributionStore(store.folder)).pairs[0].js
    assert (one.groups, two.groups) == (30, 15)
    assert one.value == two.value
    assert one.stderr != two.stderr


def test_entropies_that_a_server_does_not_tell_are_left_out_and_said(store: DistributionStore) -> None:
    from safetensors.numpy import load_file, save_file

    file = store.folder / "models" / "1" / "shard-0000.safetensors"
    arrays = load_file(file)
    arrays["entropy"][:5] = np.nan
    arrays["top_ids"][:3, 9] = -1
    save_file(arrays, file)
    summary = summarise(DistributionStore(store.folder))
    model = summary.models[1]
    assert model.entropy.n == model.positions - 5
    assert model.uncertainty.n == model.positions - 3
    assert model.margin.n == model.positions
    assert any("entropy of 5 of" in note and note.startswith("sft") for note in summary.notes)


def test_texts_that_each_model_wrote_itself_have_no_pairs(store: DistributionStore) -> None:
    place = store.folder / "store.json"
    place.write_text(place.read_text().replace('"given"', '"own"'))
    assert summarise(DistributionStore(store.folder)).pairs == ()


@given(st.text(max_size=12), st.data())
def test_a_byte_is_counted_once_however_many_tokens_share_its_character(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    edges = [0, *cuts, len(text)]
    spans = [(a, b) for a, b in itertools.pairwise(edges) for _ in range(data.draw(st.integers(1, 3)))]
    first = data.draw(st.integers(0, len(spans) - 1))
    tokens = TextTokens(
        np.zeros(len(spans), np.int32), *(np.array(ends, np.int32) for ends in zip(*spans, strict=True)), first, first
    )
    covered = {place for a, b in spans[first:] for place in range(a, b)}
    expected = sum(len(text[place].encode()) for place in covered)
    kept = np.array([b > a for a, b in spans[first:]])
    assert scored_bytes(TokenDocument("", "", text, ""), tokens, kept) == expected


def test_uncertainty_is_the_entropy_of_ten_renormalised_by_its_greatest_value() -> None:
    from scipy.stats import entropy

    logprobs = np.log(np.random.default_rng(0).dirichlet(np.ones(40), 20))
    top = -np.sort(-logprobs)[:, :10].astype(np.float32)
    np.testing.assert_allclose(uncertainty(top), entropy(np.exp(top), axis=-1) / math.log(10), atol=1e-6)
    sure = np.full((1, 10), -np.inf, np.float32)
    sure[0, 0] = 0.0
    assert uncertainty(sure) == 0
