"""The tokens of a tokenizer.model, and whether a tokenizer.json has the same ones.

A tokenizer.model is what SentencePiece wrote (a protobuf message: sentencepiece_model.proto of
https://github.com/google/sentencepiece, field 1 of ModelProto is a list of pieces, field 1 of a piece its text), or
tiktoken's text (a line for each token: its bytes in base64, its number).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from benchtui.models.reading import Unreadable, read_bytes

_MOST_BYTES = 64 * 1024 * 1024
_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


class _Model(msgspec.Struct):
    vocab: dict[str, int] | list[tuple[str, float]] = {}


class _Tokenizer(msgspec.Struct):
    model: _Model


def tokens_of_model(path: Path) -> dict[str, int]:
    """Return the tokens of a tokenizer.model with their numbers, as a tokenizer.json writes them.

    Raises FileNotFoundError, Unreadable.
    """
    data, whole = read_bytes(path, _MOST_BYTES)
    if not whole:
        raise Unreadable(f"is larger than {_MOST_BYTES // 1_000_000} MB")
    try:
        found = _tiktoken(data) if data[:1].isalnum() or data[:1] in (b"+", b"/") else _sentencepiece(data)
    except (ValueError, IndexError, UnicodeDecodeError, binascii.Error):
        found = {}
    if not found:
        raise Unreadable("is neither a SentencePiece model nor tiktoken's list of tokens")
    return found


def tokens_of_json(path: Path) -> dict[str, int]:
    """Return the vocabulary of a tokenizer.json with its numbers; tokens that were added to it are left out.

    Raises FileNotFoundError, Unreadable.
    """
    data, whole = read_bytes(path, _MOST_BYTES)
    if not whole:
        raise Unreadable(f"is larger than {_MOST_BYTES // 1_000_000} MB")
    try:
        vocabulary = msgspec.json.decode(data, type=_Tokenizer).model.vocab
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise Unreadable("has no vocabulary") from None
    if isinstance(vocabulary, list):
        return {text: number for number, (text, _) in enumerate(vocabulary)}
    return vocabulary


def first_difference(one: Mapping[str, int], other: Mapping[str, int]) -> str | None:
    """Return a token that `one` has and `other` has not, or at another number; None where there is none."""
    return next((text for text, number in one.items() if other.get(text) != number), None)


def _tiktoken(data: bytes) -> dict[str, int]:
    characters = _byte_characters()
    found = {}
    for line in data.split(b"\n"):
        if line:
            token, number = line.split()
            found["".join(characters[byte] for byte in base64.b64decode(token, validate=True))] = int(number)
    return found


def _byte_characters() -> list[str]:
    """Return the character that a byte-level vocabulary writes for each byte: printable ones as they are, the others as
    those from 256 on (bytes_to_unicode of GPT-2's encoder.py)."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _sentencepiece(data: bytes) -> dict[str, int]:
    found = {}
    for number, piece in enumerate(value for field, value in _fields(data) if field == 1):
        texts = [value.decode() for field, value in _fields(piece) if field == 1]
        found[texts[0]] = number
    return found


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers of a protobuf message's fields with their bytes, of numbers b"". Raises ValueError, IndexError
    for what is none (https://protobuf.dev/programming-guides/encoding/)."""
    place = 0
    while place < len(data):
        tag, place = _number(data, place)
        kind, length = tag & 7, 0
        if kind == _VARINT:
            _, place = _number(data, place)
        elif kind == _DELIMITED:
            length, place = _number(data, place)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError("no field of a message")
        if place + length > len(data):
            raise ValueError("cut short")
        yield tag >> 3, data[place : place + length] if kind == _DELIMITED else b""
        place += length


def _number(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, place
    raise ValueError("no number")
