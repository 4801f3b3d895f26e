import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.tasks.catalogue import Catalogue
from benchtui.tasks.entries import TaskEntry
from benchtui.tasks.search import search
from benchtui.tasks.words import PLAIN_WORDS, task_title, task_words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("gsm8l", "gsm8k"), ("helaswag", "hellaswag"), ("if_eval", "ifeval"), ("arc-challenge", "arc_challenge"),
     ("mlmu", "mmlu"), ("TruthfulQA_MC2", "truthfulqa_mc2"), ("winograd", "winogrande")],
)  # fmt: skip
def test_the_nearest_name_to_a_mistyped_one(catalogue: Catalogue, typed: str, meant: str) -> None:
    assert meant in catalogue.nearest(typed)


def test_nothing_is_near_to_nonsense(catalogue: Catalogue) -> None:
    assert catalogue.nearest("zzzzqqqqxxxx") == ()


@pytest.mark.parametrize(
    ("query", "first"),
    [("gsm8k", "gsm8k"), ("GSM8K", "gsm8k"), ("mmlu", "mmlu"), ("mmlu anatomy", "mmlu_anatomy"),
     ("hela swag", "hellaswag"), ("instruction", "ifeval"), ("common sense", "hellaswag"), ("grade school", "gsm8k"),
     ("trivia", "triviaqa"), ("ai2_arc", "ai2_arc"), ("  piqa\n", "piqa"), ("truthfull", "truthfulqa")],
)  # fmt: skip
def test_the_first_find(catalogue: Catalogue, query: str, first: str) -> None:
    assert catalogue.search(query)[0].name == first


def test_limit_kind_and_every_word(catalogue: Catalogue) -> None:
    assert len(catalogue.search("mmlu")) == 20
    assert len(catalogue.search("mmlu", limit=None)) > 1000
    assert {entry.kind for entry in catalogue.search("mmlu", limit=None, kind="group")} == {"group"}
    assert all("german" in entry.name for entry in catalogue.search("german science")[:3])
    assert catalogue.search("") == catalogue.search("   ") == ()


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=20))
def test_any_query_is_answered(catalogue: Catalogue, query: str) -> None:
    assert len(catalogue.search(query)) <= 20
    assert len(catalogue.nearest(query)) <= 3


def test_a_name_with_a_line_break_does_not_shift_the_others() -> None:
    entries = [TaskEntry("odd\nname", "task"), TaskEntry("plain", "task")]
    assert search("plain", entries, None) == (entries[1],)


def test_every_task_in_plain_words_exists(catalogue: Catalogue) -> None:
    assert [name for name in PLAIN_WORDS if name not in catalogue] == []
    assert len(PLAIN_WORDS) > 30
    assert all(words.title and words.tests and len(words.tests) < 100 for words in PLAIN_WORDS.values())


def test_titles_are_told_apart() -> None:
    titles = [words.title for words in PLAIN_WORDS.values()]
    assert len(set(titles)) == len(titles)


def test_a_task_nobody_described_goes_by_its_name() -> None:
    assert task_title("mmlu_anatomy") == "mmlu_anatomy"
    assert task_words("mmlu_anatomy") == ""
    assert task_title("ifeval") == "Instruction-Following"
