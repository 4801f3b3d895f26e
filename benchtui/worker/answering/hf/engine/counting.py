"""What lm-eval's own methods do to a prompt, and how the texts they generate end, counted where it happens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from benchtui.runs.answer_health import AnswerFacts
from benchtui.worker.answering.hf.engine.generation_settings import StopStrings
from benchtui.worker.answering.hf.engine.observer import Observer, Unobserved
from benchtui.worker.answering.hf.engine.tokenization import generated_text
from benchtui.worker.answering.hf.weights import AccountedLM

# A context and its continuation as token ids, and the strings they are; None for the windows of a longer text.
Encoded = tuple[tuple[str, str] | None, list[int], list[int]]


class CountingHFLM(AccountedLM):
    """HFLM that tells its `observer` how much of each prompt was cut, and how long each generated text is.

    Its answers are HFLM's: the prompts are cut where HFLM cuts them, to the same tokens.
    """

    observer: Observer

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.observer = Unobserved()
        self._prompts: list[tuple[str, int, int]] = []
        super().__init__(*args, **kwargs)

    def tok_batch_encode(
        self,
        strings: list[str],
        padding_side: str = "left",
        left_truncate_len: int | None = None,
        truncation: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and attention mask of prompts; what each loses to `left_truncate_len` is kept for its answer."""
        ids, mask = super().tok_batch_encode(strings, padding_side, None, truncation)
        whole = super().tok_batch_encode(strings, padding_side, None, False)[1] if truncation else mask
        if left_truncate_len:
            ids, mask = ids[:, -left_truncate_len:], mask[:, -left_truncate_len:]
        there, kept = whole.sum(dim=1).tolist(), mask.sum(dim=1).tolist()
        self._prompts = [(text, n, n - left) for text, n, left in zip(strings, there, kept, strict=True)]
        return ids, mask

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **settings: Any) -> torch.Tensor:
        rows: torch.Tensor = super()._model_generate(context, max_length=max_length, stop=stop, **settings)
        begin = context.shape[1] if self.backend == "causal" else 1  # a decoder begins with a token of its own
        ends = _end_tokens(self.model, settings)
        stops = StopStrings(self.tokenizer, [*stop, *_listed(settings.get("stop_strings"))])
        for (text, there, lost), row in zip(self._prompts, rows[:, begin:].tolist(), strict=True):
            tokens, at_limit = own_end(row, ends, stops)
            facts = AnswerFacts(there, lost, tokens, at_limit and not stops_inside(self, row, stop))
            self.observer.answer_facts((text,), facts)
        return rows

    def tell_cuts(self, requests: Sequence[Encoded]) -> None:
        """Tell what each context loses so that its continuation fits the window behind it."""
        for texts, context, continuation in requests:
            if texts is not None:
                facts = AnswerFacts(len(context), lost_to_window(self, context, continuation))
                self.observer.answer_facts(texts, facts)


def lost_to_window(lm: Any, context: Sequence[int], continuation: Sequence[int]) -> int:
    """Tokens cut from the left of a context: a window holds everything but the last token of the continuation, that of
    an encoder the context alone."""
    needed = len(context) + len(continuation) - 1 if lm.backend == "causal" else len(context)
    return max(needed - int(lm.max_length), 0)


def own_end(tokens: Sequence[int], ends: Collection[int], stops: StopStrings) -> tuple[int, bool]:
    """How many tokens a generated row has up to its own end, and whether only the limit ended it.

    A row goes on behind its end, with padding or more text, until all rows of its batch have ended.
    """
    for place, token in enumerate(tokens):
        if token in ends or stops.found(tokens[: place + 1]):
            return place + 1, False
    return len(tokens), True


def stops_inside(lm: Any, tokens: Sequence[int], until: Sequence[str]) -> bool:
    """Whether a stop string ends the answer in these tokens all the same: one spelled in more tokens than are looked
    through while the text grows."""
    return generated_text(lm, tokens, until) != generated_text(lm, tokens, ())


def _end_tokens(model: Any, settings: Mapping[str, Any]) -> frozenset[int]:
    """The tokens at which transformers ends a row."""
    named = settings.get("eos_token_id", getattr(model.generation_config, "eos_token_id", None))
    return frozenset(_listed(named))


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]
