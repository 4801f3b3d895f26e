"""The files of other people's script: byte by byte as it writes them, and what pandas finds in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.tokens.records import StoredModel, StoreHeader, TextTokens, TokenDocument
from benchtui.tokens.seed_files import file_names, write_seed_files
from benchtui.tokens.seed_tables import bins
from benchtui.tokens.store import DistributionStore, StoreWriter, TextSet
from benchtui.tokens.vocabulary import StoredVocabulary
from tests.tokens.made_store import VOCABULARY, log_softmax, made_store, scores_of

STAMP = "20241201_143022"
MODELS = ("model_1", "model_2", "model_3", "model_4")
ANSWERS = ("six and six are 12", 'a "quote", a comma', "two\nlines here", "six and six are twelve")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed")
    store = made_store(folder / "store", ANSWERS, labels=MODELS)
    write_seed_files(store, folder / "results", stamp=STAMP, experiment="training_progression")
    return folder / "results"


def test_the_tree_is_the_one_of_its_manual(results: Path) -> None:
    names = {str(place.relative_to(results)) for place in results.rglob("*") if place.is_file()}
    wanted = {f"{title}_{STAMP}.json" for title in ("summary_stats", "qcut_analysis", "model_comparison")}
    wanted |= {f"aggregated_{model}_stats_{STAMP}.csv" for model in MODELS}
    wanted |= {f"{m}_token_analysis_{side}_{STAMP}.csv" for m in MODELS for side in ("current", "next")}
    wanted |= {f"prompt_{n}/{model}_stats_{STAMP}.csv" for n in range(1, 5) for model in MODELS}
    wanted |= {f"prompt_{n}/generated_texts_{STAMP}.json" for n in range(1, 5)}
    assert names == wanted | {f"tokens_{STAMP}.parquet"}


def test_a_line_is_a_token_of_the_answer_and_what_stood_before(results: Path, tmp_path: Path) -> None:
    raw = (results / "prompt_1" / f"model_1_stats_{STAMP}.csv").read_bytes()
    assert raw.startswith(b"current_token,next_token,entropy,probability_of_next_token\n")
    found = pd.read_csv(results / "prompt_1" / f"model_1_stats_{STAMP}.csv")
    assert found["current_token"].tolist() == ["Q:", " six", " and", " six", " are"]
    assert found["next_token"].tolist() == [" six", " and", " six", " are", " 12"]
    scores = made_store(tmp_path, ANSWERS, labels=MODELS).scores(0, 0)
    np.testing.assert_allclose(found["entropy"], scores.entropy, rtol=1e-12)
    np.testing.assert_allclose(found["probability_of_next_token"], np.exp(scores.logprob.astype(float)), rtol=1e-12)


def test_quotes_commas_and_line_ends_come_back(results: Path) -> None:
    found = pd.read_csv(results / "prompt_2" / f"model_1_stats_{STAMP}.csv")
    assert found["next_token"].tolist() == [" a", ' "quote",', " a", " comma"]
    assert pd.read_csv(results / "prompt_3" / f"model_1_stats_{STAMP}.csv")["next_token"][0] == " two\nlines"


@pytest.mark.parametrize("model", MODELS)
def test_the_aggregated_file_is_the_others_one_behind_another(results: Path, model: str) -> None:
    bodies = [(results / f"prompt_{n}" / f"{model}_stats_{STAMP}.csv").read_bytes() for n in range(1, 5)]
    head = bodies[0].split(b"\n", 1)[0] + b"\n"
    assert all(body.startswith(head) for body in bodies)
    whole = (results / f"aggregated_{model}_stats_{STAMP}.csv").read_bytes()
    assert whole == head + b"".join(body.removeprefix(head) for body in bodies)


def test_pandas_finds_the_summary_in_the_csv_files(results: Path) -> None:
    summary = json.loads((results / f"summary_stats_{STAMP}.json").read_text())
    assert (summary["experiment_name"], summary["timestamp"], summary["total_prompts"]) == (
        "training_progression", STAMP, 4,
    )  # fmt: skip
    assert summary["models"] == list(MODELS)
    for model in MODELS:
        table = pd.read_csv(results / f"aggregated_{model}_stats_{STAMP}.csv")
        assert summary[f"{model}_total_tokens"] == len(table) == 16
        for key, column in (("entropy", "entropy"), ("probability", "probability_of_next_token")):
            described = table[column].describe()
            assert list(summary[f"{model}_{key}_stats"]) == list(described.index)
            np.testing.assert_allclose(list(summary[f"{model}_{key}_stats"].values()), described, rtol=1e-9)


def test_its_own_example_runs_on_the_files(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models, dfs = list(MODELS), {}
    for model in models:
        dfs[model] = pd.read_csv(f"{results}/aggregated_{model}_stats_{STAMP}.csv")
    for model in models:
        print(dfs[model]["entropy"].describe())
    with (results / f"model_comparison_{STAMP}.json").open() as f:
        comparison = json.load(f)
    for model, stats in comparison["model_comparison"].items():
        print(f"  Mean entropy: {stats['mean_entropy']:.4f}")
        print(f"  Mean probability: {stats['mean_probability']:.4f}")
        print(f"  95th percentile entropy: {stats['entropy_percentiles']['95%']:.4f}")
        assert stats["entropy_percentiles"]["95%"] == pytest.approx(dfs[model]["entropy"].quantile(0.95))
        assert stats["mean_entropy"] == pytest.approx(dfs[model]["entropy"].mean())
    for model in models:
        print(len(dfs[model][dfs[model]["entropy"] > dfs[model]["entropy"].quantile(0.9)]))
    assert list(comparison["model_comparison"]) == models
    assert list(stats["entropy_percentiles"]) == ["5%", "25%", "50%", "75%", "95%"]
    assert "95th percentile entropy" in capsys.readouterr().out


def test_bins_are_those_of_qcut_and_each_token_is_in_one(results: Path) -> None:
    found = json.loads((results / f"qcut_analysis_{STAMP}.json").read_text())["qcut_analysis"]["model_2"]["entropy"]
    table = pd.read_csv(results / f"aggregated_model_2_stats_{STAMP}.csv")
    counts = pd.qcut(table["entropy"], 10, duplicates="drop").value_counts(sort=False)
    assert [one["count"] for one in found["quantiles"]] == counts.tolist()
    assert (found["bins"], found["shown"]) == (10, [0, 2, 5, 7, 9])
    assert sum(token["count"] for one in found["quantiles"] for token in one["next_tokens"]) == 16


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, float("nan")]) | st.floats(0, 10), max_size=60))
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
def test_tied_values_make_fewer_bins_and_lose_no_token(values: list[float]) -> None:
    table = pd.DataFrame(
        {"entropy": np.array(values, float), "probability_of_next_token": 0.5, "current_token": "a", "next_token": "b"}
        | {"current_token_id": 1, "next_token_id": 2}
    )
    found = bins(table)["entropy"]
    known = [value for value in values if value == value]
    assert sum(one["count"] for one in found["quantiles"]) == len(known)
    assert found["bins"] == len(found["quantiles"]) <= 10
    assert bool(found["bins"]) == bool(known)
    json.dumps(found, allow_nan=False)


def test_statistics_by_token_count_every_line(results: Path) -> None:
    table = pd.read_csv(results / f"aggregated_model_3_stats_{STAMP}.csv")
    by_next = pd.read_csv(results / f"model_3_token_analysis_next_{STAMP}.csv")
    assert by_next["count"].sum() == len(table)
    row = by_next[by_next["next_token"] == " six"].iloc[0]
    same = table[table["next_token"] == " six"]
    assert (row["count"], row["entropy_mean"]) == (len(same), pytest.approx(same["entropy"].mean()))
    by_current = pd.read_csv(results / f"model_3_token_analysis_current_{STAMP}.csv")
    assert by_current["count"].sum() == len(table)


def test_the_parquet_file_has_prompt_position_and_place(results: Path) -> None:
    table = pd.read_parquet(results / f"tokens_{STAMP}.parquet")
    assert table["model"].unique().tolist() == list(MODELS)
    first = table[(table["model"] == "model_1") & (table["prompt_id"] == 1)]
    assert first["position"].tolist() == [0, 1, 2, 3, 4]
    text = "Q: " + ANSWERS[0]
    assert [text[a:b] for a, b in zip(first["start"], first["end"], strict=True)] == first["next_token"].tolist()


def test_no_character_is_broken(tmp_path: Path) -> None:
    """Two tokens that are one character are its bytes, as text a whole one; the end is what the tokenizer calls it."""
    document = TokenDocument("made #0", "é", "日x", "0", ended=True)
    tokens = TextTokens(*(np.array(v, np.int32) for v in ([0, 1, 2, 3, 4], [0, 1, 1, 2, 3], [1, 2, 2, 3, 3])), 1, 1)
    words = [("é".encode(), False), (b"\xe6\x97", False), (b"\xa5", False), (b"x", False), (b"<|end|>", True)]
    store = _one_model(tmp_path / "store", document, tokens, words)
    write_seed_files(store, tmp_path / "out", stamp=STAMP)
    found = pd.read_csv(tmp_path / "out" / "prompt_1" / f"one_stats_{STAMP}.csv")
    assert found["next_token"].tolist() == ["⟨E6 97⟩", "⟨A5⟩", "x", "<|end|>"]
    texts = json.loads((tmp_path / "out" / "prompt_1" / f"generated_texts_{STAMP}.json").read_text())
    assert texts == {"prompt": "é", "one_text": "日x"}


def test_what_was_scored_of_the_prompt_is_left_out(tmp_path: Path) -> None:
    document = TokenDocument("made #0", "ab", "c", "0", scored_from=1)
    tokens = TextTokens(*(np.array(v, np.int32) for v in ([0, 1, 2], [0, 1, 2], [1, 2, 3])), 1, 2)
    store = _one_model(tmp_path / "store", document, tokens, [(b"a", False), (b"b", False), (b"c", False)])
    write_seed_files(store, tmp_path / "out", stamp=STAMP)
    found = pd.read_csv(tmp_path / "out" / f"aggregated_one_stats_{STAMP}.csv")
    assert found["next_token"].tolist() == ["c"]
    np.testing.assert_allclose(found["entropy"], store.scores(0, 0).entropy[1:], rtol=1e-12)


def test_links_are_not_followed(tmp_path: Path) -> None:
    store = made_store(tmp_path / "store", ANSWERS)
    output, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    output.mkdir()
    elsewhere.mkdir()
    (tmp_path / "kept").write_text("mine")
    (output / f"summary_stats_{STAMP}.json").symlink_to(tmp_path / "kept")
    write_seed_files(store, output, stamp=STAMP)
    assert (tmp_path / "kept").read_text() == "mine"
    assert not (output / f"summary_stats_{STAMP}.json").is_symlink()
    other = tmp_path / "other"
    other.mkdir()
    (other / "prompt_1").symlink_to(elsewhere)
    with pytest.raises(BenchtuiError, match="prompt_1 is a link"):
        write_seed_files(store, other, stamp=STAMP)
    assert list(elsewhere.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchtuiError, match=r"file.* cannot be written"):
        write_seed_files(made_store(tmp_path / "store", ANSWERS), tmp_path / "file" / "out", stamp=STAMP)


def test_names_of_models_become_names_of_files() -> None:
    assert file_names(["org/model", "org model", "../../x", "Base", "base", "…"]) == (
        "org_model", "org_model_2", "x", "Base", "base_2", "model",
    )  # fmt: skip


def _one_model(folder: Path, document: TokenDocument, tokens: TextTokens, words: list[Any]) -> DistributionStore:
    writer = StoreWriter(folder)
    writer.header(StoreHeader("made", "own", ("one",), "a text", 1))
    writer.texts(0, TextSet([document], [tokens], [0, 1]))
    logits = np.random.default_rng(1).normal(0, 1, (len(tokens.scored), VOCABULARY))
    writer.shard(0, 0, scores_of(log_softmax(logits), tokens.scored), {}, {})
    digest = writer.vocabulary(StoredVocabulary.of(words))
    writer.model(0, StoredModel("one", 0, "hf", "made", "made", "scalars", digest, len(words)))
    return DistributionStore(folder)
