"""What a model makes of given tokens: lm-eval's log-likelihoods, whatever shares a batch and whatever the window."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lm_eval.api.instance import Instance

from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.tokens import GivenText
from tests.e2e.tiny import TEXT
from tests.worker.tiny_models import edit, lm_eval_model, make_base
from tests.worker.tokens.comparisons import TEXTS, compare, new_run, plan_of

WORDS = TEXT.split()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("models") / "base")


def words(count: int, seed: int) -> str:
    return " " + " ".join(np.random.default_rng(seed).choice(WORDS, count))


def likelihoods(model: Path, texts: tuple[GivenText, ...]) -> list[float]:
    requests = [Instance("loglikelihood", {}, (text.prompt, text.answer), n) for n, text in enumerate(texts)]
    return [float(found[0]) for found in lm_eval_model(model).loglikelihood(requests, disable_tqdm=True)]


@pytest.mark.parametrize("keep", ["hidden", "full", "topk", "scalars"])
def test_the_answers_have_lm_evals_log_likelihood(tmp_path: Path, model: Path, keep: str) -> None:
    texts = tuple(text for text in TEXTS if text.answer)
    store = compare(new_run(tmp_path, plan_of({"one": model}, texts, keep=keep)))
    found = [float(store.scores(0, n).logprob.sum()) for n in range(len(texts))]
    np.testing.assert_allclose(found, likelihoods(model, texts), atol=1e-4)


def test_texts_of_any_length_together_have_the_same(tmp_path: Path, model: Path) -> None:
    texts = tuple(GivenText(f"the{words(3, n)}", words(count, n)) for n, count in enumerate((5, 50, 150, 7, 90)))
    store = compare(new_run(tmp_path, plan_of({"one": model}, texts)))
    found = [float(store.scores(0, n).logprob.sum()) for n in range(len(texts))]
    np.testing.assert_allclose(found, likelihoods(model, texts), rtol=1e-6, atol=1e-4)
    for number, tokens in enumerate(store.texts(0).tokens):
        assert len(store.scores(0, number)) == len(tokens.ids) - tokens.first
        assert tokens.first == tokens.answer
    alone = compare(new_run(tmp_path, plan_of({"one": model}, texts[1:2]), 20))
    np.testing.assert_allclose(store.scores(0, 1).logprob, alone.scores(0, 0).logprob, atol=1e-5)


def test_texts_longer_than_the_window_are_lm_evals_rolling_likelihood(tmp_path: Path, model: Path) -> None:
    texts = (GivenText("", TEXT + words(900, 1)), GivenText("the", " lazy dog"))
    store = compare(new_run(tmp_path, plan_of({"one": model}, texts)))
    tokens = store.texts(0).tokens[0]
    assert len(tokens.ids) > 1_400
    assert len(store.scores(0, 0)) == len(tokens.ids) - 1
    request = Instance("loglikelihood_rolling", {}, (texts[0].answer,), 0)
    (whole,) = lm_eval_model(model).loglikelihood_rolling([request], disable_tqdm=True)
    assert float(store.scores(0, 0).logprob.sum()) == pytest.approx(float(whole), rel=1e-6)
    (caveat,) = store.models[0].caveats
    assert caveat == "1 of 2 texts are longer than the window of 512 tokens and are read in windows."


def test_a_prompt_that_does_not_fit_is_cut_as_lm_eval_cuts_it(tmp_path: Path, model: Path) -> None:
    texts = (GivenText(f"the{words(400, 2)}", words(20, 3)),)
    store = compare(new_run(tmp_path, plan_of({"one": model}, texts)))
    assert float(store.scores(0, 0).logprob.sum()) == pytest.approx(likelihoods(model, texts)[0], abs=1e-4)
    assert store.models[0].caveats == ("1 of 1 texts are longer than the window of 512 tokens: the start is not read.",)


def test_hidden_states_of_half_precision_are_kept_bit_for_bit(tmp_path: Path, model: Path) -> None:
    run = new_run(tmp_path, plan_of({"one": model}, prompts=PromptSettings(dtype="bfloat16")))
    store = compare(run)
    assert store.models[0].dtype == "bfloat16"
    assert store.shard(0, 0).read("hidden").dtype == np.uint16


def test_the_summary_counts_nats_of_what_was_scored(tmp_path: Path, model: Path) -> None:
    store = compare(new_run(tmp_path, plan_of({"one": model})))
    summary = json.loads((store.folder / "summary.json").read_text())
    (one,) = summary["models"]
    assert one["positions"] == len(store.column(0, "logprob"))
    assert one["surprisal"]["value"] == pytest.approx(-float(store.column(0, "logprob").mean()), rel=1e-5)


def test_a_model_that_computes_nan_is_stopped_with_the_text_named(tmp_path: Path, model: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    from benchtui.worker.not_a_number import NotANumberError

    broken = Path(shutil.copytree(model, tmp_path / "broken"))
    tensors = load_file(broken / "model.safetensors")
    store = compare(new_run(tmp_path, plan_of({"one": model})))
    only_last = set(store.texts(0).tokens[1].ids.tolist()) - set(store.texts(0).tokens[0].ids.tolist())
    tensors["model.embed_tokens.weight"][sorted(only_last)[0]] = float("nan")
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    edit(broken / "config.json", tie_word_embeddings=False)
    with pytest.raises(NotANumberError, match="first at texts of the test #2"):
        compare(new_run(tmp_path, plan_of({"one": broken}), 20))
