"""The bytes that the tokens of a Hugging Face tokenizer mean inside a text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from benchtui.worker.answering.special_tokens import looks_special

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_WORD_START = "▁"


def token_bytes(tokenizer: Any, known: int) -> list[tuple[bytes, bool]]:
    """As `Vocabulary.token_bytes`, of the first `known` tokens in the order of their ids: what lm-eval has added behind
    them, no model was trained with."""
    spelled = _spelling(tokenizer)
    added = {int(one): token for one, token in tokenizer.added_tokens_decoder.items()}
    special = {one for one, token in added.items() if token.special or looks_special(token.content)}
    special.update(tokenizer.all_special_ids)
    tokens = sorted(((int(one), token) for token, one in tokenizer.get_vocab().items()), key=lambda pair: pair[0])
    tokens = tokens[:known]
    found = [(b"", True)] * (tokens[-1][0] + 1 if tokens else 0)
    for one, token in tokens:
        raw = _utf8(added[one].content) if one in added else spelled(token)
        found[one] = raw, one in special
    return found


def _spelling(tokenizer: Any) -> Callable[[Any], bytes]:
    """How the tokenizer writes tokens, as a function that gives their bytes."""
    kinds = _kinds(tokenizer)
    if "ByteLevel" in kinds:
        return _of_byte_level
    if "WordPiece" in kinds:
        return _of_word_piece
    byte_fallback, word_starts = "ByteFallback" in kinds, "Metaspace" in kinds

    def spelled(token: Any) -> bytes:
        if isinstance(token, bytes):
            return token
        if byte_fallback and (found := _BYTE.fullmatch(token)):
            return bytes.fromhex(found[1])
        return _utf8(token.replace(_WORD_START, " ") if word_starts else token)

    return spelled


def _kinds(tokenizer: Any) -> set[str]:
    """What turns tokens back into text: ByteLevel, ByteFallback, Metaspace (also as a plain replacement), WordPiece."""
    if not getattr(tokenizer, "is_fast", False):
        if hasattr(tokenizer, "byte_decoder"):
            return {"ByteLevel"}
        return {"ByteFallback", "Metaspace"} if hasattr(tokenizer, "sp_model") else set()
    whole = json.loads(tokenizer.backend_tokenizer.to_str())
    kinds = {"ByteFallback"} if whole["model"].get("byte_fallback") else set()
    waiting = [whole.get("decoder"), whole.get("pre_tokenizer")]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict):
            continue
        replaced = part.get("pattern") == {"String": _WORD_START} and part.get("content") == " "
        kinds.add("Metaspace" if replaced else str(part.get("type")))
        waiting += [*part.get("decoders", ()), *part.get("pretokenizers", ())]
    return kinds


def _byte_characters() -> dict[str, int]:
    """The characters that GPT-2's byte-level tokens write bytes with (`bytes_to_unicode` of its encoder.py)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTES = _byte_characters()


def _utf8(text: str) -> bytes:
    return text.encode(errors="replace")


def _of_byte_level(token: str) -> bytes:
    try:
        return bytes(_BYTES[character] for character in token)
    except KeyError:  # no byte-level token: these are its characters
        return _utf8(token)


def _of_word_piece(token: str) -> bytes:
    return _utf8(token[2:] if token.startswith("##") else f" {token}")
