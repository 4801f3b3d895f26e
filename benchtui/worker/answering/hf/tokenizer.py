"""Strings to token ids and back, by the rules of lm-eval's `hf` model, many at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lm_eval.loggers.utils import add_tokenizer_info
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import has_bos_prefix

from benchtui.worker.answering.protocol import Ids, Tokenizer

# Strings handed to the tokenizer at once: its own working memory is many times the ids'.
_AT_ONCE = 256


class HFTokenizer(Tokenizer):
    """The tokenizer of a loaded model, with the model's arguments (`add_bos_token`, `truncation` …) in force."""

    def __init__(self, lm: HFLM) -> None:
        self._lm = lm

    @property
    def eos(self) -> int:
        """As HFLM.eot_token_id."""
        return int(self._lm.eot_token_id)

    @property
    def prefix(self) -> int:
        """As HFLM.prefix_token_id."""
        return int(self._lm.prefix_token_id)

    def encode(self, texts: Iterable[str], *, special: bool | None = None) -> dict[str, list[int]]:
        """What HFLM.tok_encode gives for each text."""
        if special is not None:
            return {text: self._lm.tok_encode(text, add_special_tokens=special) for text in texts}
        begins_with = self._lm.tokenizer.decode(self._lm.prefix_token_id)
        return self._encoded(texts, begins_with, truncation=False)

    def encode_prompts(self, texts: Iterable[str]) -> dict[str, tuple[list[int], int]]:
        """What HFLM.tok_batch_encode([text]) gives for each text, before it is cut to the window.

        lm-eval looks whether the first text of a batch begins with the BOS token, and treats the whole batch alike;
        here each is looked at.
        """
        lm = self._lm
        bos = getattr(lm.tokenizer, "bos_token", None) if lm.backend == "causal" else None
        ids = self._encoded(texts, bos, truncation=lm.truncation)
        whole = self._encoded(ids, bos, truncation=False) if lm.truncation else ids
        return {text: (found, len(whole[text])) for text, found in ids.items()}

    def decode(self, ids: Ids, *, special: bool = False) -> str:
        """As HFLM.tok_decode."""
        text: str = self._lm.tok_decode(list(ids), skip_special_tokens=not special)
        return text

    def describe(self) -> dict[str, Any]:
        """As lm-eval does it for HFLM."""
        found: dict[str, Any] = {}
        add_tokenizer_info(found, self._lm)
        return found

    def _encoded(self, texts: Iterable[str], begins_with: str | None, truncation: bool) -> dict[str, list[int]]:
        lm = self._lm
        plain = {} if lm.add_bos_token is None else {"add_special_tokens": lm.add_bos_token}
        groups: dict[bool, list[str]] = {False: [], True: []}
        for text in dict.fromkeys(texts):
            groups[has_bos_prefix(text, begins_with)].append(text)
        ids: dict[str, list[int]] = {}
        for begun, group in groups.items():
            special = {"add_special_tokens": False} if begun else plain
            for first in range(0, len(group), _AT_ONCE):
                part = group[first : first + _AT_ONCE]
                encoding = lm.tokenizer(part, truncation=truncation, **special)
                ids.update(zip(part, encoding["input_ids"], strict=True))
        return ids
