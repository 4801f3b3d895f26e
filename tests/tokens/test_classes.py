"""Every token has one class, by what it is and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.tokens.classes import CLASSES, FIRST, class_of, class_statistics, first_of_answers, token_classes
from benchtui.tokens.estimates import Groups
from benchtui.tokens.records import TextTokens, TokenDocument
from benchtui.tokens.store import TextSet
from benchtui.tokens.vocabulary import StoredVocabulary
from tests.tokens.made_store import made_store


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("42", "digits"),
        (" 1,000.50", "digits"),
        ("٤", "digits"),
        (" +", "operators"),
        ("=", "operators"),
        ("==", "operators"),
        (" <", "operators"),
        (" <<", "marks << >>"),
        (">>", "marks << >>"),
        ("</", "marks << >>"),
        (".", "punctuation"),
        (" $", "punctuation"),
        ('?"', "punctuation"),
        ("\n\n", "line ends and format"),
        (".\n", "line ends and format"),
        ("  ", "line ends and format"),
        ("**", "line ends and format"),
        (" ####", "line ends and format"),
        ("```", "line ends and format"),
        (" The", "word starts"),
        ("ing", "word starts"),
        ("x2", "word starts"),
        ("日本", "scripts without spaces"),
        ("ไทย", "scripts without spaces"),
        ("한국", "word starts"),
        ("é", "word starts"),
        ("🙂", "other"),
        ("\x07", "other"),
        ("", "other"),
    ],
)  # fmt: skip
def test_the_class_of_a_token_by_itself(token: str, expected: str) -> None:
    assert class_of(token.encode()) == expected


def test_bytes_and_special_tokens() -> None:
    assert class_of("日".encode()[:2]) == "parts of characters"
    assert class_of(b"<|im_end|>", special=True) == "special tokens"


@given(st.binary(max_size=8), st.booleans())
def test_every_token_has_one_class(raw: bytes, special: bool) -> None:
    assert class_of(raw, special=special) in CLASSES


def classes_in(tokens: Sequence[str], *, prompt: int = 1, ended: bool = False) -> list[str]:
    """The classes of the tokens of a text, the first one special; of an answer that ended the last is its end."""
    known = [("<s>", True), *((token, False) for token in dict.fromkeys(tokens))]
    vocabulary = StoredVocabulary.of([(token.encode(), special) for token, special in known])
    ids = [0, *(1 + list(dict.fromkeys(tokens)).index(token) for token in tokens)]
    ends = np.cumsum([0, *map(len, tokens)])
    starts = np.concatenate(([0], ends[:-1]))
    if ended:
        ids, starts, ends = [*ids, 0], np.append(starts, ends[-1]), np.append(ends, ends[-1])
    text = TextTokens(np.array(ids, np.int32), starts.astype(np.int32), ends.astype(np.int32), 1, prompt)
    document = TokenDocument("", "", "".join(tokens), "", ended=ended)
    found = token_classes(TextSet([document], [text], [0, 1]), vocabulary)
    return [CLASSES[number] for number in found]


def test_a_place_makes_a_word_s_start_and_a_bullet() -> None:
    found = classes_in(["The", " cat", "fish", "\n", "-", " a", " -", "b", "(", "c"])
    assert found == [
        "word starts", "word starts", "word insides", "line ends and format", "line ends and format", "word starts",
        "operators", "word starts", "punctuation", "word starts",
    ]  # fmt: skip


def test_the_end_of_an_answer_is_a_class_and_its_first_token_a_place() -> None:
    assert classes_in(["a", " 7"], ended=True) == ["word starts", "digits", "stop token"]
    ids = np.zeros(4, np.int32)
    tokens = [TextTokens(ids, ids, ids, *at) for at in ((1, 1), (1, 3), (2, 4))]
    texts = TextSet([TokenDocument("", "", "", "")] * 3, tokens, [0, 3])
    assert first_of_answers(texts).tolist() == [True, False, False, False, False, True, False, False]


def test_the_classes_of_a_pair_share_its_tokens_among_them(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", [f"{n} + {n} = {2 * n} and no more" for n in range(9)])
    groups = Groups(store.texts(0))
    found = {each.name: each for each in class_statistics(store, 0, 1, groups)}
    js, total = store.pair_column(0, 1, "js"), int(store.texts(0).offsets[-1])
    assert found.pop(FIRST).tokens == 9
    assert sum(each.tokens for each in found.values()) == total
    assert sum(each.tokens * (each.js.value or 0) for each in found.values()) == pytest.approx(js.sum(), rel=1e-5)
    chosen = token_classes(store.texts(0), store.vocabulary(0)) == CLASSES.index("digits")
    digits = found["digits"]
    change = (store.column(1, "logprob") - store.column(0, "logprob"))[chosen]
    assert digits.delta_logprob.value == pytest.approx(change.mean(), abs=1e-6)
    assert digits.same_top.value == pytest.approx((store.pair_column(0, 1, "shift") == 1)[chosen].mean())
    assert digits.entropy_second.value == pytest.approx(store.column(1, "entropy")[chosen].mean(), abs=1e-6)
