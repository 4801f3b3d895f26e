"""Tokens of real tokenizers as people read them, and the boundaries that two tokenisations share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from benchtui.tokens.records import TextTokens, TokenDocument
from benchtui.tokens.spans import common_spans, token_texts
from benchtui.worker.tokens.texts.encode import encode_texts
from tests.conftest import HUB, absent
from tests.e2e.tiny import make_tiny_model
from tests.worker.tokens.texts.test_encode import SMOL, STORIES, TEXTS
from tests.worker.tokens.texts.tokenizers import byte_vocabulary, tokenizer_of

TEXT = "naïve 🙂 日本  \n\tx"


def tokens_of(folder: Path, *texts: str, prompt: str = "", ended: bool = False) -> list[TextTokens]:
    tokenizer = tokenizer_of(folder)
    documents = [TokenDocument("made", prompt, text, "1", ended=ended) for text in texts]
    return encode_texts(documents, tokenizer, byte_vocabulary(folder), [tokenizer.eos])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def stories() -> Path:
    if not STORIES.is_dir():
        absent("hub", "no hub beside the checkout")
    return STORIES


def test_parts_of_characters_are_bytes_and_white_space_has_signs(stories: Path) -> None:
    (tokens,) = tokens_of(stories, TEXT, ended=True)
    shown = token_texts(TEXT, tokens, byte_vocabulary(stories))
    assert shown[0] == "<s>"
    assert shown[-1] == "</s>"
    assert shown[1:7] == ["n", "a", "⟨C3⟩", "⟨AF⟩", "ve", "␣"]
    assert shown[-4:-1] == ["⏎", "→", "x"]
    assert "\ufffd" not in "".join(shown)


def test_without_a_vocabulary_parts_are_numbered(stories: Path) -> None:
    (tokens,) = tokens_of(stories, "ï日", ended=True)
    expected = ["⟨ï 1/2⟩", "⟨ï 2/2⟩", "⟨日 1/3⟩", "⟨日 2/3⟩", "⟨日 3/3⟩", "⟨id 2⟩"]
    assert token_texts("ï日", tokens)[-6:] == expected


@pytest.mark.real
def test_a_space_and_a_part_of_a_character_in_one_token(real_model: Path) -> None:
    (tokens,) = tokens_of(SMOL, TEXT)
    shown = token_texts(TEXT, tokens, byte_vocabulary(SMOL))
    assert shown[1:] == ["na", "ïve", " 🙂", " ⟨E6⟩", "⟨97⟩", "⟨A5⟩", "本", "␣␣⏎", "→", "x"]


@settings(max_examples=100)
@given(text=TEXTS)
def test_no_broken_character_is_ever_shown(tiny: Path, text: str) -> None:
    if "\ufffd" in text:
        return
    (tokens,) = tokens_of(tiny, text)
    for vocabulary in (None, byte_vocabulary(tiny)):
        assert "\ufffd" not in "".join(token_texts(text, tokens, vocabulary))


@settings(max_examples=100)
@given(prompt=TEXTS, answer=TEXTS)
def test_common_parts_cover_what_both_score_once(tiny: Path, stories: Path, prompt: str, answer: str) -> None:
    text = prompt + answer
    first, second = (tokens_of(folder, answer, prompt=prompt, ended=True)[0] for folder in (tiny, stories))
    found = common_spans(first, second)
    assert (np.diff(found.cuts) > 0).all()
    if answer:
        assert found.cuts[-1] == len(text)
    for tokens, parts in ((first, found.first), (second, found.second)):
        assert len(parts) == len(tokens.scored)
        assert parts[-1] == -1, "the end token is no text"
        for part, start, end in zip(parts, tokens.starts[tokens.first :], tokens.ends[tokens.first :], strict=True):
            if part >= 0:
                assert found.cuts[part] <= start <= end <= found.cuts[part + 1]
        assert set(range(len(found))) <= set(parts.tolist())
    assert found.sizes(text).sum() == len(text[found.cuts[0] if len(found.cuts) else len(text) :].encode())
    ones = np.ones(len(first.scored), np.float32)
    assert found.sums(ones, found.first).sum() == (found.first >= 0).sum()


@pytest.mark.real
def test_the_figures_of_two_real_tokenizers(real_model: Path, stories: Path) -> None:
    """SmolLM2 against stories260K on 200 GSM8K answers: each token ends at a boundary of nearly every common part."""
    table = pq.read_table(HUB / "datasets/openai/gsm8k/main/test-00000-of-00001.parquet")
    answers = table.column("answer").to_pylist()[:200]
    first, second = tokens_of(SMOL, *answers), tokens_of(stories, *answers)
    assert sum(len(tokens.scored) for tokens in first) == 24_571
    assert sum(len(tokens.scored) for tokens in second) == 41_644
    spans = [common_spans(*pair) for pair in zip(first, second, strict=True)]
    assert sum(map(len, spans)) == 24_554
    assert sum(found.sizes(text).sum() for found, text in zip(spans, answers, strict=True)) == 57_167
