"""A strict reader of the LaTeX that reports write: raises for everything that plain LaTeX would stop at."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[{}$&#^_~%]|\n|[^\\{}$&#^_~%\n]+", re.DOTALL)
TEXT_COMMANDS = {
    *("begin", "end", "hline", "multicolumn", "textbf", "quad", "par", "smallskip", "footnotesize", "textbackslash"),
    *("textasciicircum", "textasciitilde", "textquotedblright", "textendash", "ldots", "ss", "ae", "AE", "o", "O"),
    *("l", "L", "u", "r", "H", "v", "c"),
}
MATH_COMMANDS = {"bigtriangleup", "bigtriangledown", "cdot", "times", "star", "approx", "geq", "circ"}


def tables_of(text: str) -> list[list[str]]:
    """Return the rows of the tabular, each as its cells; raises ValueError for what would not compile."""
    if not text.isascii():
        raise ValueError("characters that need a package")
    _check(text)
    body = re.search(r"\\begin{tabular}{([lr]+)}\n(.*)\\end{tabular}", text, re.DOTALL)
    if body is None:
        raise ValueError("no tabular")
    if "&" in text.replace(body[0], "").replace("\\&", ""):
        raise ValueError("& outside of the table")
    rows = []
    for line in body[2].replace("\\hline\n", "").split(" \\\\\n"):
        if not line:
            continue
        if line.startswith(("[", "*")):
            raise ValueError("an argument of the line's end above")
        cells = re.split(r"(?<!\\)&", line)
        spanned = sum(int(number) - 1 for number in re.findall(r"\\multicolumn{(\d+)}", line))
        if len(cells) + spanned != len(body[1]):
            raise ValueError(f"{len(cells) + spanned} cells in {len(body[1])} columns: {line}")
        rows.append([cell.strip() for cell in cells])
    return rows


def _check(text: str) -> None:
    depth, math = 0, False
    lines = "\n".join(line for line in text.split("\n") if not line.startswith("%"))
    for token in _TOKEN.findall(lines):
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
        elif token == "$":
            math = not math
        elif token == "&" and depth:
            raise ValueError("& inside a group")
        elif token in ("#", "^", "_", "%"):
            raise ValueError(f"{token} is not escaped")
        elif token == "\n" and math:
            raise ValueError("mathematics over a line's end")
        elif re.fullmatch(r"\\[a-zA-Z]+", token) and token[1:] not in (MATH_COMMANDS if math else TEXT_COMMANDS):
            raise ValueError(f"{token} is not known here")
        if depth < 0:
            raise ValueError("} without {")
    environments = re.findall(r"\\(begin|end){(\w+)}", lines)
    if environments != [("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table")]:
        raise ValueError(f"environments {environments}")
    if depth or math:
        raise ValueError("a group or mathematics is not closed")
