"""An end token, a stop string or the greatest length inside an accepted draft, on a pair that was really trained.

huggingface/transformers#47912 accepts a block with an end token in the middle and goes on behind it. Whatever ends a
text here ends it at every place of every draft, so that each place of a block is met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from benchtui.routing.records import Sampling, SpeculativeText
from benchtui.worker.answering.written import Answers
from benchtui.worker.routing import speculative
from benchtui.worker.routing.speculative import Asked
from tests.worker.routing.demo_pair import END, opened_demo_pair, plain, prompts, written
from tests.worker.switching.pairs import Pair

MOST = 28
PROMPTS = prompts(24)
Texts = dict[str, list[int]]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with opened_demo_pair() as opened:
        yield opened


@pytest.fixture(scope="module")
def texts(pair: Pair) -> Texts:
    """What the large model writes to each prompt by `generate()`, whatever may end it."""
    return {prompt: plain(pair.networks[1], pair.ids(prompt), MOST, end=None) for prompt in PROMPTS}


def asked(pair: Pair, prompt: str, *, end: int = -1, most: int = MOST, stop: str = "", window: int = 0) -> Asked:
    sampling = Sampling(max_new_tokens=most, stop=(stop,) if stop else ())
    decode = pair.loaded[1].get_tokenizer().decode
    return Asked(pair.ids(prompt), Answers(sampling, frozenset({end}), decode, window), document=0)


def places(found: SpeculativeText) -> tuple[str, int]:
    """Who wrote the last token of a text, and at which place of its draft."""
    return found.writers[-1], found.rounds[-1].accepted - (found.writers[-1] == "a")


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_texts_are_those_of_generate(pair: Pair, texts: Texts, drafts: int) -> None:
    found = written(pair, [asked(pair, prompt) for prompt in PROMPTS], drafts)
    assert [list(each.tokens) for each in found] == list(texts.values())
    ended = written(pair, [asked(pair, prompt, end=END) for prompt in PROMPTS], drafts)
    assert [list(each.tokens) for each in ended] == [plain(pair.networks[1], pair.ids(each), MOST) for each in PROMPTS]


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_an_end_token_ends_a_text_at_every_place_of_an_accepted_block(pair: Pair, texts: Texts, drafts: int) -> None:
    cases = [(prompt, end) for prompt in PROMPTS[:12] for end in dict.fromkeys(texts[prompt])]
    found = written(pair, [asked(pair, prompt, end=end) for prompt, end in cases], drafts)
    for (prompt, end), text in zip(cases, found, strict=True):
        cut = texts[prompt][: texts[prompt].index(end) + 1]
        assert (list(text.tokens), text.ended) == (cut, "end")
        assert text.response == pair.tokenizer.decode(cut[:-1], skip_special_tokens=True)
    met = Counter(places(text) for text in found)
    for place in range(min(drafts, 4)):
        assert met["a", place] > 1, f"no text ended at the place {place} of an accepted block"
    assert met["b", 0] > 1
    prompt, end = cases[20]
    by_transformers = plain(pair.networks[1], pair.ids(prompt), MOST, end=end)
    assert by_transformers == list(found[20].tokens)


def test_a_decoder_that_drafts_behind_an_end_token_would_be_found(
    pair: Pair, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mistake of transformers#47912, planted."""
    draft = speculative._Text.draft

    def further(text: speculative._Text, row: object) -> None:
        draft(text, row)
        text.draft_ends = False

    monkeypatch.setattr(speculative._Text, "draft", further)
    with pytest.raises(AssertionError):
        test_an_end_token_ends_a_text_at_every_place_of_an_accepted_block(pair, texts, 4)


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_a_stop_string_ends_a_text_also_where_it_is_spelled_across_a_blocks_border(
    pair: Pair, texts: Texts, drafts: int
) -> None:
    """Strings that begin in one token and end in the next, for every pair of tokens."""
    cases = []
    for prompt in PROMPTS[:10]:
        grown = [pair.tokenizer.decode(texts[prompt][:count], skip_special_tokens=True) for count in range(MOST + 1)]
        for place in range(2, MOST + 1):
            stop = grown[place][len(grown[place - 1]) - 1 : len(grown[place - 1]) + 1]
            if len(stop) == 2:
                first = next(count for count, text in enumerate(grown) if stop in text)
                cases.append((prompt, stop, first, grown[first][: grown[first].index(stop)]))
    found = written(pair, [asked(pair, prompt, stop=stop) for prompt, stop, *_ in cases], drafts)
    borders = Counter[str]()
    for (prompt, _, first, response), text in zip(cases, found, strict=True):
        assert (list(text.tokens), text.ended, text.response) == (texts[prompt][:first], "stop", response)
        borders[text.writers[-2:]] += 1
    # Inside an accepted block, from its last token into the large model's, and from that one into the next block.
    assert min(borders["aa"] if drafts > 1 else 9, borders["ab"], borders["ba"]) > 3


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_the_greatest_length_and_the_window_end_a_text_anywhere_in_a_draft(
    pair: Pair, texts: Texts, drafts: int
) -> None:
    cases = [(prompt, most) for prompt in PROMPTS[:6] for most in range(1, 14)]
    lengths = written(pair, [asked(pair, prompt, most=most) for prompt, most in cases], drafts)
    windows = written(
        pair, [asked(pair, prompt, window=len(pair.ids(prompt)) + most) for prompt, most in cases], drafts
    )
    for found, why in ((lengths, "length"), (windows, "window")):
        for (prompt, most), text in zip(cases, found, strict=True):
            assert (list(text.tokens), text.ended) == (texts[prompt][:most], why)
            # Nothing is drafted that could not be written: the large model writes one token behind each draft.
            begins = [sum(each.accepted + 1 for each in text.rounds[:n]) for n in range(len(text.rounds))]
            assert all(at + each.drafted < most for at, each in zip(begins, text.rounds, strict=True))
