"""The Jinja chat template that lies beside a model, found in the order in which its files take precedence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchtui.models.reading import MAX_INDEX, Unreadable, read_bytes, read_json

_MAX_TEMPLATE = 1024 * 1024


def read_chat_template(folder: Path) -> str | None:
    """The template of the tokenizer in `folder`: chat_template.jinja, else tokenizer_config.json, else
    chat_template.json; None when it has none. Of several named ones the one called `default` counts.

    Raises Unreadable, its text opening with the file's name.
    """
    try:
        data, whole = read_bytes(folder / "chat_template.jinja", _MAX_TEMPLATE)
    except FileNotFoundError:
        pass  # most tokenizers keep it in their configuration
    except Unreadable as error:
        raise Unreadable(f"cannot be used: its chat_template.jinja {error}") from None
    else:
        if not whole:
            raise Unreadable("cannot be used: its chat_template.jinja is larger than 1 MB")
        return data.decode("utf-8", "replace")
    return _configured(folder, "tokenizer_config.json") or _configured(folder, "chat_template.json")


def _configured(folder: Path, name: str) -> str | None:
    try:
        template = read_json(folder / name, MAX_INDEX).get("chat_template")
    except FileNotFoundError:
        return None
    except Unreadable as error:
        raise Unreadable(f"cannot be used: its {name} {error}") from None
    return _default(template) if isinstance(template, list) else _jinja(template)


def _default(templates: list[Any]) -> str | None:
    named = [entry for entry in templates if isinstance(entry, dict) and entry.get("name") == "default"]
    return _jinja(named[0].get("template")) if named else None


def _jinja(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def read_special_tokens(folder: Path) -> tuple[tuple[str, str], ...]:
    """The special tokens that the tokenizer in `folder` hands to its chat template: (name, text), those it has.

    From tokenizer_config.json, where each is its text or an object that holds it; empty when there is no such file.
    Raises Unreadable, its text opening with the file's name.
    """
    try:
        config = read_json(folder / "tokenizer_config.json", MAX_INDEX)
    except FileNotFoundError:
        return ()
    except Unreadable as error:
        raise Unreadable(f"cannot be used: its tokenizer_config.json {error}") from None
    found = ((name, config.get(name)) for name in SPECIAL_TOKENS)
    texts = ((name, token.get("content") if isinstance(token, dict) else token) for name, token in found)
    return tuple((name, text) for name, text in texts if isinstance(text, str))
