"""The text of a document in the terminal: every token with its bar, both models' likeliest tokens, nothing broken."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from benchtui.errors import UsageError
from benchtui.reports.tokens.cells_of_text import Piece, coloured_text
from benchtui.reports.tokens.html import tokens_html
from benchtui.reports.tokens.lines import BARS, text_lines
from benchtui.reports.tokens.metrics import METRICS, find_metric, steps_of, values_of
from benchtui.reports.tokens.shown import find_documents, print_document
from benchtui.reports.wording.tokens import BITS, NATS, number
from benchtui.tokens.store import DistributionStore, StoreWriter
from benchtui.tokens.vocabulary import shown_token
from tests.reports.tokens.made_summary import made_summary
from tests.tokens.made_store import made_store

ANSWERS = ["so the answer is 18", "two\nlines and 日本 🙂 here", " ".join(f"w{n}" for n in range(300))]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DistributionStore:
    return made_store(tmp_path_factory.mktemp("made") / "tokens", ANSWERS)


def shown(store: DistributionStore, document: int, width: int = 80, metric: str = "js", **more: object) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    print_document(store, document, (0, 1), METRICS[metric], console, more.get("unit", NATS))  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize("document", range(3))
def test_the_pieces_are_the_text(store: DistributionStore, document: int) -> None:
    found = coloured_text(store, METRICS["js"], 0, 1, document)
    whole = store.texts(0).documents[document].text
    assert "".join(piece.text for piece in found.pieces) == shown_token(whole, None)
    scored = [piece for piece in found.pieces if piece.first >= 0]
    assert [piece.first for piece in scored] == list(range(len(store.scores(1, document))))
    np.testing.assert_array_equal([piece.value for piece in scored], store.pair(0, 1, document).js.astype(float))
    np.testing.assert_array_equal([piece.changed for piece in scored], ~store.pair(0, 1, document).same_top)


def test_a_character_of_several_tokens_is_one_piece(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ["a b c d"])
    tokens = store.texts(0).tokens[0]
    tokens.starts[3], tokens.ends[2] = tokens.starts[2], tokens.ends[3]  # as a byte-level tokenizer divides an emoji
    pieces = [piece for piece in coloured_text(store, METRICS["js"], 0, 1, 0).pieces if piece.first >= 0]
    assert [(piece.first, piece.last) for piece in pieces][1:2] == [(1, 2)]
    assert pieces[1].value == max(store.pair(0, 1, 0).js[1:3])
    assert "".join(piece.text for piece in pieces).endswith("a b c d")


def test_the_end_has_a_name(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ["a b"])
    tokens = store.texts(0).tokens[0]
    tokens.starts[-1] = tokens.ends[-1]
    name = store.vocabulary(0).text(int(tokens.ids[-1]))
    assert coloured_text(store, METRICS["js"], 0, 1, 0).pieces[-1].text == name


def test_the_furthest_place_has_what_both_would_write(store: DistributionStore) -> None:
    text = shown(store, 2)
    pair, place = store.pair(0, 1, 2), int(store.pair(0, 1, 2).js.argmax())
    assert f"token {place + 1} " in text
    for model in (0, 1):
        scores = store.scores(model, 2)
        token = store.vocabulary(model).text(int(scores.top_ids[place, 0]))
        assert f'"{shown_token(token)}"'[:16] in text
        assert f"{np.exp(scores.top_logprobs[place, 0]):.3f}" in text
    assert f"mean {pair.js.mean():.3g}"[:9] in text


def test_lower_bounds_are_marked_at_every_token(tmp_path: Path) -> None:
    store = made_store(tmp_path / "tokens", ANSWERS[:1])
    assert "≥" not in shown(store, 0) + tokens_html(made_summary(store), store)
    StoreWriter(store.folder).pair(0, 1, 0, replace(store.pair(0, 1, 0), bound="lower"))
    store = DistributionStore(store.folder)
    js = store.pair(0, 1, 0).js.astype(float)
    text = shown(store, 0)
    assert f"JS: mean ≥{number(js.mean())} nats, largest ≥{number(js.max())}" in text
    assert f"JS ≥{number(js.max())}" in text
    page = tokens_html(made_summary(store), store)
    assert all(f"JS ≥{number(value)}" in page for value in (js.mean(), *js))


def test_bits(store: DistributionStore) -> None:
    assert f"{store.pair(0, 1, 0).js.max() / np.log(2):.3f}"[:5] in shown(store, 0, unit=BITS)


@pytest.mark.parametrize("metric", list(METRICS))
def test_every_metric_is_the_stores(store: DistributionStore, metric: str) -> None:
    values = values_of(store, METRICS[metric], 0, 1, 1)
    name = METRICS[metric].column
    source = store.pair(0, 1, 1) if METRICS[metric].of_pair else store.scores(1, 1)
    np.testing.assert_allclose(values, METRICS[metric].sign * getattr(source, name).astype(float))
    steps = steps_of(METRICS[metric], np.sort(values))
    assert (np.diff(steps) >= 0).all()
    assert set(steps_of(METRICS[metric], np.array([np.nan, np.inf])).tolist()) <= {0, 7}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60)
@given(st.lists(st.tuples(TEXTS, st.booleans(), st.integers(0, 7), st.booleans()), max_size=30), st.integers(1, 60))
def test_nothing_is_lost_or_too_wide(raw: list[tuple[str, bool, int, bool]], width: int) -> None:
    pieces = [
        Piece(shown_token(text, None), n if scored else -1, n, 0.1, step, changed, "\n" in text)
        for n, (text, scored, step, changed) in enumerate(raw)
    ]
    lines = [line.plain for line in text_lines(pieces, width)]
    assert all(cell_len(line) <= max(width, 8) for line in lines)
    assert not any(ord(sign) < 32 for line in lines for sign in line)
    bars = sum(line.count(bar) for line in lines for bar in BARS[True])
    wanted = sum(piece.text.count(bar) for piece in pieces for bar in BARS[True])
    visible = sum(1 for piece in pieces if piece.first >= 0 and cell_len(piece.text))
    assert bars >= wanted
    assert bars - wanted <= visible


@settings(max_examples=25)
@given(st.text(min_size=1, max_size=30))
def test_hostile_text_stays_text(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        raw = f"[bold]{text}[/] \x1b]0;x\x07<script> \x1b[2J end".encode("utf-8", "replace").decode()
        out = shown(made_store(Path(folder) / "tokens", [raw]), 0, 60)
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[bold]" in out.replace("\n", "") or len(raw) > 40


def test_documents_are_found_by_number_and_by_place(store: DistributionStore) -> None:
    assert find_documents(store, 0, "1") == [0]
    assert find_documents(store, 0, "MADE  #2") == [2]
    for wrong in ("0", "4", "made #9", "99999999999999", "²"):
        with pytest.raises(UsageError, match="There is no document"):
            find_documents(store, 0, wrong)


def test_a_metric_of_pairs_needs_one() -> None:
    with pytest.raises(UsageError, match="compares two models"):
        find_metric("js", pairs=False)
