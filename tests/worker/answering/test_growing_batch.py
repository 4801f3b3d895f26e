"""Texts that grow one by one behind the protocol of those that grow together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchtui.worker.answering.growing_batch import TextByText, batch_of
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.growing_text import grow
from benchtui.worker.answering.next_token import Growth
from tests.worker.answering.hf.engine import zoo
from tests.worker.answering.hf.engine.asking import Watcher
from tests.worker.answering.hf.test_distributions import TOLERANCE, expected, text


class Grower:
    """A model whose texts grow one by one."""

    def __init__(self, model: Any) -> None:
        self._distributions = TextDistributions(model, zoo.WINDOW)

    def grow(self, observer: Any) -> Any:
        return grow(self._distributions, observer)


@pytest.mark.parametrize("family", ["llama", "bamba"])
def test_one_text_after_another_with_what_it_cost(family: str) -> None:
    """A model whose cache cannot be cut reads the whole text at each step, which is counted."""
    model, watcher = zoo.make_model(family), Watcher()
    batch = batch_of(Grower(model), 8, zoo.WINDOW, watcher)
    assert isinstance(batch, TextByText)
    assert batch.rows == 1
    ids: list[int] = []
    number = batch.begin()
    for new, cut, last in ((text(30), 0, 3), (text(1, seed=1), 0, 1), (text(4, seed=2), 5, 4)):
        batch.cut(number, len(ids) - cut)
        ids = [*ids[: len(ids) - cut], *new]
        before = sum(watcher.counts)
        (grown,) = batch.step([Growth(number, new, last)])
        np.testing.assert_allclose(grown.logprobs, expected(model, ids)[-last:], atol=TOLERANCE)
        assert batch.ids(number) == ids
        assert grown.positions == sum(watcher.counts) - before == (len(new) if family == "llama" else len(ids))
        assert (grown.shared, grown.padding) == (0, 0)
    with pytest.raises(ValueError, match="room for one"):
        batch.begin()
    batch.end(number)
    other = batch.begin()
    assert other != number
    with pytest.raises(ValueError, match=f"no text with the number {number}"):
        batch.cut(number, 0)
    (grown,) = batch.step([Growth(other, ids)])
    np.testing.assert_allclose(grown.logprobs, expected(model, ids)[-1:], atol=TOLERANCE)
