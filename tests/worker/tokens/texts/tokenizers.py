"""Real tokenizers without their models: what `Answering.tokens` of the hf backend is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import AutoTokenizer

from benchtui.tokens.vocabulary import StoredVocabulary
from benchtui.worker.answering.hf.tokenizer import HFTokenizer

BYTES = {  # GPT-2's letters for bytes (encoder.py, bytes_to_unicode)
    **{chr(n): n for n in [*range(33, 127), *range(161, 173), *range(174, 256)]},
    **{chr(256 + k): n for k, n in enumerate([*range(33), *range(127, 161), 173])},
}


def tokenizer_of(folder: Path, **settings: Any) -> HFTokenizer:
    """The tokenizer of a model's folder, with lm-eval's rules."""
    found = AutoTokenizer.from_pretrained(folder, **settings)
    return HFTokenizer(_Lm(found))  # type: ignore[arg-type]


class _Lm(SimpleNamespace):
    """What HFTokenizer needs of lm-eval's HFLM."""

    def __init__(self, tokenizer: Any) -> None:
        bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        prefix = eos if bos is None else bos
        super().__init__(
            tokenizer=tokenizer, eot_token_id=eos, prefix_token_id=prefix, add_bos_token=None, truncation=False,
            backend="causal",
        )  # fmt: skip

    def tok_encode(self, text: str, add_special_tokens: bool) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=add_special_tokens)
        return ids

    def tok_decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        return text


def byte_vocabulary(folder: Path) -> StoredVocabulary:
    """The bytes of every token of a byte-level or SentencePiece tokenizer, by their names in its file."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = set(tokenizer.all_special_ids)
    names = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    byte_level = not any(name.startswith("▁") for name in names)

    def meaning(name: str) -> bytes:
        if byte_level:
            return bytes(BYTES[letter] for letter in name)
        if len(name) == 6 and name.startswith("<0x"):
            return bytes([int(name[3:5], 16)])
        return name.replace("▁", " ").encode()

    return StoredVocabulary.of(
        [(name.encode() if i in special else meaning(name), i in special) for i, name in enumerate(names)]
    )
