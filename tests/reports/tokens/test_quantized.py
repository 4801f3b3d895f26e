"""A quantised model against its parent, in llama.cpp's words: the numbers are those of the distributions."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.special import rel_entr

from benchtui.reports.tokens.quantized import is_quantised, llama_cpp_lines
from benchtui.tokens.records import StoredModel
from benchtui.tokens.summarise import summarise
from tests.tokens.made_store import VOCABULARY, log_softmax, made_store

ANSWERS = [f"{n} and {n} are {2 * n} , so the answer is {2 * n}" for n in range(12)]


def test_the_lines_are_those_of_the_distributions(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS, noise=0.1)
    summary = summarise(store)
    lines = [line.split(": ", 1) for line in llama_cpp_lines(summary, summary.pairs[0])]
    told = {name.strip(): value for name, value in lines}
    first, second = distributions(ANSWERS, 0.1)
    kl = rel_entr(np.exp(first), np.exp(second)).sum(-1)
    ids = np.concatenate([text.scored for text in store.texts(0).tokens])
    p, q = (np.exp(one)[np.arange(len(ids)), ids] for one in (first, second))
    assert value(told["Mean    KLD"]) == pytest.approx(kl.mean(), abs=1e-6)
    assert value(told["Maximum KLD"]) == pytest.approx(kl.max(), abs=1e-6)
    assert value(told["99.0%   KLD"]) == pytest.approx(np.quantile(kl, 0.99), abs=1e-6)
    assert value(told["Median  KLD"]) == pytest.approx(np.median(kl), abs=1e-6)
    assert value(told["Mean    Δp"]) == pytest.approx(100 * (q - p).mean(), abs=1e-3)
    assert value(told["RMS Δp"]) == pytest.approx(100 * np.sqrt(((q - p) ** 2).mean()), abs=1e-3)
    same = first.argmax(-1) == second.argmax(-1)
    assert value(told["Same top p"]) == pytest.approx(100 * same.mean(), abs=1e-3)
    ratio = np.exp((np.log(p) - np.log(q)).mean())
    assert value(told["PPL(Q)/PPL(base)"]) == pytest.approx(ratio, abs=1e-5)
    assert value(told["Mean PPL(base)"]) == pytest.approx(np.exp(-np.log(p).mean()), rel=1e-5)


def value(said: str) -> float:
    return float(said.removeprefix("≥ ").split(" ")[0])


def distributions(answers: list[str], noise: float) -> tuple[np.ndarray, np.ndarray]:
    """What `made_store` draws, a shard at a time."""
    from benchtui.tokens.store import divided
    from tests.tokens.made_store import _words

    rng = np.random.default_rng(1)
    tokens = [_words("Q: " + answer) for answer in answers]
    shards, found = divided(tokens, 40), ([], [])
    for begin, end in pairwise(shards):
        n = sum(len(text.scored) for text in tokens[begin:end])
        first = rng.normal(0, 3, (n, VOCABULARY))
        noises = [rng.normal(0, 1, first.shape) for _ in range(2)]
        for number in range(2):
            found[number].append(log_softmax(first + number * noise * noises[number]))
    return np.concatenate(found[0]), np.concatenate(found[1])


@pytest.mark.parametrize(
    ("label", "source", "quantised"),
    [
        ("m", "outputs/m/gguf/m.Q4_K_M.gguf", True),
        ("m:Q8_0", "x", True),
        ("m:merged_4bit", "outputs/m/merged_4bit", True),
        ("m:IQ2_XXS", "x", True),
        ("m:merged_16bit", "outputs/m/merged_16bit", False),
        ("qwen-0.5b", "Qwen/Qwen2.5-0.5B", False),
        ("m:F16", "m.F16.gguf", False),
    ],
)
def test_what_is_quantised_is_known_by_its_name(label: str, source: str, quantised: bool) -> None:
    assert is_quantised(StoredModel(label, 0, "gguf", source, "", "full", "made", 5)) is quantised
