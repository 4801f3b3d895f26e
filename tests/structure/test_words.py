"""The text of the source itself: plain words, files that can be read in one sitting, packages without a face."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.graph import ROOT, modules

LONGEST = 400
"""Lines of a file."""

BANNED = re.compile(
    r"gone on with|go on with|goes on with|going on with|stands? for\b|stood for\b|taken? up\b|takes up\b|workshop"
    r"|\btrunk\b|is told so\b|it is said\b|is to be said|(?<!nearly )all the same\b|so that none\b|\bmend(s|ed)?\b"
    r"|for their own sake|\bcame of it|\bcome to it\b",
    re.IGNORECASE,
)
"""Private metaphors that someone who learnt English at school does not understand at first reading."""

NEEDED = {
    "benchtui/__init__.py": "__version__, which the packaging reads from there",
    "benchtui/cli/__init__.py": "must run before anything that is installed is imported",
}
"""What an `__init__.py` holds besides a docstring, and why."""

FILES = sorted(modules().values())


def comments_and_docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of every comment, and of every string that is a statement by itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, " ".join(node.value.value.split())
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_a_banned_word_is_found_in_docstrings_and_comments_only() -> None:
    source = '"""Take a run up, so that it can be gone\non with."""\nname = "workshop"  # the workshop\n'
    assert [line for line, text in comments_and_docstrings(source) if BANNED.search(text)] == [1, 3]


def test_private_metaphors_do_not_occur() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {match[0]}"
        for file in FILES
        for line, text in comments_and_docstrings(file.read_text(encoding="utf-8"))
        if (match := BANNED.search(text))
    ]
    assert not found, "\n".join(found)


def test_no_file_is_too_long() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.name == "__init__.py"], ids=lambda file: file.parent.name
)
def test_a_package_has_no_face(file: Path) -> None:
    """Names are imported from the file that defines them: `__init__.py` holds one docstring at most."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    if str(file.relative_to(ROOT)) not in NEEDED:
        assert len(body) <= 1
        assert not body or isinstance(body[0], ast.Expr)
