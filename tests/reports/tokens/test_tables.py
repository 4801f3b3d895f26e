"""The tables of a comparison by token: the store's own numbers, in words that hold."""

import io
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from benchtui.reports.tokens.tables import print_tokens
from benchtui.reports.wording.tokens import BITS, NATS, Unit, estimate_words, flip_sentences, number
from benchtui.tokens.modes import REFERENCE
from benchtui.tokens.store import DistributionStore
from benchtui.tokens.summarise import summarise
from benchtui.tokens.summary import Estimate, FlippedDocument, Flips, TokensSummary, WriterStatistics
from tests.reports.tokens.made_summary import made_summary
from tests.tokens.made_store import made_store

ANSWERS = [f"{n} and {n} are {2 * n} , so the answer is {2 * n}" for n in range(6)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DistributionStore:
    return made_store(tmp_path_factory.mktemp("made") / "tokens", ANSWERS, labels=("base", "sft", "dpo"))


def shown(summary: TokensSummary, store: DistributionStore, width: int = 120, unit: Unit = NATS) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    print_tokens(summary, store, console, unit=unit)
    return buffer.getvalue()


def test_the_numbers_are_the_stores(store: DistributionStore) -> None:
    text = shown(made_summary(store), store)
    js = store.pair_column(0, 2, "js")
    assert f"{number(float(js.mean()))}" in text
    assert f"{number(float(js.max()))}" in text
    assert f"{number(float(-store.column(1, 'logprob').mean()))}" in text
    assert f"{number(float(store.pair_column(0, 2, 'kl').mean()))} (" in text
    first = store.pair(0, 2, 0)
    place = int(first.js.argmax())
    scores = store.scores(2, 0)
    likeliest = store.vocabulary(2).text(int(scores.top_ids[place, 0]))
    assert f'"{likeliest}" {100 * np.exp(scores.top_logprobs[place, 0]):.0f}%' in text


def test_where_in_the_answers_the_models_part_is_told(store: DistributionStore) -> None:
    text = " ".join(shown(summarise(store), store).split())
    tokens = store.texts(0).tokens
    places = np.concatenate([np.arange(len(each.scored)) - (each.answer - each.first) for each in tokens])
    js = store.pair_column(0, 2, "js").astype(float)
    means = [js[(places >= begin) & (places < end)].mean() for begin, end in ((0, 1), (1, 2), (2, 4), (4, 8), (8, 16))]
    names = ("1", "2", "3 to 4", "5 to 8", "9 to 16")
    told = " · ".join(f"{name}: {number(mean)}" for name, mean in zip(names, means, strict=True))
    assert f"JS by the place of a token in its answer: {told}." in text


def test_bits_are_nats_by_ln_2(store: DistributionStore) -> None:
    text = shown(made_summary(store), store, unit=BITS)
    assert f"{number(float(store.pair_column(0, 2, 'js').mean() / math.log(2)))}" in text
    assert "In bits" in text
    assert "log2 p" in text


def test_what_a_reader_must_know_is_said(store: DistributionStore) -> None:
    text = " ".join(shown(made_summary(store), store).split())
    assert "6 documents" in text
    assert "2 documents changed side (1 fixed, 1 broken), 10 did not." in text
    assert "in 81% of all pairs" in text
    assert "p = 0.012" in text
    assert "takes a document's group as one unit" in text
    assert "! 2 documents have prompts that did not fit." in text
    assert '" 9" → "⏎<<"' in text


def test_who_wrote_the_texts_stands_beside_the_numbers(store: DistributionStore) -> None:
    summary = made_summary(store)
    found = [Estimate(value, 9, 3) for value in (0.123, 0.456, 0.789)]
    parts = tuple(WriterStatistics(who, 3, one, one) for who, one in zip(("sft", "", REFERENCE), found, strict=True))
    models = tuple(msgspec.structs.replace(model, by_writer=parts) for model in summary.models)
    lines = shown(msgspec.structs.replace(summary, models=models), store).splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith("Text written by"))
    rows = [line.split() for line in lines[begin + 2 : begin + 11]]
    assert rows[1] == ["sft", "sft", "3", "0.123", "0.123"]
    assert rows[3] == ["not", "known", "base", "3", "0.456", "0.456"]
    assert rows[8] == ["(references)", "dpo", "3", "0.789", "0.789"]
    assert "Text written by" not in shown(summary, store)


def test_lower_bounds_are_marked(store: DistributionStore) -> None:
    summary = made_summary(store)
    lower = tuple(msgspec.structs.replace(pair, bound="lower") for pair in summary.pairs)
    text = shown(msgspec.structs.replace(summary, pairs=lower), store)
    assert f"≥{store.pair_column(0, 2, 'js').mean():.3g}" in text
    assert "lower bounds" in text


def test_own_texts_are_never_subtracted(store: DistributionStore) -> None:
    summary = msgspec.structs.replace(made_summary(store), mode="own", pairs=(), partings=(), flips=None)
    text = " ".join(shown(summary, store).split())
    assert "no number is subtracted" in text
    assert "KL" not in text


@pytest.mark.parametrize(
    ("p", "larger", "words"),
    [
        (0.01, 0.8, "part before they answer"),
        (0.3, 0.6, "do not show"),
        (0.01, 0.2, "the answer itself"),
        (None, None, "cannot be told"),
    ],
)
def test_a_test_of_flips_says_no_more_than_it_shows(p: float | None, larger: float | None, words: str) -> None:
    flips = Flips(0, 1, (FlippedDocument(0, "fixed", None, None),), 5, p, larger)
    assert words in " ".join(flip_sentences(flips))
    whole = " ".join(flip_sentences(flips, "whole"))
    assert "before" not in whole.lower() or p is None
    assert "answer itself" not in whole


@given(st.text(min_size=1), st.integers(30, 140))
def test_hostile_names_are_only_text(store: DistributionStore, name: str, width: int) -> None:
    summary = made_summary(store)
    hostile = f"[red]{name}[/]\x1b[2J<b>"
    models = tuple(msgspec.structs.replace(model, label=hostile) for model in summary.models)
    text = shown(msgspec.structs.replace(summary, models=models, notes=(hostile,), texts=hostile), store, width)
    assert "\x1b" not in text
    assert all(sign.isprintable() or sign == "\n" or not ord(sign) < 160 for sign in text)
    assert "[red]" in "".join(text.split())


@given(st.floats(allow_nan=True), st.booleans())
def test_every_number_has_words(value: float, signed: bool) -> None:
    assert number(value, signed=signed)
    assert estimate_words(Estimate(value, 3, 2, 1.0, value, value))
    assert estimate_words(Estimate(None, 0, 0)) == "–"
