"""What becomes of each tensor of a state dict."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """The tensor `source` of the file is `name` in the model; with `heads`, after its rows were put in another order
    (`torchtune.in_halves`)."""

    name: str
    source: str
    heads: int = 0
