"""lm-eval's HuggingFace model, with its requests arranged so that nothing is computed twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lm_eval import utils
from lm_eval.api.instance import Instance
from tqdm import tqdm

from benchtui.worker.answering.hf.engine import generation_requests, scoring, tokenization
from benchtui.worker.answering.hf.engine.capabilities import Engine
from benchtui.worker.answering.hf.engine.counting import CountingHFLM, Encoded
from benchtui.worker.answering.hf.engine.scoring import Answer


class FastLM(CountingHFLM):
    """Takes the arguments of `HFLM` and gives the same answers, several times faster.

    Where a model or a setting does not allow the engine's way, lm-eval's own code runs and the observer is told. Set
    `observer` to be told of batches, computed tokens and decisions, `memory_share` below 1 to plan for less of the
    memory. Nothing that is computed outlives the call that computed it, so an adapter can be switched off and on
    between calls.

    Two things differ from `HFLM` on purpose: a continuation without tokens has log-likelihood 0 and is greedy, where
    `HFLM` stops with an error; and a row ends at its own stop string, which is what `HFLM` does at batch size 1 (in
    larger batches it goes on until all rows have stopped, which shows where a stop string is a special token).

    Raises `OutOfMemoryError` when one request alone does not fit into memory, and `BenchtuiError` for requests that do
    not fit into the model's window.
    """

    memory_share: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.memory_share = 1.0
        self._engine: Engine | None = None
        self._encodings: dict[str, list[int]] = {}
        super().__init__(*args, **kwargs)

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, left_truncate_len: int | None = None, **kwargs: Any
    ) -> list[int]:
        """Token ids of a string, out of those encoded beforehand where it is among them."""
        if add_special_tokens is None and not left_truncate_len and not kwargs and string in self._encodings:
            return self._encodings[string]
        ids: list[int] = super().tok_encode(string, add_special_tokens, left_truncate_len, **kwargs)
        return ids

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[Answer]:
        """Log-likelihood of each continuation after its context, and whether it is the greedy one."""
        if self.backend == "causal":
            self._encodings = tokenization.encoded_texts(
                self, tokenization.pair_texts(request.args for request in requests)
            )
        try:
            answers: list[Answer] = super().loglikelihood(requests, disable_tqdm=disable_tqdm)
        finally:
            self._encodings = {}
        return answers

    def _loglikelihood_tokens(
        self,
        requests: list[Encoded],
        disable_tqdm: bool = False,
        override_bs: int | None = None,  # noqa: ARG002  # part of lm-eval's interface; batches follow the token budget
    ) -> list[Answer]:
        answers: list[Answer] = [(0.0, True)] * len(requests)
        self.tell_cuts(requests)
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Running loglikelihood requests") as bar:

            def answered(index: int, answer: Answer, filed: bool) -> None:
                answers[index] = answer
                args = requests[index][0]
                if args is not None and not filed:
                    self.cache_hook.add_partial("loglikelihood", args, answer)
                bar.update(1)

            scoring.score(self, self._prepared(), requests, lambda index: requests[index][0] or (), answered)
        return answers

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float]:
        """Log-likelihood of each whole string, over windows of the model's length."""
        strings: list[str] = [request.args[0] for request in requests]
        encodings = tokenization.encoded_texts(self, strings)
        owners: list[int] = []
        windows: list[Encoded] = []
        for index, string in enumerate(strings):
            for context, continuation in self._windows(encodings[string]):
                owners.append(index)
                windows.append((None, context, continuation))
        totals: list[float] = [0] * len(strings)
        with tqdm(total=len(strings), disable=disable_tqdm, desc="Running loglikelihood_rolling requests") as bar:

            def whole(index: int, parts: Sequence[float]) -> None:
                totals[index] = sum(parts)
                self.cache_hook.add_partial("loglikelihood_rolling", (strings[index],), totals[index])
                bar.update(1)

            gathered = scoring.Gathered(owners, len(strings), whole)
            scoring.score(
                self,
                self._prepared(),
                windows,
                lambda index: (strings[owners[index]],),
                lambda index, answer, _filed: gathered.add(index, answer[0]),
            )
        return totals

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str]:
        """The text that follows each context, up to a stop string."""
        texts = [""] * len(requests)
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Running generate_until requests") as bar:

            def answered(index: int, text: str, filed: bool) -> None:
                texts[index] = text
                if not filed:
                    self.cache_hook.add_partial("generate_until", requests[index].args, text)
                bar.update(1)

            generation_requests.write(self, self._prepared(), requests, answered)
        return texts

    def _windows(self, tokens: list[int]) -> list[tuple[list[int], list[int]]]:
        windows = utils.get_rolling_token_windows(
            token_list=tokens, prefix_token=self.prefix_token_id, max_seq_len=self.max_length, context_len=1
        )
        return [utils.make_disjoint_window(window) for window in windows]

    def _prepared(self) -> Engine:
        if self._engine is None or not self._engine.is_for(self.model):
            self._engine = Engine.of(self.model, self.mixed_precision_dtype, self.backend != "causal", self.observer)
        return self._engine
