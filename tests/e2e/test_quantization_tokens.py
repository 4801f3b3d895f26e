"""`benchtui quantizations` token by token, against llama-cpp-python and scipy; and seed 003's files, on tiny models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax, rel_entr

from benchtui.results.tokens import find_tokens
from benchtui.tokens.store import DistributionStore
from tests.e2e.commands import Finished, benchtui
from tests.e2e.local_tasks import write_choice_task, write_data
from tests.e2e.tiny import make_tiny_model

pytestmark = [pytest.mark.gguf, pytest.mark.slow, pytest.mark.usefixtures("llama_cpp")]

TEXTS = [{"question": f"the {n} lazy dogs", "answer": f"jump over {n} foxes and {n} cats"} for n in range(3, 9)]


def logprobs(file: Path, ids: NDArray[np.int32], known: int) -> NDArray[np.float64]:
    """ln p of every token after the first, by llama-cpp-python alone: float64 [n, known]."""
    import llama_cpp

    model = llama_cpp.Llama(str(file), n_ctx=len(ids) + 8, logits_all=True, n_threads=1, verbose=False, seed=1)
    model.eval(ids.tolist())
    logits = np.array(model.scores[: len(ids)], np.float64)[:, :known]
    model.close()
    found: NDArray[np.float64] = log_softmax(logits, axis=-1)
    return found


def independent(store: DistributionStore, parent: Path, file: Path) -> dict[str, float]:
    """llama.cpp's statistics over all scored tokens of a store's texts."""
    kl, change, ratio, same = [], [], [], []
    known = store.models[0].vocabulary
    for text in store.texts(0).tokens:
        first, second = (logprobs(one, text.ids, known)[text.first - 1 : -1] for one in (parent, file))
        own = np.arange(len(text.scored)), text.scored
        kl.append(rel_entr(np.exp(first), np.exp(second)).sum(-1))
        change.append(np.exp(second[own]) - np.exp(first[own]))
        ratio.append(first[own] - second[own])
        same.append(first.argmax(-1) == second.argmax(-1))
    kls, changes = np.concatenate(kl), np.concatenate(change)
    return {
        "kl": float(kls.mean()),
        "median": float(np.median(kls)),
        "99.9%": float(np.quantile(kls, 0.999)),
        "largest": float(kls.max()),
        "same_top": float(np.concatenate(same).mean()),
        "delta_p": float(changes.mean()),
        "rms": float(np.sqrt((changes**2).mean())),
        "ratio": float(np.exp(np.concatenate(ratio).mean())),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.worker.answering.gguf.files import write_gguf

    folder = tmp_path_factory.mktemp("tokens")
    model = folder / "outputs" / "m"
    make_tiny_model(model)
    (model / "gguf").mkdir()
    write_gguf(model, model / "gguf" / "m.F32.gguf")
    write_gguf(model, model / "gguf" / "m.Q8_0.gguf", quantized=True)
    write_choice_task(folder / "tasks", "mine", write_data(folder / "data" / "mine.jsonl"))
    write_data(folder / "texts.jsonl", TEXTS)
    return folder


def typed(folder: Path, *arguments: str) -> Finished:
    return benchtui(*arguments, cwd=folder, env={"COLUMNS": "100"})


def quantizations(folder: Path, *arguments: str) -> Finished:
    tasks = ("--tasks", "mine", "--include-path", "tasks", "--limit", "4", "--once", "--threads", "1")
    return typed(folder, "quantizations", "m", *tasks, *arguments)


def test_a_file_against_its_parent_as_llama_cpp_has_it(folder: Path) -> None:
    ended = quantizations(folder, "--token-texts", "texts.jsonl")
    assert ended.code == 0, ended.err
    model = folder / "outputs" / "m"
    kept = json.loads((model / "benchmarks" / "quantizations.json").read_text())
    [tokens] = [each["tokens"] for each in kept["quantizations"]]
    pair, found = tokens["pair"], find_tokens(folder / "outputs", "m")
    files = [model / "gguf" / f"m.{name}.gguf" for name in ("F32", "Q8_0")]
    expected = independent(found.store, *files)
    assert tokens["documents"] == 4
    assert pair["kl"]["groups"] == 4
    assert pair["kl"]["value"] == pytest.approx(expected["kl"], abs=2e-6)
    assert pair["spreads"]["kl"]["quantiles"]["50%"] == pytest.approx(expected["median"], abs=2e-6)
    assert pair["spreads"]["kl"]["largest"] == pytest.approx(expected["largest"], abs=5e-6)
    assert pair["delta_p"]["value"] == pytest.approx(expected["delta_p"], abs=1e-5)
    assert pair["delta_p_rms"]["value"] == pytest.approx(expected["rms"], abs=1e-5)
    assert pair["perplexity_ratio"]["value"] == pytest.approx(expected["ratio"], abs=1e-5)
    assert pair["same_top"]["value"] == pytest.approx(expected["same_top"], abs=0.02)  # ties of a tiny model
    assert f"{100 * expected['rms']:.2f}%" in ended.out
    again = quantizations(folder, "--token-texts", "texts.jsonl")
    assert "Q8_0: tokens compared in m/tokens/" in again.err
    assert len(list((model / "tokens").glob("2*"))) == 1
    without = quantizations(folder, "--no-tokens")
    assert "Token by token" in again.out
    assert "Token by token" not in without.out


def test_the_distributions_are_the_models(folder: Path) -> None:
    for name, keep in (("few", ("--top-k", "10")), ("all", ("--top-k", "full"))):
        ended = typed(
            folder, "tokens", "distributions", "outputs/m/gguf/m.F32.gguf", "--data", "texts.jsonl", *keep,
            "--output", name, "--threads", "1",
        )  # fmt: skip
        assert ended.code == 0, ended.err
        record = json.loads((folder / name / "distributions.json").read_text())
        arrays = np.load(folder / name / "distributions.npz")
        assert record["num_distributions"] == len(TEXTS)
        assert record["distributions_file"] == "distributions.npz"
        for example, text in zip(record["results"], TEXTS, strict=True):
            [sample] = example["samples"]
            number, ids = sample["distribution_index"], sample["token_ids"]
            assert text["question"] in example["question"]
            assert text["answer"] in sample["response"]
            assert "".join(sample["token_strings"]).strip() == text["answer"]
            indices, values = arrays[f"dist_{number}_indices"], arrays[f"dist_{number}_values"]
            assert indices.dtype == np.int32
            assert list(indices.shape) == list(values.shape) == sample["distribution_shape"]
            assert arrays[f"dist_{number}_top_k"] == indices.shape[1]
            assert len(ids) == len(sample["per_token_entropy"]) == sample["num_tokens"]
            if name == "all":
                np.testing.assert_allclose(values.sum(-1), 1, atol=1e-5)
                entropy = -(values * np.log(np.where(values > 0, values, 1))).sum(-1)
                np.testing.assert_allclose(entropy, sample["per_token_entropy"], atol=5e-3)
            else:
                assert (np.diff(values) <= 0).all()


def test_the_size_of_distributions_is_refused_before_anything_is_written(folder: Path) -> None:
    ended = typed(
        folder, "tokens", "distributions", "outputs/m/gguf/m.F32.gguf", "--data", "texts.jsonl", "--output", "none",
        "--largest", "1000", "--threads", "1",
    )  # fmt: skip
    assert ended.code != 0
    assert "would take" in ended.err
    assert not (folder / "none").exists()


def test_divergences_are_kl_and_js(folder: Path) -> None:
    files = [f"outputs/m/gguf/m.{name}.gguf" for name in ("F32", "Q8_0")]
    ended = typed(
        folder, "tokens", "divergences", *files, "--data", "texts.jsonl", "--output", "apart.json", "--threads", "1"
    )
    assert ended.code == 0, ended.err
    found = json.loads((folder / "apart.json").read_text())
    assert found["summary"]["num_pairs"] == len(TEXTS)
    means = [each["kl_mean"] for each in found["results"]]
    assert found["summary"]["kl_statistics"] == pytest.approx(
        {"mean": np.mean(means), "std": np.std(means), "min": min(means), "max": max(means)}
    )
    store = find_tokens(folder / "outputs", None).store
    text, first = store.texts(0).tokens[0], found["results"][0]
    one, other = (logprobs(folder / file, text.ids, store.models[0].vocabulary) for file in files)
    rows = slice(text.answer - 1, len(text.ids) - 1)
    p, q = np.exp(one[rows]), np.exp(other[rows])
    np.testing.assert_allclose(first["kl_divergence"], rel_entr(p, q).sum(-1), atol=1e-5)
    middle = (p + q) / 2
    js = (rel_entr(p, middle).sum(-1) + rel_entr(q, middle).sum(-1)) / 2
    np.testing.assert_allclose(first["js_divergence"], js, atol=1e-5)
    assert first["js_max"] == max(first["js_divergence"])


@pytest.mark.real
@pytest.mark.long
def test_a_real_file_against_its_parent(real_model: Path, tmp_path: Path) -> None:
    gguf = tmp_path / "outputs" / "m" / "gguf"
    gguf.mkdir(parents=True)
    files = [gguf / f"m.{name}.gguf" for name in ("F32", "Q4_1")]
    for file in files:
        file.symlink_to(real_model / f"SmolLM2-135M-Instruct.{file.stem[2:]}.gguf")
    texts = write_data(tmp_path / "texts.jsonl", [
        {"question": "Name the capital of France.", "answer": "The capital of France is Paris, on the Seine."},
        {"question": "What is 17 times 3?", "answer": "17 times 3 is 51, since 10 times 3 is 30 and 7 times 3 is 21."},
        {"question": "Wie heißt der höchste Berg?", "answer": "Der Mount Everest, 8849 Meter über dem Meer 🏔."},
    ])  # fmt: skip
    compare = ("tokens", "compare", *map(str, files), "--names", "F32,Q4_1", "--data", str(texts))
    ended = typed(tmp_path, *compare, "--threads", "1")
    assert ended.code == 0, ended.err
    found = find_tokens(tmp_path / "outputs", "m")
    expected, pair = independent(found.store, *files), found.summary.pairs[0]
    assert pair.kl.value == pytest.approx(expected["kl"], abs=2e-5)
    assert pair.spreads["kl"].largest == pytest.approx(expected["largest"], rel=0.02, abs=1e-4)
    assert pair.delta_p_rms.value == pytest.approx(expected["rms"], abs=1e-4)
    assert pair.perplexity_ratio.value == pytest.approx(expected["ratio"], abs=1e-4)
    assert pair.same_top.value == pytest.approx(expected["same_top"], abs=0.011)
    assert "Mean    KLD" in ended.out
