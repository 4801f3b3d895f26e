"""Numbers in texts: found, and read exactly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal

DecimalMark = Literal["point", "comma"]

_LONGEST, _EXPONENT = 400, 300
"""Digits of a number, and its largest power of ten: beyond them it is no quantity, and would cost time."""
_SPACES = "'\u2019\u00a0\u202f\u2009"
_GROUPING = {"point": "," + _SPACES, "comma": "." + _SPACES}
_MARK = {"point": ".", "comma": ","}
_TOKEN = re.compile(
    rf"(?:(?<![A-Za-z0-9_)\]])(?P<sign>[-+\u2212]))?[$€£¥₹]?"  # no sign: the line in GPT-4, 2-1, 5-10
    rf"(?:(?<![A-Za-z0-9_])(?<![0-9][.,])(?P<digits>[0-9]+(?:[.,{_SPACES}][0-9]+)*)|(?<![A-Za-z0-9_.,])(?P<part>[.,][0-9]+))"
    r"(?P<exponent>[eE][-+]?[0-9]{1,3}(?![A-Za-z0-9_]))?"
)
_FRACTION = re.compile(r"\\[dt]?frac\{([-+\u2212]?[0-9]+)\}\{([0-9]+)\}")
_AFTER_WHOLE = re.compile(r"(?<=[0-9])(?=\\[dt]?frac\{[0-9])")  # 2\frac{1}{2} is 2 1/2
_POWER = r"\s{0,2}\^\s{0,2}\{?([-+\u2212]?[0-9]{1,3})\}?(?![A-Za-z0-9_])"
_TIMES_POWER = re.compile(rf"(?<=[0-9])\s{{0,2}}(?:\\times|\\cdot|[×·*x])\s{{0,2}}10{_POWER}")
_POWER_OF_TEN = re.compile(rf"(?<![0-9.,A-Za-z_])10{_POWER}")
_MIXED = re.compile(r"(?<![0-9/.,])([0-9]{1,9}) ([0-9]{1,9})/([0-9]{1,9})(?![0-9/]|[.,][0-9])")
_UNDERLINED = re.compile(r"(?<![A-Za-z0-9_])(_{1,3})([^_\n]{1,60})\1(?![A-Za-z0-9_])")
_BELOW = re.compile(r"/([0-9]+)(?![0-9/])")


def numbers_in(text: str, decimal: DecimalMark = "point") -> list[Fraction]:
    """Return the numbers in `text`, exactly, in their order.

    Digits of every script count. Separators of thousands are read (1,234,567; 12,34,567; 1'234; with `decimal` comma
    1.234,5), so are fractions (3/4, 1 1/2, \\frac{3}{4}) and powers of ten (1e5, 1.5 * 10^3). Signs of currency and
    percent are left out: 45 % is 45. Digits that belong to a word (GPT4, x2) and versions (1.2.3) are no numbers.
    """
    plain = _plain_notation(_plain_digits(text))
    return [value for value, _, _ in _found(plain, decimal)]


def the_number(text: str, decimal: DecimalMark = "point") -> Fraction | None:
    """Return the one number in `text`; None where there is none, or more than one."""
    found = numbers_in(text, decimal)
    return found[0] if len(found) == 1 else None


def with_plain_numbers(text: str) -> str:
    """Return `text` with every number written in one way: 1,000.50 as 1000.5."""
    plain, parts, end = _plain_digits(text), [], 0
    for value, start, stop in _found(plain, "point"):
        parts += [plain[end:start], _written(value)]
        end = stop
    return "".join([*parts, plain[end:]])


def _plain_notation(text: str) -> str:
    """Return `text` with numbers of LaTeX and Markdown, mixed numbers and powers of ten as plain ones."""
    text = _UNDERLINED.sub(r" \2 ", text.replace("{,}", ","))
    text = _FRACTION.sub(r"\1/\2", _AFTER_WHOLE.sub(" ", text))
    text = _POWER_OF_TEN.sub(_exponent("1"), _TIMES_POWER.sub(_exponent(""), text))
    return _MIXED.sub(_improper, text)


def _exponent(before: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{before}e{found[1].replace(chr(0x2212), '-')}"


def _improper(found: re.Match[str]) -> str:
    whole, above, below = map(int, found.groups())
    return f"{whole * below + above}/{below}" if above < below else found[0]


def _plain_digits(text: str) -> str:
    """Return `text` with the digits and decimal marks of all scripts as those of ASCII, one character for one."""
    if text.isascii():
        return text
    return "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() else {"\u066b": ".", "\u066c": ","}.get(c, c) for c in text
    )


def _found(text: str, decimal: DecimalMark) -> Iterator[tuple[Fraction, int, int]]:
    """Yield the numbers with the places where each begins and ends."""
    over = 0
    for token in _TOKEN.finditer(text):
        if token.start("digits") >= 0 and token.start("digits") < over:
            continue  # it was the lower half of a fraction
        below = None if text[max(token.start() - 1, 0) : token.start()] == "/" else _BELOW.match(text, token.end())
        for digits, start, stop in _pieces(token, decimal):
            whole = stop == token.end()
            value = _value(digits, token["sign"] or "", token["exponent"] if whole else None, decimal)
            if value is None:
                continue
            if below and whole and digits.isdigit() and 0 < len(below[1]) < _LONGEST and int(below[1]):
                value, stop = value / int(below[1]), below.end()
                over = stop
            yield value, start, stop


def _pieces(token: re.Match[str], decimal: DecimalMark) -> Iterator[tuple[str, int, int]]:
    """Yield what is one number each: all of the token, or what stands between marks that group no thousands."""
    if token["part"]:
        if token["part"][0] == _MARK[decimal]:
            yield "0" + token["part"], token.start(), token.end()
        else:
            yield token["part"][1:], token.start("part") + 1, token.end()
        return
    digits, first, end = token["digits"], token.start("digits"), token.end("digits")
    groups = re.escape(_GROUPING[decimal])
    mark = re.escape(_MARK[decimal])
    grouped = rf"[0-9]{{1,3}}(?P<by>[{groups}])[0-9]{{3}}(?:(?P=by)[0-9]{{3}})*|[0-9]{{1,2}}(?:,[0-9]{{2}})+,[0-9]{{3}}"
    if re.fullmatch(rf"(?:{grouped}|[0-9]+)(?:{mark}[0-9]+)?", digits):
        yield re.sub(f"[{groups}]", "", digits), token.start(), token.end()
        return
    for piece in re.finditer(rf"[^{groups}]+", digits):
        start, stop = first + piece.start(), first + piece.end()
        yield piece[0], token.start() if start == first else start, token.end() if stop == end else stop


def _value(digits: str, sign: str, exponent: str | None, decimal: DecimalMark) -> Fraction | None:
    whole, *part = digits.split(_MARK[decimal])
    power = int(exponent[1:]) if exponent else 0
    if len(digits) > _LONGEST or abs(power) > _EXPONENT or len(part) > 1:
        return None
    value = Fraction(f"{whole}.{part[0]}") if part else Fraction(int(whole))
    value = value * Fraction(10) ** power if power else value
    return value if sign in ("", "+") else -value


def _written(value: Fraction) -> str:
    below = value.denominator
    for prime in (2, 5):
        while below % prime == 0:
            below //= prime
    if below != 1:
        return f"{value.numerator}/{value.denominator}"
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(abs((value * 10**places).numerator)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if value < 0 else text
