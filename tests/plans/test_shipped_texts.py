"""benchtui's own prompts are there, each with an answer, and no version ever changes."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from benchtui.plans.shipped_texts import SHIPPED, shipped_texts

ROOT = Path(__file__).parents[2]


def test_sixty_prompts_have_answers() -> None:
    texts = shipped_texts()
    assert texts.name == SHIPPED == "benchtui's own prompts, version 1"
    assert len({text.prompt for text in texts.texts}) == 60
    assert all(text.answer.startswith("\n") and text.answer.rstrip() == text.answer for text in texts.texts)
    assert all(text.prompt.strip() == text.prompt for text in texts.texts), "a space at the end would be a token's part"
    assert not texts.chat


def test_in_a_chat_template_an_answer_stands_alone() -> None:
    texts = shipped_texts(chat=True)
    assert texts.chat
    assert all(text.answer.rstrip("\n") == text.answer != "" and text.answer[0] != "\n" for text in texts.texts)


def test_the_version_is_what_it_was() -> None:
    """Whoever changes a prompt makes a new version: results name the version that they are of."""
    file = ROOT / "benchtui" / "tokens" / "prompts" / "version-1.jsonl"
    assert hashlib.sha256(file.read_bytes()).hexdigest()[:16] == "a11166f903e1fd25"


def test_the_package_takes_the_file_along() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert "benchtui" in built["wheel"]["packages"]
    assert "benchtui" in built["sdist"]["include"]
