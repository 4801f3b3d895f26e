"""Speculative decoding without sampling: the large model's own text, whatever is drafted, and wherever it ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from benchtui.errors import BenchtuiError
from benchtui.routing.acceptance import greedy_acceptance, predict
from benchtui.routing.names import Drafts
from benchtui.routing.records import Sampling, SpeculativeText
from benchtui.worker.answering.written import Answers
from benchtui.worker.routing import speculative
from tests.worker.routing.one_text import write_speculative
from tests.worker.switching.pairs import END, Pair, counted_calls, opened_pair

TEXT = "the quick brown fox jumps over lazy dog cat sleeps in warm sun and counts to ten a b all day while"
WORDS = TEXT.split()
PROMPTS = tuple(" ".join(WORDS[place : place + 1 + place % 5]) for place in range(20))
DRAFTS: tuple[Drafts, ...] = (1, 4, 8, "auto")
MOST = 20


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with opened_pair(tmp_path_factory.mktemp("speculative"), noise=0.015) as opened:
        yield opened


def write(
    pair: Pair, prompt: str, drafts: Drafts, *, end: int = END, most: int = MOST, window: int = 0, stop: str = ""
) -> SpeculativeText:
    sampling = Sampling(max_new_tokens=most, stop=(stop,) if stop else ())
    answers = Answers(sampling, frozenset({end}), pair.loaded[0].get_tokenizer().decode, window)
    return write_speculative(*pair.stepped(), pair.ids(prompt), answers, document=3, drafts=drafts)


def generated(network: Any, ids: list[int], most: int = MOST, end: int = END) -> list[int]:
    """What `generate()` of transformers writes."""
    given = torch.tensor([ids])
    made = network.generate(
        given, attention_mask=torch.ones_like(given), max_new_tokens=most, do_sample=False, eos_token_id=end,
        pad_token_id=END,
    )  # fmt: skip
    return [int(token) for token in made[0, len(ids) :]]


@pytest.fixture(scope="module")
def plain(pair: Pair) -> dict[str, list[int]]:
    return {prompt: generated(pair.networks[1], pair.ids(prompt)) for prompt in PROMPTS}


@pytest.mark.parametrize("drafts", DRAFTS)
def test_the_text_is_the_large_models_own(pair: Pair, plain: dict[str, list[int]], drafts: Drafts) -> None:
    accepted = rejected = 0
    for prompt in PROMPTS:
        found = write(pair, prompt, drafts)
        assert list(found.tokens) == plain[prompt], prompt
        assert found.writers.count("a") == sum(each.accepted for each in found.rounds) == found.costs[0].chosen
        assert len(found.writers) == len(found.tokens)
        accepted += found.costs[0].chosen
        rejected += sum(each.accepted < each.drafted for each in found.rounds)
    assert min(accepted, rejected) > 30, "drafts are always rejected, or always accepted"


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_a_text_ends_at_every_token_that_is_declared_its_end(
    pair: Pair, plain: dict[str, list[int]], drafts: Drafts
) -> None:
    """As huggingface/transformers#47912 has it: first greedy, then each of its tokens is an end token."""
    for prompt in PROMPTS[3:5]:
        for end in dict.fromkeys(plain[prompt]):
            cut = plain[prompt][: plain[prompt].index(end) + 1]
            found = write(pair, prompt, drafts, end=end)
            assert (list(found.tokens), found.ended) == (cut, "end"), (prompt, end)
            assert found.response == pair.tokenizer.decode(cut[:-1], skip_special_tokens=True)
    assert generated(pair.networks[1], pair.ids(prompt), end=end) == cut


