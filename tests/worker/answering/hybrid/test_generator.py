"""`benchtui.api.HybridGenerator` on the demo's pair: texts of each model alone, signals of transformers' logits."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchtui import api
from benchtui.routing.profiled_text import ProfileResult
from tests.worker.answering.hybrid.demo_pair import FLOAT32, LARGE, SMALL

PROMPTS = ["Where does Kavan live?", "What is the trade of Rumar?", "Which island is Harholm on?"]
OF_A_TOKEN = [
    "token_id", "token_text", "position", "aleatoric_uncertainty", "epistemic_uncertainty", "entropy", "model_used",
]  # fmt: skip


@pytest.fixture(scope="module")
def both() -> Iterator[api.HybridGenerator]:
    with api.HybridGenerator(slm_model_id=SMALL, llm_model_id=LARGE, threshold=0.5, **FLOAT32) as generator:  # type: ignore[arg-type]
        yield generator


@pytest.fixture(scope="module")
def profiled(both: api.HybridGenerator) -> ProfileResult:
    return both.generate_with_profile(
        "The sea around the islands is", max_new_tokens=40, enable_routing=False, temperature=2.5, seed=5
    )


def test_at_both_ends_the_text_is_that_of_one_model(both: api.HybridGenerator) -> None:
    with api.load(SMALL, **FLOAT32) as small, api.load(LARGE, **FLOAT32) as large:  # type: ignore[arg-type]
        for prompt in PROMPTS:
            one, other = (model.generate(prompt, max_new_tokens=16) for model in (small, large))
            for strategy, threshold, expected in (
                ("margin", "inf", one), ("margin", 0, other), ("defer", "inf", one), ("defer", 0, other),
                ("small", None, one), ("large", None, other), ("speculative", None, other),
            ):  # fmt: skip
                text, stats = both.generate(prompt, strategy=strategy, threshold=threshold, max_new_tokens=16)
                assert text == expected, (prompt, strategy, threshold)
                assert stats["slm_tokens"] + stats["llm_tokens"] == stats["total_tokens"]


def test_who_writes_is_routed_and_counted(both: api.HybridGenerator) -> None:
    found = both.generate_with_profile(PROMPTS[0], max_new_tokens=16, enable_routing=True, threshold=0.5)
    assert [token.model_used for token in found.tokens] == [
        "llm" if token.aleatoric_uncertainty >= 0.5 else "slm" for token in found.tokens
    ]
    assert {token.model_used for token in found.tokens} == {"slm", "llm"}
    assert found.stats["llm_tokens"] == sum(token.model_used == "llm" for token in found.tokens)
    assert (found.stats["threshold"], found.stats["routing_metric"], found.stats["enable_routing"]) == (
        0.5, "uncertainty", True,
    )  # fmt: skip


def test_a_quantile_is_one_of_what_the_small_model_writes(both: api.HybridGenerator) -> None:
    stats = both.generate(PROMPTS[0], strategy="margin", threshold="p70", max_new_tokens=40).stats
    alone = both.generate_with_profile(PROMPTS[0], max_new_tokens=40)
    margins = [token.signals["margin"] for token in alone.tokens]
    assert stats["threshold"] == pytest.approx(np.quantile(margins, 0.7), abs=1e-4)


def test_signals_are_those_of_the_small_models_distributions(profiled: ProfileResult) -> None:
    from scipy.special import digamma
    from transformers import AutoModelForCausalLM, AutoTokenizer

    network, tokenizer = (
        AutoModelForCausalLM.from_pretrained(SMALL, dtype="float32"),
        AutoTokenizer.from_pretrained(SMALL),
    )
    prompt = tokenizer("The sea around the islands is")["input_ids"]
    ids = [*prompt, *(token.token_id for token in profiled.tokens)]
    with torch.no_grad():
        logits = network(torch.tensor([ids])).logits[0, len(prompt) - 1 : -1].double()
    assert len(profiled.tokens) > 5
    for token, row in zip(profiled.tokens, logits, strict=True):
        p = row.softmax(-1)
        top = p.sort(descending=True).values[:10]
        share = top / top.sum()
        evidence = row.sort(descending=True).values[:10]
        total = float(evidence.sum())
        assert token.entropy == pytest.approx(float(-(p * p.log()).sum()), abs=1e-4)
        assert token.aleatoric_uncertainty == pytest.approx(
            float(-(share * share.log()).sum()) / math.log(10), abs=1e-4
        )
        if float(evidence[-1]) > 0:
            expected = -sum(float(a) / total * (digamma(float(a) + 1) - digamma(total + 1)) for a in evidence)
            assert token.signals["logtoku"] == pytest.approx(expected, abs=1e-4)
            assert token.epistemic_uncertainty == pytest.approx(10 / (total + 10), abs=1e-5)
    assert profiled.generated_text.startswith("The sea around the islands is")
    assert profiled.tokens[0].token_text
    assert profiled.generated_text.startswith(f"The sea around the islands is{profiled.tokens[0].token_text}")


def test_a_profile_is_saved_in_the_form_that_others_read(profiled: ProfileResult, tmp_path: Path) -> None:
    profiled.save_to_file(tmp_path / "profile.json")
    found = json.loads((tmp_path / "profile.json").read_text(encoding="utf-8"))
    assert list(found) == ["generated_text", "strategy", "total_time", "stats", "tokens"]
    assert all(list(token) == OF_A_TOKEN for token in found["tokens"])
    assert [token["position"] for token in found["tokens"]] == list(range(len(profiled.tokens)))
    assert found["strategy"] == "profiled_slm_only"
    assert found["tokens"][0]["entropy"] == profiled.tokens[0].entropy


def test_the_summary_shows_distributions_and_the_least_sure_tokens(
    profiled: ProfileResult, capsys: pytest.CaptureFixture[str]
) -> None:
    profiled.print_summary()
    shown = capsys.readouterr().out
    found = profiled.analyze_distribution("entropy")
    assert f"mean {found['mean']:.4f}" in shown
    assert f"top_10%: {found['percentiles']['top_10%']:.4f}" in shown
    assert found["top_10_percent"]["min"] <= found["top_10_percent"]["mean"] <= found["top_10_percent"]["max"]
    assert found["top_10_percent"]["max"] == found["max"]
    least = max(profiled.tokens, key=lambda token: token.entropy)
    assert f"entropy {least.entropy:.4f}" in shown
    with pytest.raises(api.BenchtuiError, match="no signal"):
        profiled.analyze_distribution("certainty")


def test_sampled_texts_follow_their_seed_and_stop_strings_end_them(both: api.HybridGenerator) -> None:
    def drawn(seed: int) -> str:
        return both.generate(PROMPTS[1], temperature=3.0, seed=seed, max_new_tokens=24, threshold=0.5).text

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(6)}) > 1
    whole = both.generate(PROMPTS[0], strategy="large", max_new_tokens=16).text
    assert both.generate(PROMPTS[0], strategy="large", max_new_tokens=16, stop=(whole[3:6],)).text == whole[:3]


def test_a_small_model_alone_is_profiled_and_writes_with_nobody() -> None:
    with api.HybridGenerator(SMALL, device="cpu", dtype=torch.float32, offline=True) as alone:
        found = alone.generate_with_profile(PROMPTS[0], max_new_tokens=8)
        assert {token.model_used for token in found.tokens} == {"slm"}
        with pytest.raises(api.BenchtuiError, match="no large model"):
            alone.generate(PROMPTS[0], max_new_tokens=8)
    with pytest.raises(api.BenchtuiError, match="closed"):
        alone.generate(PROMPTS[0], strategy="small")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({}, api.BenchtuiError, "small model"),
        ({"small": SMALL, "slm_model_id": SMALL}, api.BenchtuiError, "are the same"),
        ({"small": SMALL, "large": LARGE, "strategy": "guess"}, api.BenchtuiError, "no strategy"),
        ({"small": SMALL, "large": LARGE, "threshold": "often"}, api.BenchtuiError, "--threshold"),
        ({"small": SMALL, "large": LARGE, "colour": "red"}, TypeError, "colour"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_loaded(
    arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        api.HybridGenerator(**arguments)


def test_a_prompt_that_does_not_fit_is_refused(both: api.HybridGenerator) -> None:
    with pytest.raises(api.BenchtuiError, match="window"):
        both.generate(PROMPTS[0], max_new_tokens=1 << 20)
