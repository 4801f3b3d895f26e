"""The search finds what a naive intersection of sets of 13 words finds, whatever the texts and however they are cut."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.tasks.data.rows import Bare, Row
from benchtui.tasks.overlap import words as words_module
from benchtui.tasks.overlap.index import Index, Overlap
from benchtui.tasks.overlap.training import search_file, search_rows
from benchtui.tasks.overlap.words import words_of
from tests.tasks.overlap import naive

WORDS = st.sampled_from(["a", "B", "b", "c", "É", "e\u0301", "12", "ﬁn", "Fin", "中", "文", "ß", "SS"])
GAPS = st.sampled_from([" ", "  ", "\n", "\r\n", ", ", " — ", "\u00a0", "\t“", "…", "\x1e", " \u00ad"])
TEXTS = st.lists(st.tuples(WORDS, GAPS), max_size=40).map(lambda parts: "".join(word + gap for word, gap in parts))
FREE = st.text(st.characters(codec="utf-8", categories=["L", "Nd", "P", "Zs"], max_codepoint=0x24F), max_size=60)
SENTENCE = "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May."


def search(documents: Sequence[str], training: Sequence[str], at_once: int = 1_000_000) -> list[Overlap]:
    index = Index(documents)
    rows = (Row(number, number, {"text": text}) for number, text in enumerate(training, 1))
    search_rows(index, "train.jsonl", rows, lambda _: None, at_once=at_once)
    return index.overlaps()


def found(overlaps: Sequence[Overlap]) -> set[int]:
    return {number for number, overlap in enumerate(overlaps) if overlap.first}


@given(st.lists(TEXTS | FREE, max_size=5), st.lists(TEXTS | FREE, max_size=5), st.sampled_from([1, 7, 40, 1_000_000]))
def test_it_finds_what_a_naive_intersection_finds(documents: list[str], training: list[str], at_once: int) -> None:
    overlaps = search(documents, training, at_once)
    assert found(overlaps) == naive.overlapping(documents, training)
    for number, overlap in enumerate(overlaps):
        if overlap.first:
            line = int(overlap.first.place.row.removeprefix("line ")) - 1
            run = tuple(overlap.first.run.split(" "))
            assert run in naive.runs(documents[number], len(run))
            assert run in naive.runs(training[line], len(run))
            earlier = naive.overlapping([documents[number]], training[:line])
            assert not earlier  # it is the first place
            assert 1 <= overlap.shared <= overlap.runs


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4))
def test_different_words_of_the_same_number_are_no_overlap(documents: list[str], training: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words_module, "_hashes", lambda _, starts, __: np.ones(len(starts), dtype=np.uint64))
        assert found(search(documents, training)) == naive.overlapping(documents, training)


@given(TEXTS, TEXTS, st.sampled_from([1, 5, 30, 200]))
def test_a_plain_text_may_be_cut_anywhere(
    tmp_path_factory: pytest.TempPathFactory, document: str, text: str, at_once: int
) -> None:
    file = tmp_path_factory.mktemp("plain") / "train.txt"
    file.write_bytes(text.encode())
    index = Index([document])
    search_file(index, file, at_once=at_once)
    assert found(index.overlaps()) == naive.overlapping([document], [text])


def test_words_are_what_the_docstring_says() -> None:
    def of(text: str) -> list[str]:
        found = words_of([text])
        return [found.run(number, 1) for number in range(len(found))]

    assert of("It's  3.5 €") == of("IT’S 3,5") == ["it", "s", "3", "5"]
    assert of("ﬁne Ｗｉｄｅ co\u00adop snake_case") == ["fine", "wide", "coop", "snake", "case"]
    assert of("中文b ไทย नमस्ते") == ["中", "文", "b", "ไ", "ท", "ย", "नमस्ते"]


@pytest.mark.parametrize(
    "training",
    [
        SENTENCE,
        SENTENCE.replace(" ", "  \n\t").upper(),
        SENTENCE.replace(",", " – ").replace(".", "!"),
        "Once upon a time. " * 5000 + SENTENCE + " The end." * 5000,
    ],
    ids=["exact", "other white space and case", "other punctuation", "inside a long text"],
)
def test_planted_duplicates_are_found(training: str) -> None:
    documents = [SENTENCE, "Something else of thirteen words, which none of the training texts has in it anywhere."]
    overlaps = search(documents, ["Nothing to see here.", training], at_once=10_000)
    assert found(overlaps) == {0}
    assert overlaps[0].shared == overlaps[0].runs == 8
    assert overlaps[0].first is not None
    assert overlaps[0].first.place.row == "line 2"


def test_a_short_document_is_found_by_all_its_words_only() -> None:
    overlaps = search(["What is 2 + 2? 4", "What is 2 + 3? 5"], ["He asked: what is 2+2? (4) I said so.", "2 + 3? 5"])
    assert found(overlaps) == {0}
    assert overlaps[0].first is not None
    assert overlaps[0].first.run == "what is 2 2 4"


def test_thirteen_words_do_not_cross_from_one_row_into_the_next() -> None:
    half, rest = SENTENCE[:40], SENTENCE[40:]
    assert found(search([SENTENCE[:75]], [half, rest])) == set()
    assert found(search([SENTENCE[:75]], [half + rest])) == {0}


def test_cells_of_one_row_are_one_text_without_who_speaks() -> None:
    index = Index(["What is the capital of the island? Its capital is Port Louis, a town of 150000"])
    chat = [{"role": "user", "content": "What is the capital of the island?"},
            {"role": "assistant", "content": "Its capital is Port Louis, a town of"}]  # fmt: skip
    row = Row(1, 7, {"ok": Bare("true"), "messages": chat, "people": Bare("150000")})
    search_rows(index, "chats.jsonl", iter([row]), lambda _: None)
    [overlap] = index.overlaps()
    assert (overlap.shared, overlap.runs) == (4, 4)


def test_the_line_of_a_plain_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "train.txt"
    file.write_text("One line here\n" * 1000 + SENTENCE.replace(" in April", "\nin April") + "\n" + "more\n" * 1000)
    for at_once in (10, 137, 5000, 1_000_000):
        index = Index([SENTENCE, " ".join(SENTENCE.split()[4:])])
        search_file(index, file, at_once=at_once)
        places = [overlap.first.place.row for overlap in index.overlaps() if overlap.first]
        assert places == ["line 1001", "line 1001"]


def test_no_document_and_no_words() -> None:
    assert search([], ["a text"]) == []
    assert found(search(["", "…"], ["", "…", "a text"])) == set()
