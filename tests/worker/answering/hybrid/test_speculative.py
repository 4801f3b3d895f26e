"""The strategy `speculative`: the large model's own answers and log-likelihoods, whatever the small one drafts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchtui.worker.answering.hybrid.answering import HybridAnswering
from tests.worker.answering.hybrid.asked import scored, together, way, written
from tests.worker.switching.pairs import Pair, counted_calls, opened_pair

TEXT = "the quick brown fox jumps over lazy dog cat sleeps in warm sun and counts to ten a b all day while"
WORDS = TEXT.split()
PROMPTS = [" ".join(WORDS[place : place + 1 + place % 5]) for place in range(20)]
TEXTS = [("the quick brown fox", "jumps over the lazy dog"), ("the cat sleeps", "in the warm sun"), ("a b", "all")]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("hybrid"), noise=0.015) as opened:
        yield opened


@pytest.mark.parametrize("drafts", ["1", "4", "8", "auto"])
def test_answers_are_those_of_the_large_models_own_run(pair: Pair, drafts: str) -> None:
    asked = way(pair, strategy="speculative", num_drafts=drafts)
    found, alone = (written(each, pair, PROMPTS) for each in (asked, way(pair, strategy="large")))
    assert [(each.text, list(each.ids), each.finish) for each in found] == [
        (each.text, list(each.ids), each.finish) for each in alone
    ]
    for each in found:
        facts = each.routed
        assert facts is not None
        assert sum(run.tokens for run in facts.runs) == len(each.ids) == facts.small.chosen + facts.large.chosen
        assert sum(run.characters for run in facts.runs) == len(each.text)
        assert facts.accepted == facts.small.chosen <= facts.drafted
    assert sum(each.routed.accepted for each in found if each.routed) > 60


@pytest.mark.parametrize("drafts", ["1", "4", "8"])
def test_drawn_answers_are_the_same_however_often_they_are_asked(pair: Pair, drafts: str) -> None:
    asked = way(pair, strategy="speculative", num_drafts=drafts)
    first, again = (written(asked, pair, PROMPTS[:5], do_sample=True, temperature=0.8, top_p=0.9) for _ in range(2))
    assert [list(each.ids) for each in first] == [list(each.ids) for each in again]
    assert len({tuple(each.ids) for each in first}) > 1


def test_log_likelihoods_are_the_large_models_own_and_the_results_say_so(pair: Pair) -> None:
    asked = way(pair, strategy="speculative")
    with counted_calls(pair) as (small, large):
        found = scored(asked, pair, TEXTS)
    assert (small, bool(large)) == ([], True)
    assert found == scored(pair.loaded[1]._answering, pair, TEXTS)
    assert found != scored(pair.loaded[0]._answering, pair, TEXTS)
    whole = HybridAnswering(together(pair, strategy="speculative"), None)  # type: ignore[arg-type]
    assert "Log-likelihoods are those of the large model alone" in whole.facts.caveats[0]
    whole.check_tasks(loglikelihood=False)  # tasks that ask for none have nothing to be told
    assert whole.facts.caveats == ()
