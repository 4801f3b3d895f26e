"""The real 135M model at a real llama-server beside its file in process: what is equal, and what differs by how much.

The same file is read by two builds of llama.cpp. With 32-bit numbers they must agree; kernels of quantised files round
activations by the rows that are computed together, so their numbers have a noise that is bounded here.
"""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import absent
from tests.llama_server import llama_server
from tests.worker.answering.openai.llama_asking import Told, opened, scores, texts

pytestmark = [
    pytest.mark.llama_server, pytest.mark.real, pytest.mark.gguf, pytest.mark.long, pytest.mark.usefixtures("llama_cpp")
]  # fmt: skip

NAME = "SmolLM2-135M-Instruct"
PROMPTS = [
    "The capital of France is",
    "Water boils at",
    "def add(a, b):\n",
    "Q: How many legs does a spider have?\nA:",
    "My favourite season is",
    "Once upon a time",
]
GIVEN = [
    ("The capital of France is", " a city on the Seine, and not Rome."),
    ("Water boils at", " one hundred degrees, as every child knows."),
    ("She put the letter into", " her pocket and ran to catch the train."),
    ("The opposite of hot is", " cold, but nobody told the parrot."),
]
LIMIT = 16


@pytest.fixture(scope="module", autouse=True)
def _here(real_model: Path) -> None:
    if importlib.util.find_spec("xllamacpp") is None:
        absent("llama_server", "no llama-server: install xllamacpp")


@contextmanager
def both(file: Path, *, f32_cache: bool) -> Iterator[tuple[Any, Any]]:
    """The model at a server, and in process, asked in the same way."""
    from tests.worker.answering.gguf.files import EXACT, open_gguf

    with llama_server(file, f32_cache=f32_cache, context=1024) as server:
        served, here = opened(server.url), open_gguf(file, settings=EXACT if f32_cache else {})
        try:
            yield served, here
        finally:
            served.close()
            here.close()


def pairs(answering: Any) -> list[tuple[list[int], list[int]]]:
    encoded = answering.tokens.encode([text for pair in GIVEN for text in pair], special=False)
    return [(encoded[context], encoded[ending]) for context, ending in GIVEN]


def a_token(answering: Any) -> list[float]:
    """The log-likelihood of every token of the given endings."""
    asked = [(context + ending[:n], [token]) for context, ending in pairs(answering) for n, token in enumerate(ending)]
    return [score.loglikelihood for score in scores(answering, asked)]


def row(answering: Any, ids: list[int]) -> Any:
    """The log-probabilities of all tokens after `ids`."""
    (found,) = answering.distributions(ids, len(ids), Told())
    return found.logprobs[0]


def margin(row: Any) -> float:
    second, first = sorted(row)[-2:]
    return float(first - second)


def partings(served: Any, here: Any) -> list[tuple[float, float]]:
    """The margins of both where greedy texts part, a pair for each prompt whose texts do."""
    found = []
    for prompt, theirs, ours in zip(
        PROMPTS, texts(served, PROMPTS, LIMIT, do_sample=False), texts(here, PROMPTS, LIMIT, do_sample=False),
        strict=True,
    ):  # fmt: skip
        shared = next((n for n, (a, b) in enumerate(zip(theirs.ids, ours.ids, strict=False)) if a != b), None)
        if shared is None:
            assert theirs.ids == ours.ids
            assert theirs.text == ours.text
            continue
        ids = [*here.tokens.encode_prompts([prompt])[prompt][0], *ours.ids[:shared]]
        found.append((margin(row(served, ids)), margin(row(here, ids))))
    return found


def greedy_differences(served: Any, here: Any) -> list[float]:
    """How far the log-likelihoods of each token of greedy texts (those in process) are apart."""
    asked = []
    for prompt, text in zip(PROMPTS[:3], texts(here, PROMPTS[:3], LIMIT, do_sample=False), strict=True):
        ids = here.tokens.encode_prompts([prompt])[prompt][0]
        asked += [([*ids, *text.ids[:n]], [token]) for n, token in enumerate(text.ids)]
    return [
        abs(a.loglikelihood - b.loglikelihood) for a, b in zip(scores(served, asked), scores(here, asked), strict=True)
    ]


def test_32_bit_numbers_agree(real_model: Path) -> None:
    with both(real_model / f"{NAME}.F32.gguf", f32_cache=True) as (served, here):
        assert max(abs(a - b) for a, b in zip(a_token(served), a_token(here), strict=True)) < 0.01
        for theirs, ours in partings(served, here):
            assert theirs < 0.02
            assert ours < 0.02


def test_a_quantised_file_is_the_same_model_within_its_noise(real_model: Path) -> None:
    """Greedy texts within what was measured between builds of the same file. Endings that are given, whose tokens are
    less probable, are further apart (measured: median 0.084 of 37 tokens, largest 0.29): there the two readers must be
    as near to the same numbers in 32 bits as each other (measured: medians 0.060 and 0.067), and no further apart than
    both errors together."""
    from tests.worker.answering.gguf.files import open_gguf

    exact = open_gguf(real_model / f"{NAME}.F32.gguf")
    right = a_token(exact)
    exact.close()
    with both(real_model / f"{NAME}.Q4_1.gguf", f32_cache=False) as (served, here):
        apart = greedy_differences(served, here)
        parted = partings(served, here)
        theirs, ours = a_token(served), a_token(here)
    assert statistics.median(apart) <= 0.05
    assert max(apart) <= 1
    assert all(min(margins) <= 0.3 for margins in parted)
    off = [statistics.median(abs(a - b) for a, b in zip(side, right, strict=True)) for side in (theirs, ours)]
    assert max(off) <= 1.5 * min(off)
    assert max(off) <= 0.15
    assert statistics.median(abs(a - b) for a, b in zip(theirs, ours, strict=True)) <= sum(off)
    assert max(abs(a - b) for a, b in zip(theirs, ours, strict=True)) <= 1
