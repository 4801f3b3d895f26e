"""Finds where a function crosses zero. scipy.optimize can as well, but importing it takes as long as a comparison."""

from __future__ import annotations

from collections.abc import Callable


def root(function: Callable[[float], float], low: float, high: float, within: float) -> float:
    """Find where the continuous `function` crosses zero between `low` and `high`, with an error of at most `within`.

    Inverse quadratic interpolation where it is safe, else halving: T. Chandrupatla, "A new hybrid quadratic/bisection
    algorithm", Advances in Engineering Software 28, 1997. Raises ValueError where both ends have the same sign.
    """
    a, b = high, low
    at_a, at_b = function(a), function(b)
    if at_a == 0 or at_b == 0:
        return a if at_a == 0 else b
    if (at_a > 0) == (at_b > 0):
        raise ValueError(f"no crossing between {low} and {high}")
    part = 0.5
    while True:
        x = a + part * (b - a)
        at_x = function(x)
        if (at_x > 0) == (at_a > 0):
            c, at_c = a, at_a
        else:
            c, b, at_c, at_b = b, a, at_b, at_a
        a, at_a = x, at_x
        best, at_best = (a, at_a) if abs(at_a) < abs(at_b) else (b, at_b)
        least = max(within / 2, 4e-16 * abs(best)) / abs(b - a)
        if at_best == 0 or least > 0.5:
            return best
        xi, phi = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
        part = 0.5
        if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
            part = at_a / (at_b - at_a) * at_c / (at_b - at_c)
            part += (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
        part = min(max(part, least), 1 - least)
