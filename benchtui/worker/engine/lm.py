"""lm-eval's HuggingFace model with its requests arranged so that nothing is computed twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from lm_eval.models.huggingface import HFLM
from tqdm import tqdm

from benchtui.worker.engine.backbone import Backbone
from benchtui.worker.engine.budget import TokenBudget
from benchtui.worker.engine.capabilities import Capabilities, detect
from benchtui.worker.engine.loglikelihood import Setup, TreeScorer
from benchtui.worker.engine.observer import Observer, Unobserved
from benchtui.worker.engine.plan import Costs
from benchtui.worker.engine.queries import Query
from benchtui.worker.engine.vocabulary import Vocabulary

Encoded = tuple[tuple[str, str] | None, list[int], list[int]]


class FastLM(HFLM):
    """Takes what `HFLM` takes, and answers what it answers."""

    observer: Observer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.observer = Unobserved()
        self._capabilities: Capabilities | None = None
        super().__init__(*args, **kwargs)

    def _loglikelihood_tokens(
        self, requests: list[Encoded], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        queries = [self._query(context, continuation) for _, context, continuation in requests]
        answers: list[tuple[float, bool]] = [(0.0, False)] * len(requests)
        with tqdm(total=len(requests), disable=disable_tqdm, desc="Running loglikelihood requests") as bar:

            def answered(index: int, loglikelihood: float, greedy: bool) -> None:
                answers[index] = (loglikelihood, greedy)
                args = requests[index][0]
                if args is not None:
                    self.cache_hook.add_partial("loglikelihood", args, answers[index])
                bar.update(1)

            backbone = Backbone(self.model, self.mixed_precision_dtype)
            capabilities = self._detected(backbone)
            setup = Setup(
                backbone,
                Vocabulary(backbone, self.softmax_dtype),
                capabilities.style,
                Costs(attention=1e-3, forward=64, copied=0.01),
                TokenBudget(1024, self.observer, "fixed"),
                self.observer,
            )
            TreeScorer(setup, queries, lambda index: requests[index][0] or (), answered).run()
        return answers

    def _query(self, context: Sequence[int], continuation: Sequence[int]) -> Query:
        inputs = np.asarray([*context, *continuation][-(self.max_length + 1) :][:-1], dtype=np.int32)
        return Query(inputs, np.asarray(continuation, dtype=np.int32))

    def _detected(self, backbone: Backbone) -> Capabilities:
        if self._capabilities is None:
            self._capabilities = detect(self.model, backbone, self.backend != "causal")
        return self._capabilities
