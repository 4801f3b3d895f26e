"""The tokenizer that the user names for a server's model: a folder or hub id, loaded by transformers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lm_eval.models.utils import has_bos_prefix

from benchtui.errors import BenchtuiError
from benchtui.text import one_line
from benchtui.worker.answering.protocol import Ids, ModelPlan, Tokenizer


class NamedTokenizer(Tokenizer):
    """Tokens as lm-eval's `hf` model makes them."""

    def __init__(self, place: str, plan: ModelPlan) -> None:
        """Load it. Raises BenchtuiError naming it."""
        from transformers import AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(place, trust_remote_code=plan.permissions.remote_code)
        except Exception as error:  # transformers and the hub each raise their own
            raise BenchtuiError(
                f"The tokenizer {one_line(place, 200)} cannot be loaded: {one_line(str(error), 200)}",
                "Give --tokenizer the folder or hub id of the model that the server has loaded.",
            ) from error

    @property
    def special_tokens(self) -> dict[str, str]:
        """The special tokens that a chat template may write."""
        names = ("bos_token", "eos_token", "pad_token", "unk_token")
        found = {name: getattr(self._tokenizer, name, None) for name in names}
        return {name: str(text) for name, text in found.items() if text is not None}

    @property
    def eos(self) -> int:
        """As `Tokenizer.eos`."""
        found: int | None = self._tokenizer.eos_token_id
        if found is None:
            raise BenchtuiError("The tokenizer names no end token.", "Give --tokenizer the model's own.")
        return found

    @property
    def prefix(self) -> int:
        """As `Tokenizer.prefix`."""
        found: int | None = self._tokenizer.bos_token_id
        return self.eos if found is None else found

    def encode(self, texts: Iterable[str], *, special: bool | None = None) -> dict[str, list[int]]:
        """As `Tokenizer.encode`."""
        if special is not None:
            return {text: self._ids(text, special=special) for text in texts}
        begins_with = self._tokenizer.decode(self.prefix)
        return {text: self._ids(text, special=not has_bos_prefix(text, begins_with)) for text in dict.fromkeys(texts)}

    def encode_prompts(self, texts: Iterable[str]) -> dict[str, tuple[list[int], int]]:
        """As `Tokenizer.encode_prompts`; nothing is cut here."""
        bos = self._tokenizer.bos_token
        found = {text: self._ids(text, special=not has_bos_prefix(text, bos)) for text in dict.fromkeys(texts)}
        return {text: (ids, len(ids)) for text, ids in found.items()}

    def _ids(self, text: str, *, special: bool) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=special)
        return ids

    def decode(self, ids: Ids, *, special: bool = False) -> str:
        """As `Tokenizer.decode`."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=not special)
        return text

    def token_bytes(self) -> list[tuple[bytes, bool]]:
        """As `Vocabulary.token_bytes`."""
        from benchtui.worker.answering.hf.token_bytes import token_bytes

        return token_bytes(self._tokenizer, len(self._tokenizer))

    def describe(self) -> dict[str, Any]:
        """As lm-eval does it for its `hf` model."""
        found = self._tokenizer
        return {
            "tokenizer_pad_token": [found.pad_token, str(found.pad_token_id)],
            "tokenizer_eos_token": [found.eos_token, str(found.eos_token_id)],
            "tokenizer_bos_token": [found.bos_token, str(found.bos_token_id)],
            "eot_token_id": found.eos_token_id,
        }
