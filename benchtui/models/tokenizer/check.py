"""Checks from tokenizer.json alone whether every token of a tokenizer has a row in the embedding."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from benchtui.models.reading import LFS_POINTER, NOT_FETCHED, Unreadable, open_regular, read_bytes
from benchtui.models.tokenizer.chat_template import read_chat_template, read_special_tokens
from benchtui.models.weights.full_check import Findings
from benchtui.text import one_line

TOKENIZER = "tokenizer.json"
_MAX_TOKENIZER = 64 * 1024 * 1024
_HEAD = 1024 * 1024
"""In a list of models only so many bytes are read: the added tokens come first in the file, the vocabulary after them.
"""


_Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]


class _Added(msgspec.Struct):
    id: _Number = 0
    content: str = ""


class _Vocabulary(msgspec.Struct):
    vocab: dict[str, _Number] | list[msgspec.Raw] = []


class _Tokenizer(msgspec.Struct):
    added_tokens: list[_Added] = []
    model: _Vocabulary | None = None


_decoder = msgspec.json.Decoder(_Tokenizer)


@dataclass(frozen=True)
class TokenizerSize:
    """`size` is the highest token number plus one; `added` are the numbers of the tokens added to the vocabulary."""

    size: int
    added: Mapping[str, int]


def tokenizer_size(folder: Path, *, quickly: bool = False) -> TokenizerSize | None:
    """Return the size of the tokenizer in `folder`; None where tokenizer.json is missing or does not show it.

    `quickly` reads only the start of a large file and counts the added tokens alone.
    """
    try:
        data, whole = read_bytes(folder / TOKENIZER, _HEAD if quickly else _MAX_TOKENIZER)
        if not whole and not quickly:
            return None
        read = _decoder.decode(data if whole else _only_added(data))
    except (FileNotFoundError, Unreadable, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None  # a tokenizer of another kind, or a broken one, which is reported when it is loaded
    numbers = [token.id for token in read.added_tokens]
    vocabulary = read.model.vocab if read.model else []
    numbers += [len(vocabulary) - 1] if isinstance(vocabulary, list) else [max(vocabulary.values(), default=-1)]
    return TokenizerSize(max(numbers) + 1, {token.content: token.id for token in read.added_tokens})


def broken_tokenizer(folder: Path) -> str:
    """Return why the tokenizer.json in `folder` cannot be complete, from its first and last bytes; "" where nothing
    shows."""
    try:
        descriptor = open_regular(folder / TOKENIZER)
    except FileNotFoundError:
        return ""  # a tokenizer of another kind
    except Unreadable as error:
        return f"{TOKENIZER} {error}"
    with os.fdopen(descriptor, "rb") as file:
        start = file.read(len(LFS_POINTER))
        file.seek(max(os.fstat(descriptor).st_size - 64, 0))
        end = file.read(64).strip()
    if start == LFS_POINTER:
        return f"{TOKENIZER} {NOT_FETCHED}"
    if not end:
        return f"{TOKENIZER} is empty"
    return "" if end.endswith(b"}") else f"{TOKENIZER} is cut short or is not JSON"


def check_tokenizer(folder: Path, rows: int | None, *, quickly: bool = False) -> Findings:
    """Return what is wrong with the tokenizer in `folder` for an embedding of `rows` rows.

    A missing row is a problem for the token that every text begins with, and for tokens that the chat template writes;
    other tokens without a row may never occur, so they are a warning.
    """
    broken = broken_tokenizer(folder)
    if broken:
        return Findings(broken)
    found = tokenizer_size(folder, quickly=quickly) if rows else None
    if found is None or rows is None or found.size <= rows:
        return Findings()
    said = f"the tokenizer has {found.size:,} tokens, the embedding {rows:,} rows"
    outside = [text for text, number in found.added.items() if number >= rows]
    used = _used(folder, outside)
    if used:
        return Findings(
            f"{said}: {used} has none; resize the embedding before saving, or save the tokenizer it was trained with"
        )
    more = f" ({one_line(outside[0], 40)})" if outside else ""
    return Findings("", (f"{said}: a text with one of the others{more} cannot be evaluated",))


def _used(folder: Path, outside: list[str]) -> str:
    """Return the first of these tokens that is certain to be used, and where; "" when none is."""
    try:
        special, template = dict(read_special_tokens(folder)), read_chat_template(folder).text or ""
    except Unreadable:
        return ""  # reported by the functions that read these files themselves
    for text in outside:
        shown = one_line(text, 40)
        if text == special.get("bos_token"):
            return f"{shown}, which every text begins with,"
        if text and text in template:
            return f"{shown}, which the chat template writes,"
    return ""


def _only_added(start: bytes) -> bytes:
    """Parse the beginning of a tokenizer.json as a document with its added tokens alone."""
    begin = start.find(b'"added_tokens"')
    end = start.find(b'"normalizer"', begin)
    if begin < 0 or end < 0:
        raise Unreadable("has its added tokens in another place")
    return b"{" + start[begin:end].rstrip().rstrip(b",") + b"}"
