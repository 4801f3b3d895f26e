"""The tokens that the ids of a tokenizer mean, as bytes: what is stored of it, and how it is shown."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchtui.text import printable

_SIGNS = {"\r": "␍", "\n": "⏎", "\t": "⇥"}


@dataclass(frozen=True)
class StoredVocabulary:
    """The bytes of every token, one behind another (`data`, uint8), where each ends (`ends`, int64 [n]), and which are
    special (`special`, bool [n])."""

    data: NDArray[np.uint8]
    ends: NDArray[np.int64]
    special: NDArray[np.bool_]

    @classmethod
    def of(cls, tokens: Sequence[tuple[bytes, bool]]) -> StoredVocabulary:
        """Make it of the bytes of each token, and whether it is a special one."""
        return cls(
            np.frombuffer(b"".join(token for token, _ in tokens), np.uint8),
            np.cumsum([len(token) for token, _ in tokens], dtype=np.int64),
            np.array([special for _, special in tokens], np.bool_),
        )

    def __len__(self) -> int:
        return len(self.ends)

    def token(self, token_id: int) -> bytes:
        """The bytes of a token; of an id that no token has, none."""
        if not 0 <= token_id < len(self):
            return b""
        begin = int(self.ends[token_id - 1]) if token_id else 0
        return self.data[begin : int(self.ends[token_id])].tobytes()

    def text(self, token_id: int) -> str:
        """The token as text; the bytes of a part of a character are written ⟨E6 97⟩, an id without a token ⟨id 7⟩."""
        raw = self.token(token_id)
        return _text(raw) if raw else f"⟨id {token_id}⟩"

    @property
    def digest(self) -> str:
        """A digest over every (id, token, special)."""
        return hashlib.sha256(self.ends.tobytes() + self.special.tobytes() + self.data.tobytes()).hexdigest()[:16]

    def first_difference(self, other: StoredVocabulary) -> int | None:
        """The first id that is not the same token in both, None where there is none."""
        both = range(min(len(self), len(other)))
        for one in both:
            if self.token(one) != other.token(one) or self.special[one] != other.special[one]:
                return one
        return None if len(self) == len(other) else len(both)


def _text(raw: bytes) -> str:
    """Decode bytes; what is no character becomes its bytes in brackets."""
    parts: list[str] = []
    while raw:
        try:
            parts.append(raw.decode())
            break
        except UnicodeDecodeError as error:
            parts += [raw[: error.start].decode(), f"⟨{raw[error.start : error.end].hex(' ').upper()}⟩"]
            raw = raw[error.end :]
    return "".join(parts)


def shown_token(text: str, limit: int | None = 60) -> str:
    """A token as people read it in a line: line ends and tabs as signs, control characters, and a token of nothing that
    has a width, as their bytes in brackets; nothing that steers a terminal, at most `limit` characters."""
    kinds = [unicodedata.category(one) for one in text]
    unseen = {"Cc", "Cf"} if set(kinds) <= {"Cc", "Cf"} else {"Cc"}
    signs = (
        _SIGNS.get(one, one if kind not in unseen else f"⟨{one.encode().hex(' ').upper()}⟩")
        for one, kind in zip(text, kinds, strict=True)
    )
    return printable("".join(signs), limit)
