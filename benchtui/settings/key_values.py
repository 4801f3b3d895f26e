"""`key=value` settings, as lm-eval writes them: what --model-args and --gen-kwargs take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from benchtui.backends.registry import reserved_arguments
from benchtui.errors import UsageError
from benchtui.settings.sampling import check_sampling
from benchtui.settings.secrets import refuse_secrets
from benchtui.settings.values import json_settings

_NEXT = re.compile(r",(?=\s*[A-Za-z_]\w*=)")
"""A comma parts two settings only where the next one begins: `a=[1,2],b=3`."""
_WORDS = {"True": True, "False": False, "None": None}
_JSON = json.JSONDecoder()


def model_arguments_typed(texts: Sequence[str]) -> dict[str, Any]:
    """Each text is `key=value`, or several joined by commas; the last of a name counts."""
    found = {key: value for text in texts for key, value in _pairs(text, "add_bos_token=True")}
    for key in found:
        if flag := reserved_arguments().get(key):
            raise UsageError(f"it cannot set {key}.", f"Use {flag}.")
    return _without_secrets(json_settings(found))


def model_arguments_filed(value: object) -> dict[str, Any]:
    """A table, a list of `key=value`, or text with several."""
    if isinstance(value, dict):
        texts = [
            f"{key}={item if isinstance(item, str) else json.dumps(item, default=str)}" for key, item in value.items()
        ]
    else:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError('a table like {revision = "main"}, or "key=value" in a list')
        texts = items
    if any("trust_remote_code" in text.replace("-", "_") for text in texts):
        raise UsageError(
            "trust_remote_code cannot be set in a file: it is decided for each run.",
            "Remove it and type --trust-remote-code where you mean it.",
        )
    try:
        return model_arguments_typed(texts)
    except ValueError:
        raise ValueError('a table like {revision = "main"}, or "key=value" in a list') from None


def model_arguments_written(value: dict[str, Any]) -> list[str]:
    return [_pair_written(key, item) for key, item in value.items()]


def split_variable(text: str) -> list[str]:
    """Cut the text of a variable into `key=value`s, which may be separated by blanks there."""
    return re.split(r"\s+(?=[A-Za-z_]\w*=)", text.strip())


def generation_typed(text: str) -> dict[str, Any]:
    """`temperature=0.7,top_p=0.9` as lm-eval writes it, or JSON; empty text for none."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        return _generation(dict(_pairs(stripped, "temperature=0.7")))
    try:
        settings = json.loads(stripped)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError('JSON such as {"temperature": 0.7}') from None
    return _generation(settings)


def generation_filed(value: object) -> dict[str, Any]:
    """A table, or text as above."""
    if isinstance(value, dict):
        return _generation(value)
    if isinstance(value, str):
        return generation_typed(value)
    raise ValueError('a table like {temperature = 0.7}, or text like "temperature=0.7,top_p=0.9"')


def generation_written(value: dict[str, Any]) -> str:
    return json.dumps(value) if value else ""


def _generation(settings: dict[str, Any]) -> dict[str, Any]:
    found = _without_secrets(json_settings(settings))
    check_sampling(found)
    return found


def _without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    refuse_secrets(settings)
    return settings


def _pairs(text: str, example: str) -> Iterator[tuple[str, Any]]:
    place = 0
    while place < len(text):
        if not text[place:].strip():
            return
        key, equals, _ = text[place:].partition("=")
        if not equals or not re.fullmatch(r"[^\s,={}\"'\[\]]+", key.strip()):
            raise ValueError(f"key=value, for example {example}")
        value, place = _value(text, place + len(key) + 1)
        yield key.strip(), value


def _value(text: str, start: int) -> tuple[Any, int]:
    """Return the value that begins at `start`, and where the next setting begins."""
    blanks = len(text[start:]) - len(text[start:].lstrip())
    try:
        value, end = _JSON.raw_decode(text, start + blanks)
    except (ValueError, RecursionError):
        pass
    else:
        if not text[end:].strip(", "):
            return value, len(text)
        if after := _NEXT.match(text, end):
            return value, after.end()
    following = _NEXT.search(text, start)
    word = text[start : following.start() if following else len(text)]
    return _WORDS.get(word, word), following.end() if following else len(text)


def _pair_written(key: str, value: Any) -> str:
    """Write text as it is where it is read as that text again, everything else as JSON."""
    if isinstance(value, str):
        plain = f"{key}={value}"
        try:
            if dict(_pairs(plain, "")) == {key: value}:
                return plain
        except ValueError:
            pass  # what follows a comma in it is no setting: as JSON it is read as one
    return f"{key}={json.dumps(value)}"
