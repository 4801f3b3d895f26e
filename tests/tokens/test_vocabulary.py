"""What the ids of a tokenizer mean: kept as bytes, shown without broken characters."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import BenchtuiError
from benchtui.tokens.store import DistributionStore, StoreWriter
from benchtui.tokens.vocabulary import StoredVocabulary, shown_token
from tests.tokens.made_store import made_store

TOKENS = st.lists(st.tuples(st.binary(max_size=6), st.booleans()), max_size=20)


@given(TOKENS)
def test_tokens_are_what_they_were(tokens: list[tuple[bytes, bool]]) -> None:
    found = StoredVocabulary.of(tokens)
    assert [(found.token(n), bool(found.special[n])) for n in range(len(found))] == tokens
    assert found.first_difference(found) is None
    assert found.token(len(tokens)) == found.token(-1) == b""


@given(TOKENS, TOKENS)
def test_the_first_id_that_differs_is_named(one: list[tuple[bytes, bool]], other: list[tuple[bytes, bool]]) -> None:
    found = StoredVocabulary.of(one).first_difference(StoredVocabulary.of(other))
    same = StoredVocabulary.of(one).digest == StoredVocabulary.of(other).digest
    assert (found is None) == (one == other) == same
    if found is not None:
        assert one[:found] == other[:found]
        assert one[found : found + 1] != other[found : found + 1]


def test_parts_of_characters_are_shown_as_their_bytes() -> None:
    found = StoredVocabulary.of([(" é".encode(), False), ("日".encode()[:2], False), (b"a\xffb", False), (b"", True)])
    assert [found.text(n) for n in range(5)] == [" é", "⟨E6 97⟩", "a⟨FF⟩b", "⟨id 3⟩", "⟨id 4⟩"]


@given(st.text())
def test_no_token_steers_a_terminal(text: str) -> None:
    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in shown_token(text))


def test_a_store_keeps_it(tmp_path: Path) -> None:
    store = made_store(tmp_path, ["one two"])
    assert store.vocabulary(0).text(int(store.texts(0).tokens[0].ids[-1])) == " two"


def test_a_digest_never_leads_out_of_the_store(tmp_path: Path) -> None:
    store = made_store(tmp_path / "store", ["one two"])
    moved = msgspec.structs.replace(store.models[0], tokenizer="../../elsewhere")
    StoreWriter(tmp_path / "store").model(0, moved)
    with pytest.raises(BenchtuiError, match="no digest"):
        DistributionStore(tmp_path / "store").vocabulary(0)


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        ("\x01", "⟨01⟩"),
        ("\x1b[31m", "⟨1B⟩[31m"),
        ("a\x7f", "a⟨7F⟩"),
        ("\u200b", "⟨E2 80 8B⟩"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_a_token_that_has_no_width_is_seen(token: str, seen: str) -> None:
    assert shown_token(token) == seen
