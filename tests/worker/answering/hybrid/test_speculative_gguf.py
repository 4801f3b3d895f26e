"""Speculative decoding with a transformers folder and a GGUF file, either of which drafts for the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from benchtui import api
from tests.worker.answering.gguf.files import write_gguf
from tests.worker.answering.hybrid.asked import way, written
from tests.worker.switching.pairs import Pair
from tests.worker.tiny_models import make_base

pytestmark = [pytest.mark.gguf, pytest.mark.usefixtures("llama_cpp")]
PROMPTS = ["the quick brown fox", "a b all day", "in the warm sun", "and counts to ten while the cat"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, Any]]:
    """A folder, and the GGUF of the same network with noise on its weights."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("models")
    first, second = make_base(folder / "first"), make_base(folder / "second")
    network = AutoModelForCausalLM.from_pretrained(second)
    torch.manual_seed(11)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.015 * torch.randn_like(weight)
    network.save_pretrained(second)
    file = write_gguf(second, folder / "second.gguf")
    settings: dict[str, Any] = {"device": "cpu", "offline": True}
    with (
        api.load(first, dtype="float32", **settings) as one,
        api.load(file, backend="gguf", kv_type="f32", **settings) as other,
    ):
        yield one, other, AutoTokenizer.from_pretrained(first)


@pytest.mark.parametrize("drafts", ["1", "4", "8"])
@pytest.mark.parametrize("large", ["folder", "gguf"])
def test_texts_are_the_large_models_own(models: tuple[Any, Any, Any], large: str, drafts: str) -> None:
    folder, file, tokenizer = models
    loaded = (file, folder) if large == "folder" else (folder, file)
    pair = Pair(loaded, (None, None), tokenizer)
    found = written(way(pair, strategy="speculative", num_drafts=drafts), pair, PROMPTS)
    alone = written(way(pair, strategy="large"), pair, PROMPTS)
    assert [list(each.ids) for each in found] == [list(each.ids) for each in alone]
    facts = [each.routed for each in found if each.routed]
    assert 0 < sum(each.accepted for each in facts) < sum(each.drafted for each in facts)
