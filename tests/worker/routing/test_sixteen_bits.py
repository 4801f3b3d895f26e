"""Speculative decoding in bfloat16: where several tokens are verified in one pass, logits are rounded in another way
than token by token, so that the likeliest token can be another one, but only where two are about as likely."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchtui import api
from benchtui.demo.workspace import BASE_NAME, SMALL_NAME, demo_paths
from benchtui.routing.records import Sampling
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.protocol import GenerateRequest, Unobserved
from benchtui.worker.answering.written import Answers, Asked
from tests.worker.routing.demo_pair import END, prompts, written
from tests.worker.switching.pairs import Pair

MOST = 28
CLOSE = 0.15
"""The largest gap in nats between the two likeliest tokens at a first difference."""


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    from transformers import AutoTokenizer

    folders = [demo_paths().shipped / "models" / name for name in (SMALL_NAME, BASE_NAME)]
    settings: dict[str, Any] = {"device": "cpu", "dtype": "bfloat16", "offline": True}
    with api.load(folders[0], **settings) as one, api.load(folders[1], **settings) as other:
        yield Pair((one, other), (None, None), AutoTokenizer.from_pretrained(folders[0]))


def alone(model: LoadedModel, ids: list[list[int]]) -> list[list[int]]:
    """What the large model writes in a run of its own."""
    kwargs = {"until": [], "do_sample": False, "max_gen_toks": MOST}
    found: dict[int, list[int]] = {}
    asked = [GenerateRequest(each, "", MOST, (), kwargs, 1, ("", kwargs)) for each in ids]
    model._answering.generate(asked, lambda place, text: found.__setitem__(place, list(text.ids)), Unobserved())
    return [found[place] for place in range(len(ids))]


def gap(model: LoadedModel, ids: list[int]) -> float:
    """How far apart the two likeliest tokens behind a text are, in nats."""
    (found,) = model._answering.distributions(ids, len(ids), Unobserved())  # type: ignore[attr-defined]
    least, most = np.sort(found.logprobs[0].astype(np.float64))[-2:]
    return float(most - least)


@pytest.mark.parametrize("drafts", [1, 4, 8])
def test_texts_differ_from_the_large_models_own_only_where_two_tokens_are_about_as_likely(
    pair: Pair, drafts: int
) -> None:
    ids = [pair.ids(prompt) for prompt in prompts(60)]
    expected = alone(pair.loaded[1], ids)
    answers = Answers(Sampling(max_new_tokens=MOST), frozenset({END}), pair.loaded[1].get_tokenizer().decode)
    found = written(pair, [Asked(each, answers, place) for place, each in enumerate(ids)], drafts)
    gaps = []
    for prompt, text, own in zip(ids, found, expected, strict=True):
        if list(text.tokens) != own:
            same = next(place for place, both in enumerate(zip(text.tokens, own, strict=False)) if both[0] != both[1])
            gaps.append(gap(pair.loaded[1], [*prompt, *own[:same]]))
    print(f"drafts {drafts}: {len(gaps)} of {len(ids)} texts differ; gaps at the first difference: "
          f"{', '.join(f'{each:.3f}' for each in sorted(gaps))}")  # fmt: skip
    assert max(gaps, default=0) <= CLOSE
    assert len(gaps) < len(ids) / 3
