"""Reads a tokenizer's Jinja chat template and special tokens, as transformers would read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchtui.models.reading import MAX_INDEX, Unreadable, read_bytes, read_json
from benchtui.text import one_line

TEMPLATE_FILE = "chat_template.jinja"
MORE_TEMPLATES = "additional_chat_templates"
SPECIAL_TOKENS_MAP = "special_tokens_map.json"
SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_CONFIG = "tokenizer_config.json"
_MAX_TEMPLATE = 1024 * 1024
_MOST_TEMPLATES = 50
_WITHOUT_DEFAULTS = ("PreTrainedTokenizerFast", "TokenizersBackend")


@dataclass(frozen=True)
class ChatTemplate:
    """`text` is Jinja, None when there is no template; `file` names the file it is in, for messages.

    `problem` says why files that hold templates give none, worded to follow the model's name; `note` explains what may
    surprise a user.
    """

    text: str | None = None
    file: str = ""
    problem: str = ""
    note: str = ""


def read_chat_template(folder: Path) -> ChatTemplate:
    """Read the template that transformers' tokenizer of `folder` has, in its order: chat_template.jinja and
    additional_chat_templates/, else tokenizer_config.json. Of several the one called `default` counts.

    Raises Unreadable, whose text starts with the file's name.
    """
    files = _template_files(folder)
    if files:
        named = {name: _text_of(file, folder) for name, file in files.items()}
        return chosen_template(named, {name: str(file.relative_to(folder)) for name, file in files.items()})
    configured = _read_config(folder, _CONFIG).get("chat_template")
    if isinstance(configured, list):
        configured = {
            str(entry.get("name")): entry.get("template") for entry in configured if isinstance(entry, dict)
        } or None
    if isinstance(configured, dict):
        return chosen_template(configured, dict.fromkeys(configured, _CONFIG))
    if configured is not None and not isinstance(configured, str):
        return ChatTemplate(file=_CONFIG, problem=f"cannot use the chat template in {_CONFIG}: it is no text")
    if configured is None and _read_config(folder, "chat_template.json").get("chat_template"):
        note = f"chat_template.json is only read for images and sound; a tokenizer needs {TEMPLATE_FILE}"
        return ChatTemplate(note=note)
    return _single(configured, _CONFIG)


def _template_files(folder: Path) -> dict[str, Path]:
    """Return the files of named templates; a file `default.jinja` among the additional ones wins, as in
    transformers."""
    files = {"default": folder / TEMPLATE_FILE} if (folder / TEMPLATE_FILE).exists() else {}
    more = folder / MORE_TEMPLATES
    found = sorted(path for path in more.glob("*.jinja") if path.is_file()) if more.is_dir() else []
    return files | {path.name.removesuffix(".jinja"): path for path in found[:_MOST_TEMPLATES]}


def _text_of(file: Path, folder: Path) -> str:
    name = file.relative_to(folder)
    try:
        return read_template(file)
    except FileNotFoundError:
        raise Unreadable(f"cannot be used: its {name} is gone") from None
    except Unreadable as error:
        raise Unreadable(f"cannot be used: its {name} {error}") from None


def read_template(file: Path) -> str:
    """Read the text of a template from its own file. Raises FileNotFoundError, Unreadable."""
    data, whole = read_bytes(file, _MAX_TEMPLATE)
    if not whole:
        raise Unreadable("is larger than 1 MB")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")  # as Python reads a text file


def chosen_template(named: dict[str, Any], files: dict[str, str]) -> ChatTemplate:
    """Return the one called `default` of several templates, by their names; `files` says where each stands."""
    if "default" in named:
        return _single(named["default"], files["default"])
    names = ", ".join(one_line(name, 40) for name in sorted(named)[:5])
    return ChatTemplate(
        file=next(iter(files.values())), problem=f"has several chat templates ({names}), and none is called default"
    )


def _single(value: Any, file: str) -> ChatTemplate:
    if not isinstance(value, str) or not value.strip():
        return ChatTemplate()
    return ChatTemplate(value, file)


def read_special_tokens(folder: Path) -> tuple[tuple[str, str | None], ...]:
    """Return the special tokens that the tokenizer in `folder` gives to its chat template: (name, text), text None for
    one that it is known not to have. Tokens that are left out have the default of the tokenizer's class, which only
    transformers knows.

    From tokenizer_config.json and, for tokenizers saved before it listed the added tokens, special_tokens_map.json.
    Raises Unreadable, whose text starts with the file's name.
    """
    config = _read_config(folder, _CONFIG)
    if not isinstance(config.get("added_tokens_decoder"), dict):
        config |= _read_config(folder, SPECIAL_TOKENS_MAP)
    found = {name: _token(config[name]) for name in SPECIAL_TOKENS if name in config}
    if config.get("tokenizer_class") in _WITHOUT_DEFAULTS:
        found = dict.fromkeys(SPECIAL_TOKENS) | found
    own = {name: value for name, value in config.items() if name.endswith("_token") and isinstance(value, str)}
    more = config.get("extra_special_tokens")
    own |= {name: _token(value) for name, value in more.items()} if isinstance(more, dict) else {}
    return tuple((found | {name: value for name, value in own.items() if name not in SPECIAL_TOKENS}).items())


def _token(value: Any) -> str | None:
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else None


def _read_config(folder: Path, name: str) -> dict[str, Any]:
    try:
        return read_json(folder / name, MAX_INDEX)
    except FileNotFoundError:
        return {}
    except Unreadable as error:
        raise Unreadable(f"cannot be used: its {name} {error}") from None
