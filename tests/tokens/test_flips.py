"""Documents that changed side against those that did not: the test is scipy's, over means counted by hand."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import stats

from benchtui.tokens.estimates import Groups
from benchtui.tokens.flips import flips
from benchtui.tokens.modes import Change
from benchtui.tokens.records import PairScores, TokenDocument
from benchtui.tokens.store import DistributionStore, StoreWriter
from benchtui.tokens.summarise import summarise
from benchtui.tokens.summary import Flips
from tests.tokens.made_store import made_store

QUESTIONS = 24
CHANGES: tuple[Change, ...] = ("fixed", "broken", "same", "same")


def store_of_answers(folder: Path, *, louder: float = 1.0, spans: bool = True) -> DistributionStore:
    """Two answers to each question, the number at the end scored; in questions that changed side the JS of the tokens
    before it is `louder` times as great."""
    answers = [f"{n} and {n} and {writer} more are {2 * n}" for n in range(QUESTIONS) for writer in (1, 2)]
    store = made_store(folder, answers)
    made = [_of_a_question(document, number // 2, spans) for number, document in enumerate(store.texts(0).documents)]
    (folder / "texts" / "0.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(made))
    texts = store.texts(0)
    for shard, (begin, end) in enumerate(zip(texts.shards[:-1], texts.shards[1:], strict=True)):
        pairs = [store.pair(0, 1, number) for number in range(begin, end)]
        js = [
            pair.js * (louder if made[number].change != "same" else 1)
            for number, pair in enumerate(pairs, begin)
        ]  # fmt: skip
        rest = ("kl", "kl_reverse", "tv", "shift")
        columns = {name: np.concatenate([getattr(pair, name) for pair in pairs]) for name in rest}
        StoreWriter(folder).pair(0, 1, shard, PairScores(js=np.concatenate(js), **columns))
    return DistributionStore(folder)


def _of_a_question(document: TokenDocument, question: int, spans: bool) -> TokenDocument:
    place = (document.answer.rfind(" ") + 1, len(document.answer))
    return msgspec.structs.replace(
        document, group=str(question), change=CHANGES[question % 4], span=place if spans else None
    )


def found_in(store: DistributionStore) -> Flips:
    found = flips(store, 0, 1, Groups(store.texts(0)))
    assert found is not None
    return found


@pytest.mark.parametrize("spans", [True, False])
def test_the_test_is_scipy_s_over_one_value_a_question(tmp_path: Path, spans: bool) -> None:
    store = store_of_answers(tmp_path / "tokens", louder=1.2, spans=spans)
    values: dict[str, list[float]] = defaultdict(list)
    for number, (document, tokens) in enumerate(zip(store.texts(0).documents, store.texts(0).tokens, strict=True)):
        until = len(document.text) if document.span is None else len(document.prompt) + document.span[0]
        whole = [end <= until for end in tokens.ends[tokens.first :]]
        values[document.group] += store.pair(0, 1, number).js[whole].tolist()
    means = {group: float(np.mean(js)) for group, js in values.items()}
    flipped = [mean for group, mean in means.items() if int(group) % 4 < 2]
    others = [mean for group, mean in means.items() if int(group) % 4 >= 2]
    expected = stats.mannwhitneyu(flipped, others)
    found = found_in(store)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.larger == pytest.approx(np.mean([a > b for a in flipped for b in others]))
    assert found.unflipped == len(others)
    assert [each.js_before for each in found.flipped] == pytest.approx(flipped)
    assert [each.change for each in found.flipped] == ["fixed", "broken"] * 6


def test_a_document_is_told_with_where_the_models_part_first(tmp_path: Path) -> None:
    store = store_of_answers(tmp_path / "tokens")
    found = found_in(store)
    assert [each.document for each in found.flipped] == [n for n in range(0, 2 * QUESTIONS, 2) if n // 2 % 4 < 2]
    for each in found.flipped:
        tops = [store.scores(model, each.document).top_ids[:, 0].tolist() for model in (0, 1)]
        differ = [place for place, (one, other) in enumerate(zip(*tops, strict=True)) if one != other]
        assert each.parts_at == (differ[0] if differ else None)
    where = {place.document // 2 % 4 for each in found.replacements for place in each.places}
    assert where == {0, 1}


def test_a_greater_divergence_before_the_answer_is_found(tmp_path: Path) -> None:
    loud, quiet = (found_in(store_of_answers(tmp_path / f"{louder}", louder=louder)) for louder in (4.0, 1.0))
    assert loud.p is not None
    assert loud.p < 1e-3
    assert loud.larger is not None
    assert loud.larger > 0.9
    assert quiet.p is not None
    assert quiet.p > 0.01


def test_a_summary_has_flips_only_where_documents_changed(tmp_path: Path) -> None:
    assert summarise(made_store(tmp_path / "none", ["a b c", "d e f"])).flips is None
    summary = summarise(store_of_answers(tmp_path / "tokens"))
    assert summary.flips is not None
    assert not summary.notes


def test_where_the_whole_answer_is_scored_the_whole_answer_is_looked_at(tmp_path: Path) -> None:
    store = store_of_answers(tmp_path / "tokens", louder=1.2)
    place = store.folder / "texts" / "0.jsonl"
    lines = [msgspec.json.decode(line, type=TokenDocument) for line in place.read_bytes().splitlines()]
    whole = [msgspec.structs.replace(line, span=(0, len(line.answer))) for line in lines]
    place.write_bytes(msgspec.json.Encoder().encode_lines(whole))
    store = DistributionStore(store.folder)
    tokens, js = store.texts(0).tokens, [store.pair(0, 1, number).js for number in range(2)]
    answers = [one[text.answer - text.first :] for one, text in zip(js, tokens, strict=False)]
    summary = summarise(store)
    assert summary.flips is not None
    assert summary.flips.flipped[0].js_before == pytest.approx(np.concatenate(answers).mean())
    assert any("of made, the JS of the whole answers" in note for note in summary.notes)
