"""llama.cpp's own tokenizer of a GGUF file."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import Any

from lm_eval.models.utils import has_bos_prefix

from benchtui.errors import BenchtuiError
from benchtui.worker.answering.gguf.library import llama
from benchtui.worker.answering.gguf.model import Model
from benchtui.worker.answering.protocol import Ids, Tokenizer
from benchtui.worker.answering.special_tokens import looks_special

_BYTE_PAIR = "gpt2"
_SENTENCEPIECE = "llama"
"""The tokenizer whose bos and eos are known (1 and 2) where the file does not name them."""


class GgufTokenizer(Tokenizer):
    """Tokens as llama.cpp makes them; special tokens written in a text are recognised, as transformers does it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._library = llama()
        self._pieces: dict[int, bytes] = {}
        self.bos = self._named("bos", self._library.llama_vocab_bos)
        self._eos = self._named("eos", self._library.llama_vocab_eos)
        if self.bos is None and self._library.llama_vocab_get_add_bos(model.vocabulary):
            raise self._lacking("no bos token though its texts begin with one")
        self._bos_text = None if self.bos is None else self.decode([self.bos], special=True)

    def _named(self, name: str, ask: Any) -> int | None:
        known = self._model.metadata(f"tokenizer.ggml.{name}_token_id") is not None
        if not known and self._model.metadata("tokenizer.ggml.model") != _SENTENCEPIECE:
            return None
        token = int(ask(self._model.vocabulary))
        return token if token >= 0 else None

    @property
    def is_byte_pair(self) -> bool:
        """Whether texts are split by a pre-tokenizer before they are encoded."""
        return self._model.metadata("tokenizer.ggml.model") == _BYTE_PAIR

    @property
    def eos(self) -> int:
        """As `Tokenizer.eos`."""
        if self._eos is None:
            raise self._lacking("no eos token")
        return self._eos

    @property
    def prefix(self) -> int:
        """As `Tokenizer.prefix`."""
        found = self._eos if self.bos is None else self.bos
        if found is None:
            raise self._lacking("neither a bos nor an eos token")
        return found

    def _lacking(self, what: str) -> BenchtuiError:
        return BenchtuiError(
            f"{self._model.path} names {what}, so no prompt can be built as lm-eval does.",
            "Convert the model again, with its whole tokenizer.",
        )

    def ends(self, token: int) -> bool:
        """Whether a token ends an answer: eos, and what else the file or llama.cpp knows as an end of turn or text."""
        return bool(self._library.llama_vocab_is_eog(self._model.vocabulary, token))

    def encode(self, texts: Iterable[str], *, special: bool | None = None) -> dict[str, list[int]]:
        """As `Tokenizer.encode`."""
        if special is not None:
            return {text: self._ids(text, special) for text in texts}
        begins_with = self.decode([self.prefix], special=True)
        return {text: self._ids(text, not has_bos_prefix(text, begins_with)) for text in texts}

    def encode_prompts(self, texts: Iterable[str]) -> dict[str, tuple[list[int], int]]:
        """As `Tokenizer.encode_prompts`; nothing is cut here."""
        found = {}
        for text in texts:
            ids = self._ids(text, not has_bos_prefix(text, self._bos_text))
            found[text] = (ids, len(ids))
        return found

    def _ids(self, text: str, special: bool) -> list[int]:
        data = text.encode(errors="replace")
        room = len(data) + 8
        buffer = (ctypes.c_int32 * room)()
        count = self._library.llama_tokenize(self._model.vocabulary, data, len(data), buffer, room, special, True)
        if count < 0:
            raise RuntimeError(f"llama.cpp made more than {room} tokens of {len(data)} bytes")
        return buffer[:count]

    def decode(self, ids: Ids, *, special: bool = False) -> str:
        """As `Tokenizer.decode`. Bytes that are no text become U+FFFD."""
        if not ids:
            return ""
        tokens = (ctypes.c_int32 * len(ids))(*ids)
        room = 16 * len(ids) + 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            length = self._library.llama_detokenize(
                self._model.vocabulary, tokens, len(ids), buffer, room, False, special
            )
            if length >= 0:
                return buffer.raw[:length].decode(errors="replace")
            room = -length

    def piece(self, token: int) -> bytes:
        """The bytes of one token inside a text; special tokens are spelled out."""
        known = self._pieces.get(token)
        if known is None:
            room = 256
            buffer = ctypes.create_string_buffer(room)
            ask = self._library.llama_token_to_piece
            length = ask(self._model.vocabulary, token, buffer, room, 0, True)
            if length < 0:
                buffer = ctypes.create_string_buffer(-length)
                length = ask(self._model.vocabulary, token, buffer, -length, 0, True)
            known = self._pieces[token] = buffer.raw[:length]
        return known

    def token_bytes(self) -> list[tuple[bytes, bool]]:
        """As `Vocabulary.token_bytes`. What a converter filled the vocabulary up with to the number of rows of the
        model's matrices is no token."""
        library, found = self._library, []
        for token in range(self._model.vocabulary_size):
            kind = int(library.llama_vocab_get_attr(self._model.vocabulary, token))
            unused = kind & library.LLAMA_TOKEN_ATTR_UNUSED
            special = kind & (library.LLAMA_TOKEN_ATTR_CONTROL | library.LLAMA_TOKEN_ATTR_UNKNOWN)
            piece = b"" if unused else self.piece(token)
            if kind & library.LLAMA_TOKEN_ATTR_USER_DEFINED:
                special = special or looks_special(piece.decode(errors="replace"))
            found.append((piece, bool(unused or special)))
        while found and not found[-1][0]:
            found.pop()
        return found

    @property
    def special_tokens(self) -> dict[str, str]:
        """The texts of the special tokens that the file names, by the names that chat templates call them."""
        found = {"bos": self.bos, "eos": self._eos}
        for name, key, ask in (
            ("pad", "padding", self._library.llama_vocab_pad),
            ("unk", "unknown", None),
        ):
            value = self._model.metadata(f"tokenizer.ggml.{key}_token_id")
            if value is not None:
                found[name] = int(ask(self._model.vocabulary)) if ask is not None else int(value)
        size = self._model.vocabulary_size
        return {
            f"{name}_token": self.decode([token], special=True)
            for name, token in found.items()
            if token is not None and 0 <= token < size
        }

    def describe(self) -> dict[str, Any]:
        """As lm-eval does it for its `hf` model."""
        named = self.special_tokens
        ids = {"bos_token": self.bos, "eos_token": self._eos}
        found: dict[str, Any] = {
            f"tokenizer_{name}": [named.get(name), str(ids.get(name))] for name in ("eos_token", "bos_token")
        }
        return {**found, "eot_token_id": self._eos}
