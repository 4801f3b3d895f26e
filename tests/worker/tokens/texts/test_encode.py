"""Texts become tokens as a benchmark's prompts do, and each token knows its characters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui import api
from benchtui.tokens.records import TextTokens, TokenDocument
from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.hf.tokenizer import HFTokenizer
from benchtui.worker.tokens.texts.encode import encode_texts
from tests.conftest import HUB, REAL, absent
from tests.e2e.tiny import make_tiny_model
from tests.worker.tokens.texts.tokenizers import byte_vocabulary, tokenizer_of

STORIES = HUB / "models" / "tinyllamas" / "stories260K"
SMOL = REAL / "SmolLM2-135M-Instruct"
TEXTS = st.text(st.sampled_from("ab é日本🙂\n\t.<>s1") | st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture(scope="module", params=["bytes", "sentencepiece"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "bytes":
        return make_tiny_model(tmp_path_factory.mktemp("tiny"))
    if not STORIES.is_dir():
        absent("hub", "no hub beside the checkout")
    return STORIES


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> HFTokenizer:
    return tokenizer_of(folder)


@pytest.fixture(scope="module")
def vocabulary(folder: Path) -> StoredVocabulary:
    return byte_vocabulary(folder)


def one(tokenizer: HFTokenizer, prompt: str, answer: str, **more: object) -> TextTokens:
    document = TokenDocument("made", prompt, answer, "1", **more)  # type: ignore[arg-type]
    return encode_texts([document], tokenizer, end=[tokenizer.eos])[0]


def pieces(text: str, tokens: TextTokens) -> list[str]:
    return [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)]


@settings(max_examples=150)
@given(prompt=TEXTS, answer=TEXTS)
def test_the_tokens_are_the_text_in_order(
    tokenizer: HFTokenizer, vocabulary: StoredVocabulary, prompt: str, answer: str
) -> None:
    document = TokenDocument("made", prompt, answer, "1", ended=True)
    for known in (None, vocabulary):
        (tokens,) = encode_texts([document], tokenizer, known, [tokenizer.eos])
        text, covered = document.text, 0
        for start, end in zip(tokens.starts, tokens.ends, strict=True):
            assert start <= covered <= end or start == end == covered, "a gap, or not in order"
            assert covered - start <= 1, "only parts of one character share it"
            covered = end
        assert covered == len(text)
        assert (tokens.ids[-1], tokens.starts[-1], tokens.ends[-1]) == (tokenizer.eos, len(text), len(text))
        assert tokens.first >= 1
        if prompt and answer:
            assert (tokens.ends[: tokens.answer] <= len(prompt)).all()
            assert tokens.ends[tokens.answer] > len(prompt)


@settings(max_examples=150)
@given(text=TEXTS)
def test_bytes_and_decoding_find_the_same(tokenizer: HFTokenizer, vocabulary: StoredVocabulary, text: str) -> None:
    """Where the text has a replacement character itself, or a special token, decoding may share more."""
    if "\ufffd" in text or "<" in text:
        return
    document = TokenDocument("made", "a", text, "1")
    by_bytes, decoded = (encode_texts([document], tokenizer, known)[0] for known in (vocabulary, None))
    assert pieces(document.text, by_bytes) == pieces(document.text, decoded)


def offsets(tokenizer: HFTokenizer, text: str) -> list[tuple[int, int]]:
    """The characters of each token as transformers tells them."""
    fast = tokenizer._lm.tokenizer
    encoded = fast(text, add_special_tokens=False, return_offsets_mapping=True)
    return [tuple(pair) for pair in encoded["offset_mapping"]]


@settings(max_examples=150)
@given(text=TEXTS)
def test_they_are_transformers_own_offsets(tokenizer: HFTokenizer, vocabulary: StoredVocabulary, text: str) -> None:
    """But for the space that SentencePiece puts first: a token of its own has no characters."""
    tokens = encode_texts([TokenDocument("made", "", text, "1")], tokenizer, vocabulary)[0]
    found = list(zip(tokens.starts[1:].tolist(), tokens.ends[1:].tolist(), strict=True))
    expected = offsets(tokenizer, text)
    if text and len(found) == len(expected) and found[0] == (0, 0):
        found, expected = found[1:], expected[1:]
    assert found == expected[-len(found) :]


def test_prompt_and_answer_are_encoded_together() -> None:
    """Two encodings glued differ as soon as the prompt ends in a space."""
    if not STORIES.is_dir():
        absent("hub", "no hub beside the checkout")
    tokenizer = tokenizer_of(STORIES)
    tokens = one(tokenizer, "Once upon ", "a time", ended=False)
    assert tokens.ids.tolist() == tokenizer.encode(["Once upon a time"])["Once upon a time"]
    assert pieces("Once upon a time", tokens)[tokens.answer] == " a", "the token that reaches across is the answer's"
    assert tokens.first == tokens.answer


def test_parts_of_a_character_share_it(tokenizer: HFTokenizer) -> None:
    text = "naïve 🙂 日本"
    shown = pieces(text, one(tokenizer, "", text))
    assert shown.count("🙂") >= 3
    assert [piece for piece in dict.fromkeys(shown) if piece in "日本" and piece] == ["日", "本"]


def test_without_a_prompt_every_token_is_scored(tokenizer: HFTokenizer) -> None:
    tokens = one(tokenizer, "", "all day")
    assert tokens.ids[0] == tokenizer.prefix
    assert (tokens.first, tokens.answer, tokens.ends[0]) == (1, 1, 0)
    assert tokens.ids[1:].tolist() == tokenizer.encode(["all day"], special=False)["all day"]


def test_a_prompt_alone_is_scored_from_where_something_stands_before(tokenizer: HFTokenizer) -> None:
    text = "all day long"
    tokens = one(tokenizer, text, "", scored_from=0)
    ids = tokenizer.encode([text])[text]
    assert tokens.ids.tolist() == ids
    assert tokens.first == 1
    assert tokens.answer == len(ids)


def test_an_answer_of_nothing_has_its_end_alone(tokenizer: HFTokenizer) -> None:
    tokens = one(tokenizer, "all day", "", ended=True)
    assert tokens.scored.tolist() == [tokenizer.eos]


def test_the_end_is_the_token_that_ended_the_answer(tokenizer: HFTokenizer) -> None:
    documents = [TokenDocument("made", "all", " day", "1", ended=True, end=end) for end in ("</s>", "", "no token")]
    found = encode_texts(documents, tokenizer, end=[7])
    assert [tokens.ids[-1] for tokens in found] == [tokenizer.eos, 7, 7]


def test_part_of_the_prompt_can_be_scored_too(tokenizer: HFTokenizer) -> None:
    text = "the cat sleeps. the dog"
    tokens = one(tokenizer, text, " sleeps", scored_from=text.index(" the dog"))
    assert "".join(pieces(text + " sleeps", tokens)[tokens.first : tokens.answer]) == " the dog"


@pytest.mark.real
@pytest.mark.gguf
def test_llama_cpps_tokenizer_finds_the_same(real_model: Path, llama_cpp: None) -> None:
    texts = ["naïve 🙂 日本  \n\tx", "16 - 3 = <<16-3=13>>13\n#### 13", "<|im_start|>user\nhi<|im_end|>\n"]
    documents = [TokenDocument("made", "Q: ", text, "1", ended=True) for text in texts]
    expected = encode_texts(documents, tokenizer_of(SMOL), byte_vocabulary(SMOL), [2])
    with api.load(real_model / "SmolLM2-135M-Instruct.Q4_1.gguf", backend="gguf") as model:
        found = encode_texts(documents, model.get_tokenizer(), None, [2])
    for one, other in zip(found, expected, strict=True):
        assert (one.ids.tolist(), one.first, one.answer) == (other.ids.tolist(), other.first, other.answer)
        assert (one.starts.tolist(), one.ends.tolist()) == (other.starts.tolist(), other.ends.tolist())


@pytest.mark.real
def test_the_real_tokenizer(real_model: Path) -> None:
    tokenizer, text = tokenizer_of(SMOL), "<|im_start|>user\nnaïve 🙂 日本<|im_end|>\n<|im_start|>assistant\n"
    for vocabulary in (None, byte_vocabulary(SMOL)):
        document = TokenDocument("made", text, "日本 🙂", "1")
        (tokens,) = encode_texts([document], tokenizer, vocabulary)
        shown = pieces(document.text, tokens)
        assert [piece for piece in shown if "|" in piece] == ["<|im_start|>", "<|im_end|>", "<|im_start|>"]
        assert shown[tokens.answer - 1 : tokens.answer + 1] == ["\n", "日"]
