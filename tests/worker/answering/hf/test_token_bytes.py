"""The bytes of tokens: those of a text's tokens, joined, are the text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from benchtui.worker.answering.hf.token_bytes import token_bytes

CORPUS = ["the quick brown fox jumps over the lazy dog", "naïve 🙂 日本", "a  b\n\tc"] * 3
ADDED = [
    AddedToken("<|end|>", special=True),
    AddedToken("Ġ<tool>", special=False),
    AddedToken("<|fim|>", special=False),
]


def wrapped(tokenizer: Tokenizer) -> Any:
    whole = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    whole.add_tokens(ADDED)
    return whole


def byte_level() -> Any:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        CORPUS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    return wrapped(tokenizer)


def sentence_piece() -> Any:
    """As Llama's: word starts are marked, unknown characters are bytes."""
    known = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "t", "h", "e", "▁t", "he", "▁the"]
    merges = [("▁", "t"), ("h", "e"), ("▁t", "he")]
    model = models.BPE({token: n for n, token in enumerate(known)}, merges, unk_token="<unk>", byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return wrapped(tokenizer)


TOKENIZERS = {"byte level": byte_level(), "sentencepiece": sentence_piece()}


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁")))
def test_the_bytes_of_a_text_are_those_of_its_tokens(kind: str, text: str) -> None:
    tokenizer = TOKENIZERS[kind]
    tokens = token_bytes(tokenizer, len(tokenizer))
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert b"".join(tokens[one][0] for one in ids) == text.encode()


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_added_tokens_are_what_they_are_written_as(kind: str) -> None:
    tokenizer = TOKENIZERS[kind]
    tokens = token_bytes(tokenizer, len(tokenizer))
    assert len(tokens) == len(tokenizer)
    assert tokens[tokenizer.convert_tokens_to_ids("<|end|>")] == (b"<|end|>", True)
    assert tokens[tokenizer.convert_tokens_to_ids("Ġ<tool>")] == ("Ġ<tool>".encode(), False)
    assert tokens[tokenizer.convert_tokens_to_ids("<|fim|>")] == (b"<|fim|>", True)  # as a GGUF has it


def test_what_was_added_behind_the_known_tokens_is_left_out() -> None:
    tokenizer = TOKENIZERS["byte level"]
    assert token_bytes(tokenizer, len(tokenizer) - 1) == token_bytes(tokenizer, len(tokenizer))[:-1]


def test_an_id_that_no_token_has_is_empty_and_special() -> None:
    whole = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "b": 3}, unk_token="a")))
    assert token_bytes(whole, 2) == [(b"a", False), (b"", True), (b"", True), (b"b", False)]


def test_parts_of_words_begin_without_a_space() -> None:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "play": 1, "##ing": 2}, unk_token="[UNK]"))
    tokenizer.decoder = decoders.WordPiece()
    whole = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")
    assert token_bytes(whole, 3)[1:] == [(b" play", False), (b"ing", False)]
