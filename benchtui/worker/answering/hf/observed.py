"""lm-eval's own `hf` model, with what it is working on made visible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import lm_eval.models.huggingface as huggingface
from lm_eval.models.utils import Collator

from benchtui.worker.answering.hf.engine.counting import CountingHFLM
from benchtui.worker.answering.hf.engine.observer import Observer


class ObservedHFLM(CountingHFLM):
    """HFLM that tells its `observer` which requests each batch holds, and every forward pass.

    Answers are exactly HFLM's: only its batching iterator is watched.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._forward_hook: Any = None
        super().__init__(*args, **kwargs)

    def _watch(self) -> None:
        super()._watch()
        self._forward_hook = self.model.register_forward_hook(self._on_forward)

    def _on_forward(self, module: Any, arguments: Any, output: Any) -> None:  # noqa: ARG002 - torch's signature
        logits = getattr(output, "logits", None)
        if logits is not None:
            self.observer.tokens(int(logits.shape[0] * logits.shape[1]))

    def close(self) -> None:
        """Take the hooks off the model."""
        super().close()
        if self._forward_hook is not None:
            self._forward_hook.remove()
            self._forward_hook = None

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        with _batches_told(self.observer):
            answers: list[str] = super().generate_until(requests, disable_tqdm=disable_tqdm)
        return answers

    def _loglikelihood_tokens(self, requests: list[Any], *args: Any, **kwargs: Any) -> list[tuple[float, bool]]:
        self.tell_cuts(requests)
        with _batches_told(self.observer):
            answers: list[tuple[float, bool]] = super()._loglikelihood_tokens(requests, *args, **kwargs)
        return answers


class _batches_told:  # noqa: N801 - a context manager, used like a function
    """While open, lm-eval's Collator tells the observer about each batch it hands out."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def __enter__(self) -> None:
        observer = self._observer

        class TellingCollator(Collator):
            def get_batched(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
                for batch in super().get_batched(*args, **kwargs):
                    observer.batch_started([_arguments(item) for item in batch])
                    yield batch

        huggingface.Collator = TellingCollator

    def __exit__(self, *_: object) -> None:
        huggingface.Collator = Collator


def _arguments(item: Any) -> tuple[Any, ...]:
    """A batch item is (context, gen_kwargs), or ((context, continuation) or None, tokens, tokens)."""
    first = item[0]
    return first if isinstance(first, tuple) else () if first is None else tuple(item)