@pytest.mark.parametrize("drafts", DRAFTS)
def test_stop_strings_lengths_and_windows_end_a_text_inside_a_draft(
    pair: Pair, plain: dict[str, list[int]], drafts: Drafts
) -> None:
    prompt = PROMPTS[4]
    tokens = plain[prompt]
    for most in (1, 2, 5, 7):
        short = write(pair, prompt, drafts, most=most)
        assert (list(short.tokens), short.ended) == (tokens[:most], "length")
        full = write(pair, prompt, drafts, window=len(pair.ids(prompt)) + most)
        assert (list(full.tokens), full.ended) == (tokens[:most], "window")
        texts = [pair.tokenizer.decode(tokens[:place], skip_special_tokens=True) for place in range(MOST + 1)]
        stop = texts[most][-2:]
        first = next(place for place, text in enumerate(texts) if stop in text)
        stopped = write(pair, prompt, drafts, stop=stop)
        assert (list(stopped.tokens), stopped.ended) == (tokens[:first], "stop")
        assert stopped.response == texts[first][: texts[first].index(stop)]
    with pytest.raises(BenchtuiError, match="leaves no room in a window of 1"):
        write(pair, prompt, drafts, window=1)


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_what_is_accepted_is_what_one_pass_over_the_text_predicts(
    pair: Pair, plain: dict[str, list[int]], drafts: int
) -> None:
    drafted = 0
    for prompt in PROMPTS:
        ids, tokens = pair.ids(prompt), plain[prompt]
        with torch.no_grad():
            logits = pair.networks[0](torch.tensor([[*ids, *tokens]])).logits[0]
        equal = greedy_acceptance(logits[len(ids) - 1 : -1].argmax(-1).numpy(), tokens)
        if END in tokens:
            continue
        found = write(pair, prompt, drafts, end=-1)  # an end token that is drafted wrongly would end a draft
        # The last token of the longest text needs no draft: the large model writes it.
        expected = predict(equal[:-1], drafts)
        assert sum(each.drafted for each in found.rounds) == expected.drafted
        assert sum(each.accepted for each in found.rounds) == expected.accepted
        assert found.acceptance == expected.acceptance
        assert found.costs[1].calls == predict(equal, drafts).calls == len(found.rounds)
        drafted += int(expected.drafted)
    assert drafted > 150


@pytest.mark.parametrize("drafts", DRAFTS)
def test_after_every_draft_the_caches_hold_the_text_without_its_last_token(
    pair: Pair, drafts: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = []
    verify = speculative._Text.verify

    def checked(text: Any, verified: Any) -> None:
        verify(text, verified)
        ids, last = text.answer.ids, text.rounds[-1]
        rounds.append(last)
        # The small model reads the last token of a draft that was accepted as a whole with the next draft.
        missing = int(last.drafted == last.accepted)
        for stepped, length in ((text.large, len(ids) - 1), (text.small, len(ids) - 1 - missing)):
            if stepped is text.small and not last.drafted:
                continue  # nothing was drafted for the last token
            assert stepped.ids == ids[:length]
            assert stepped._batch.batch._text[1]._cache.length == length

    monkeypatch.setattr(speculative._Text, "verify", checked)
    with counted_calls(pair) as seen:
        found = write(pair, PROMPTS[4], drafts)
    assert tuple(rounds) == found.rounds
    for cost, counts in zip(found.costs, seen, strict=True):
        assert (cost.calls, cost.positions) == (len(counts), sum(counts))
    assert found.costs[0].calls == sum(each.drafted for each in found.rounds)
    large = found.costs[1]
    assert large.positions - large.discarded == len(pair.ids(PROMPTS[4])) + len(found.tokens) - 1


def test_drafts_become_longer_where_they_are_accepted_and_shorter_where_not(pair: Pair) -> None:
    rounds = [each for prompt in PROMPTS[:3] for each in write(pair, prompt, "auto", most=60).rounds[:-1]]
    seen = set()
    for now, following in itertools.pairwise(rounds):
        if following.drafted != now.drafted:
            seen.add(following.drafted - now.drafted)
    assert {2, -1} <= seen
    with pytest.raises(ValueError, match="must be at least 1"):
        write(pair, PROMPTS[0], 0)
