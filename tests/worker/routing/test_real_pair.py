"""Speculative decoding with a real model of 135M parameters, for which the first half of its own layers drafts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchtui import api
from benchtui.routing.records import Sampling
from benchtui.worker.answering.written import Answers, Asked
from tests.conftest import REAL
from tests.worker.routing.demo_pair import plain, written
from tests.worker.routing.siblings import with_layers
from tests.worker.switching.pairs import Pair

pytestmark = [pytest.mark.real, pytest.mark.long]
MOST, END = 12, 2
SUBJECTS = ("the sea", "a train", "the moon", "bread", "a small town")
PROMPTS = [
    f"{begin} {subject}"
    for subject in SUBJECTS
    for begin in ("Write a sentence about", "What do you know of", "The history of", "Q: Who invented")
]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    large = REAL / "SmolLM2-135M-Instruct"
    small = with_layers(large, Path(tmp_path_factory.mktemp("half")) / "model", 15)
    settings: dict[str, Any] = {"device": "cpu", "dtype": "float32", "offline": True}
    with api.load(small, **settings) as one, api.load(large, **settings) as other:
        network = AutoModelForCausalLM.from_pretrained(large, dtype="float32")
        yield Pair((one, other), (None, network), AutoTokenizer.from_pretrained(large))


@pytest.fixture(scope="module")
def texts(pair: Pair) -> list[list[int]]:
    return [plain(pair.networks[1], pair.ids(prompt), MOST, END) for prompt in PROMPTS]


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_texts_are_those_of_generate(pair: Pair, texts: list[list[int]], drafts: int) -> None:
    answers = Answers(Sampling(max_new_tokens=MOST), frozenset({END}), pair.loaded[1].get_tokenizer().decode)
    asked = [Asked(pair.ids(prompt), answers, place) for place, prompt in enumerate(PROMPTS)]
    found = written(pair, asked, drafts)
    assert [list(each.tokens) for each in found] == texts
    accepted = sum(each.accepted for text in found for each in text.rounds)
    print(f"drafts {drafts}: {accepted} of {sum(each.drafted for text in found for each in text.rounds)} accepted")
    assert accepted > 0
