"""What the output head of a transformers model reads at wanted places of many texts, and the head apart from it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from benchtui.backends.hf_batch import device_of
from benchtui.worker.answering.hf.distributions import TextDistributions
from benchtui.worker.answering.hf.engine.batching import TokenBudget, costs
from benchtui.worker.answering.hf.engine.tree_pass import PassSetup, Query, TreePass
from benchtui.worker.answering.hf.memory import does_not_fit, unless_out_of_memory
from benchtui.worker.answering.hf.states.collecting import StateCollector
from benchtui.worker.answering.hf.states.head_parts import head_digest
from benchtui.worker.answering.hf.timing import finished
from benchtui.worker.answering.next_token import HiddenStates
from benchtui.worker.answering.protocol import Ids, Observer
from benchtui.worker.not_a_number import NotANumberError


class TextStates:
    """The states and the head of the model that `distributions` computes with.

    Prefixes that texts share are read once and several texts share a forward pass, as when they are scored; how they
    are divided depends on the texts, the model's shape and the kind of device alone, so that the same texts give the
    same bits (until memory runs out: then a pass is divided).
    """

    def __init__(self, distributions: TextDistributions) -> None:
        self.distributions = distributions
        self._backbone = distributions.backbone
        self._budget: TokenBudget | None = None
        self._digest: str | None = None

    @functools.cached_property
    def why_not(self) -> str:
        """Why the states cannot be had apart from the output head, or the head not in float32; "" where both can."""
        if not self.distributions.capabilities.splits:
            return self.distributions.capabilities.why or "its layers cannot be called apart from its output projection"
        plain = self.distributions.compute(lambda: self._backbone.projection_is_plain)
        return "" if plain else "its output projection is not a plain matrix (quantised, or with an adapter of its own)"

    def of(self, texts: Sequence[tuple[Ids, int]], observer: Observer) -> Iterator[tuple[int, HiddenStates]]:
        """Yield the number and the states of each text; see `HidesStates.hidden_states`.

        Raises ValueError for a first place that is not among those of the text's tokens after its first, BenchtuiError
        for a text longer than the window, OutOfMemoryError for one that does not fit into memory, NotANumberError where
        the model computes NaN.
        """
        for ids, first in texts:
            if not 1 <= first < len(ids):
                raise ValueError(f"first is {first}: must be 1 to {len(ids) - 1}, the last token's place")
            self.distributions.check_length(len(ids) - 1)
        return self._checked(texts, observer)

    def _checked(self, texts: Sequence[tuple[Ids, int]], observer: Observer) -> Iterator[tuple[int, HiddenStates]]:
        possible = self.distributions.capabilities
        together = [n for n, (ids, _) in enumerate(texts) if possible.shares_prefixes and len(ids) <= possible.longest]
        alone = sorted(set(range(len(texts))) - set(together))
        queries = [_query(*texts[number]) for number in together]
        found = ((together[place], states) for place, states in self._together(queries, observer))
        for number, states in itertools.chain(found, self._each_alone(texts, alone, observer)):
            if not bool(torch.isfinite(states).all()):
                raise NotANumberError
            yield number, HiddenStates(texts[number][1], states)

    def _together(self, queries: Sequence[Query], observer: Observer) -> Iterator[tuple[int, torch.Tensor]]:
        if not queries:
            return
        if self._budget is None:
            tokens = device_of(self._backbone.device.type).tokens
            self._budget = TokenBudget(tokens, observer, "the same for the same texts")
        style = self.distributions.capabilities.tree_masks
        setup = PassSetup(self._backbone, style, costs(self._backbone), self._budget, observer)
        passes = TreePass(setup, queries, lambda _spans: None).computed()
        collector = StateCollector(queries)
        while (computed := self.distributions.compute(lambda: next(passes, None))) is not None:
            observer.prefilled(computed.tokens, finished(self._backbone.device) - computed.began)
            yield from collector.completed_by(computed)

    def _each_alone(
        self, texts: Sequence[tuple[Ids, int]], numbers: Sequence[int], observer: Observer
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """For models whose cache cannot be continued: one text in a forward pass, without padding."""
        for number in numbers:
            ids, first = texts[number]
            read = torch.tensor([list(ids[:-1])], device=self._backbone.device)
            forward = functools.partial(self._backbone.hidden, read)
            hidden = unless_out_of_memory(functools.partial(self.distributions.compute, forward), self._backbone.device)
            if hidden is None:
                raise does_not_fit(len(ids), self._backbone.device)
            observer.tokens(len(ids) - 1)
            yield number, hidden[0, first - 1 :]

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Float32 logits [n, rows of the output matrix] of states [n, width]."""
        return self.distributions.compute(lambda: self._backbone.float32_logits(states))

    def digest(self) -> str:
        """A digest of all that `logits` depends on."""
        if self._digest is None:
            self._digest = self.distributions.compute(lambda: head_digest(self._backbone))
        return self._digest


def _query(ids: Ids, first: int) -> Query:
    tokens = np.asarray(ids, dtype=np.int32)
    return Query(tokens[:-1], tokens[first:])
