"""The files of RL_onoff's scripts: their keys and shapes, and numbers that are computed again from what was kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchtui.errors import BenchtuiError
from benchtui.reports.tokens.seed_distributions import divergences_json, write_distributions
from benchtui.tokens.records import FULL, LIKELIEST, LIKELIEST_IDS
from benchtui.tokens.store import DistributionStore, StoreWriter
from tests.tokens.made_store import VOCABULARY, log_softmax, made_store, scores_of

ANSWERS = ["so the answer is 18", "two\nlines and 日本 🙂 here", "no"]
LARGEST = 1 << 20


def store_with(folder: Path, k: int | None) -> tuple[DistributionStore, NDArray[np.float64]]:
    """A made store whose first model has the `k` likeliest tokens at every place (ids of -1 where there are fewer
    tokens), None for whole distributions; and its log-probabilities [tokens, vocabulary]."""
    store, rng = made_store(folder, ANSWERS), np.random.default_rng(3)
    texts, found = store.texts(0), []
    for shard, (begin, end) in enumerate(zip(texts.shards[:-1], texts.shards[1:], strict=True)):
        ids = np.concatenate([text.scored for text in texts.tokens[begin:end]])
        logprobs = log_softmax(rng.normal(0, 2, (len(ids), VOCABULARY)))
        found.append(logprobs)
        StoreWriter(folder).shard(0, shard, scores_of(logprobs, ids), _kept(logprobs, k), {})
    return DistributionStore(folder), np.concatenate(found)


def _kept(logprobs: NDArray[np.float64], k: int | None) -> dict[str, Any]:
    if k is None:
        return {FULL: logprobs.astype(np.float16)}
    order = np.argsort(-logprobs, axis=-1, kind="stable")[:, :k]
    missing = ((0, 0), (0, k - order.shape[1]))
    return {
        LIKELIEST_IDS: np.pad(order, missing, constant_values=-1).astype(np.int32),
        LIKELIEST: np.pad(np.take_along_axis(logprobs, order, -1), missing, constant_values=-np.inf).astype(np.float32),
    }


@pytest.mark.parametrize("k", [5, VOCABULARY + 30, None])
def test_distributions_are_those_of_each_token_of_the_answers(tmp_path: Path, k: int | None) -> None:
    store, logprobs = store_with(tmp_path / "tokens", k)
    arrays, record = write_distributions(store, 0, tmp_path / "out", LARGEST)
    said = json.loads(record.read_text())
    assert list(said) == ["statistics", "results", "distributions_file", "num_distributions"]
    assert (said["distributions_file"], said["num_distributions"]) == (arrays.name, len(ANSWERS))
    width = min(k or VOCABULARY, VOCABULARY)
    samples = [sample for example in said["results"] for sample in example["samples"]]
    begin = 0
    with np.load(arrays) as read:
        for number, sample in enumerate(samples):
            text = store.texts(0).tokens[number]
            n = len(text.scored)
            expected = np.exp(logprobs[begin : begin + n])
            begin += n
            ids, values = (read[f"dist_{number}_{name}"] for name in ("indices", "values"))
            assert (ids.dtype, ids.shape, list(ids.shape)) == (np.int32, (n, width), sample["distribution_shape"])
            assert read[f"dist_{number}_vocab_size"].shape == ()
            assert (int(read[f"dist_{number}_vocab_size"]), int(read[f"dist_{number}_top_k"])) == (VOCABULARY, width)
            np.testing.assert_allclose(values, np.take_along_axis(expected, ids, -1), rtol=5e-3 if k is None else 1e-5)
            if k is not None:
                np.testing.assert_allclose(values, -np.sort(-expected, axis=-1)[:, :width], rtol=1e-5)
            entropy = -(expected * np.log(expected)).sum(-1)
            np.testing.assert_allclose(sample["per_token_entropy"], entropy, atol=1e-5)
            assert (sample["response"], sample["token_ids"]) == (ANSWERS[number], text.scored.tolist())
            assert (sample["num_tokens"], sample["distribution_index"]) == (n, number)


def test_too_large_arrays_and_a_store_without_distributions_are_refused(tmp_path: Path) -> None:
    store, _ = store_with(tmp_path / "tokens", 5)
    with pytest.raises(BenchtuiError, match="more than"):
        write_distributions(store, 0, tmp_path / "out", 100)
    assert not (tmp_path / "out").exists()
    bare = made_store(tmp_path / "bare", ANSWERS)
    with pytest.raises(BenchtuiError, match="keeps no distributions"):
        write_distributions(bare, 0, tmp_path / "out", LARGEST)


def test_divergences_are_the_stores_and_their_summary_that_of_the_texts_means(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS)
    said = json.loads(divergences_json(store, 0, 1))
    assert [line["solution"] for line in said["results"]] == ANSWERS
    for number, line in enumerate(said["results"]):
        pair = store.pair(0, 1, number)
        for name, values in (("kl", pair.kl), ("js", pair.js)):
            assert line[f"{name}_divergence"] == values.tolist()
            assert line[f"{name}_mean"] == pytest.approx(values.mean(), rel=1e-6)
            assert line[f"{name}_max"] == pytest.approx(values.max())
    summary = said["summary"]
    assert (summary["model_a"], summary["model_b"], summary["num_pairs"]) == ("base", "tuned", len(ANSWERS))
    for name in ("kl", "js"):
        means = [line[f"{name}_mean"] for line in said["results"]]
        expected = {"mean": np.mean(means), "std": np.std(means), "min": min(means), "max": max(means)}
        assert summary[f"{name}_statistics"] == pytest.approx(expected)
