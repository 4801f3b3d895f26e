"""Tokens that are special though their tokenizer does not say so."""

from __future__ import annotations

_PLAIN = frozenset({"<pad>", "<mask>", "<2mass>", "[@BOS@]"})
_ENDS = (("<|", "|>"), ("<｜", "｜>"), ("<unused", ">"))


def looks_special(token: str) -> bool:
    """Whether a token is written as control tokens are. llama.cpp's converter makes such a token one of those (its
    `does_token_look_special`) whatever the tokenizer says, so that a GGUF and the folder that it was made from would
    disagree without this rule."""
    return token in _PLAIN or any(token.startswith(begin) and token.endswith(end) for begin, end in _ENDS)
