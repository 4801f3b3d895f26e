"""How much arithmetic reading a text takes, from a model's shape."""

from __future__ import annotations

import msgspec


class Arithmetic(msgspec.Struct, frozen=True):
    """What of a model's shape counts: `weights` are the parameters that every position is multiplied by (matrices of
    the layers, without the embedding and the output matrix), `attention` the width of all queries of a position in all
    layers together, `output` the parameters of the output matrix."""

    weights: int
    attention: int
    output: int

    def flops(self, begin: int, end: int, outputs: int) -> float:
        """Return the floating-point operations of reading the positions `begin` … `end` - 1 of a text, with the logits
        of `outputs` of them; a multiplication and an addition are two.

        A position takes 2 for each weight, and 4 × attention for each position that it attends to, itself and all
        before it: scores and weighted values (J. Kaplan et al., "Scaling Laws for Neural Language Models", arXiv
        2001.08361, table 1). Norms, activations and biases are left out.
        """
        attended = (end * (end + 1) - begin * (begin + 1)) // 2
        return float(2 * self.weights * (end - begin) + 4 * self.attention * attended + 2 * self.output * outputs)
