"""The files of a tokenizer."""

from __future__ import annotations

from pathlib import Path

from benchtui.models.identity import local_identity
from benchtui.models.layout import TOKENIZER_FILES
from benchtui.models.tokenizer.chat_template import MORE_TEMPLATES, SPECIAL_TOKENS_MAP, TEMPLATE_FILE

SETTINGS_FILES = frozenset({"tokenizer_config.json", SPECIAL_TOKENS_MAP, "added_tokens.json"})
"""What a tokenizer's special tokens, class and template are read from."""
NAMES = TOKENIZER_FILES | SETTINGS_FILES | {"merges.txt", TEMPLATE_FILE, "chat_template.json"}
PATTERNS = (*sorted(NAMES), f"{MORE_TEMPLATES}/*.jinja")
"""For a download of nothing else."""


def tokenizer_files(folder: Path) -> list[Path]:
    """Return the files in `folder` that belong to its tokenizer, chat templates among them."""
    direct = [folder / name for name in sorted(NAMES) if (folder / name).is_file()]
    return [*direct, *sorted(path for path in (folder / MORE_TEMPLATES).glob("*.jinja") if path.is_file())]


def tokenizer_identity(folder: Path) -> str:
    """Compute the digest over names and content of the tokenizer's files in `folder`. Raises Unreadable."""
    return local_identity(tokenizer_files(folder), {})
