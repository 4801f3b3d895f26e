"""The kinds of values that settings take, each with its readers and its writer."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchtui.durations import parse_duration, seconds_words
from benchtui.settings import key_values, values
from benchtui.settings.sampling import check_number
from benchtui.settings.setting import Form, Repeated, Switch

_YES = ("1", "true", "t", "yes", "y", "on")
_NO = ("0", "false", "f", "no", "n", "off")
_DEVICE = re.compile(r"[0-9]{1,4}|(?:GPU|MIG)-[A-Za-z0-9/-]{1,80}")


def _is(value: object, word: str) -> bool:
    return isinstance(value, str) and value.strip().lower() == word


def _or_word(word: str, form: Form, means: Any = None) -> Form:
    """Return `form` with `word` as another spelling, which is read as `means`."""

    def typed(text: str) -> Any:
        if _is(text, word):
            return means
        try:
            return form.typed(text)
        except ValueError as error:
            raise ValueError(f"{error}, or {word}") from None

    def filed(value: object) -> Any:
        if _is(value, word):
            return means
        try:
            return form.filed(value)
        except ValueError as error:
            raise ValueError(f'{error}, or "{word}"') from None

    return Form(typed, filed, lambda value: word if value == means else form.written(value))


def named(word: str) -> Form:
    """Return the form for the name of something that exists; `word` is what is taken where none is named."""

    def written(value: str) -> str:
        return f"./{value}" if _is(value, word) else value  # a folder of that name, as a path

    return _or_word(word, Form(values.text_typed, values.text, written))


NAME = Form(values.text_typed, values.text, str)


def _free_text(value: object) -> str | None:
    if not isinstance(value, str):
        raise ValueError("text in quotes")  # noqa: TRY004 - one kind of refusal for every reader
    return values.storable(value) or None


FREE_TEXT = Form(_free_text, _free_text, lambda value: value or "")
"""Any text; the empty one for none."""


def choice(*choices: str) -> Form:
    def typed(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    def filed(value: object) -> str:
        if value not in choices:
            raise ValueError(" or ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return Form(typed, filed, str)


def choice_or(word: str, *choices: str) -> Form:
    """Return the form for one of these words, or for `word`, which is read as None."""
    return _or_word(word, choice(*choices))


def choice_or_file(*choices: str) -> Form:
    """Return the form for one of these words, or the path of a file."""

    def typed(text: str) -> str:
        if text in choices or Path(text).expanduser().is_file():
            return text
        raise ValueError(f"one of {', '.join(choices)}, or a file")

    def filed(value: object) -> str:
        if isinstance(value, str) and (value in choices or Path(value).expanduser().is_file()):
            return value
        words = " or ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f"{words}, or a file")

    return Form(typed, filed, str)


def some_of(*words: str) -> Form:
    """Return the form for one or more of these words; they are kept in this order, each once."""

    def chosen(names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or not set(names) <= set(words):
            raise ValueError(f"one or more of {', '.join(words)}, joined by commas")
        return tuple(word for word in words if word in names)

    return Form(lambda text: chosen(_names_typed(text)), lambda value: chosen(_names_filed(value)), ",".join)


def whole_number(least: int, most: int = values.LARGEST) -> Form:
    def checked(number: int) -> int:
        if number > most:
            raise ValueError(f"a whole number from {least} to {most}")
        return number

    return Form(
        lambda text: checked(values.whole_number_typed(text, least)),
        lambda value: checked(values.whole_number(value, least)),
        str,
    )


def whole_number_or(word: str, least: int, means: Any = None) -> Form:
    return _or_word(word, whole_number(least), means)


LIMIT = _or_word("auto", Form(values.limit_typed, values.limit_or_all, values.limit_words))
"""A number or a share of documents, or all of them; auto for what the suite or the file says."""


def _no_limit(read: Callable[[Any], float]) -> Callable[[Any], float | None]:
    """Read the weaker limit, which a file or --default-limit gives: "all" is no limit."""

    def limit(value: Any) -> float | None:
        found = read(value)
        return None if found == float("inf") else found

    return limit


DEFAULT_LIMIT = Form(
    _no_limit(values.limit_typed),
    _no_limit(values.limit_or_all),
    lambda value: "all" if value is None else values.limit_words(value),
)


def _points_typed(text: str) -> float:
    try:
        number: object = float(text)
    except ValueError:
        number = None
    return values.points(number)


POINTS = Form(_points_typed, values.points, values.number_words)


def _duration_filed(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError('a duration like "30min", or a number of seconds')  # noqa: TRY004 - as above
    return parse_duration(str(value))


DURATION = _or_word("never", Form(parse_duration, _duration_filed, seconds_words))

SEEDS = Form(values.seeds, values.seeds, lambda value: ",".join(map(str, value)))


def _names_typed(text: str) -> tuple[str, ...]:
    if not text.strip():
        return ()
    parts = tuple(part.strip() for part in text.split(","))
    if not all(parts):
        raise ValueError("a list of task names joined by commas")
    return tuple(values.storable(part) for part in parts)


def _names_filed(value: object) -> tuple[str, ...]:
    names: list[Any] = value if isinstance(value, list) else [value]
    if value == "":
        return ()
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError("a task's name, or a list of names, in quotes")
    return tuple(part for name in names for part in _names_typed(name))


TASKS = Form(_names_typed, _names_filed, ",".join)

FOLDER = Form(values.folder_typed, values.folder, str)

FOLDERS = Repeated(
    typed=lambda texts: tuple(values.folder_typed(text) for text in texts if text),
    filed=values.folders,
    written=lambda value: [str(folder) for folder in value],
    split=lambda text: text.split(os.pathsep),
)

SOURCES = Repeated(
    typed=lambda texts: tuple(values.text_typed(text) for text in texts if text),
    filed=values.texts,
    written=list,
    split=lambda text: text.split("\n"),
)
"""Files, data sets or metrics, each in a flag of its own; in a variable each on a line of its own."""


def sampling(name: str) -> Form:
    """Return the form for a number that says how tokens are drawn; auto for what the task says."""

    def typed(text: str) -> float | int:
        try:
            number: object = int(text) if name == "top_k" else float(text)
        except ValueError:
            number = None
        return check_number(name, number)

    return _or_word("auto", Form(typed, lambda value: check_number(name, value), values.number_words))


GENERATION = Form(key_values.generation_typed, key_values.generation_filed, key_values.generation_written)

MODEL_ARGUMENTS = Repeated(
    typed=key_values.model_arguments_typed,
    filed=key_values.model_arguments_filed,
    written=key_values.model_arguments_written,
    split=key_values.split_variable,
)


def _devices_typed(text: str) -> str:
    """Numbers as CUDA counts GPUs, or the driver's own names of them, joined by commas; or one of two words."""
    names = [part.strip().removeprefix("cuda:") for part in text.split(",")]
    if len(names) == 1 and names[0].lower() in ("auto", "cpu"):
        return names[0].lower()
    if not all(_DEVICE.fullmatch(name) for name in names):
        raise ValueError("GPUs joined by commas (0,1), auto, or cpu")
    names = [str(int(name)) if name.isdecimal() else name for name in names]
    if len(set(names)) < len(names):
        raise ValueError("GPUs that are each named once (--workers 2 --devices 0 puts two workers on one)")
    return ",".join(names)


def _devices_filed(value: object) -> str:
    found = value if isinstance(value, list) else [value]
    if not found or not all(isinstance(one, int | str) and not isinstance(one, bool) for one in found):
        raise ValueError('GPUs in quotes, like "0,1", a list of their numbers, "auto", or "cpu"')
    return _devices_typed(",".join(map(str, found)))


DEVICES = _or_word("none", Form(_devices_typed, _devices_filed, str))
"""GPUs, auto for all that there are, cpu for none of them; none where nothing is said."""


DEVICES_EACH = _or_word("off", whole_number_or("auto", 1, "auto"))
"""A number of devices, or auto; off where nothing is said."""


def switch(on: str, off: str) -> Switch:
    """Return the form of a setting that is on or off."""
    return _switch({on: True, off: False}, {})


def switch_or(word: str, on: str, off: str, undecided: str) -> Switch:
    """Return the form of a setting that is on, off, or `word`: undecided, which is None."""
    return _switch({on: True, off: False, undecided: None}, {word: None})


def _switch(flags: Mapping[str, bool | None], words: Mapping[str, None]) -> Switch:
    expected = "".join(f", or {word}" for word in words)

    def typed(text: str) -> bool | None:
        said = text.strip().lower()
        if said in words:
            return words[said]
        if said not in (*_YES, *_NO):
            raise ValueError(f"yes or no (1 or 0){expected}")
        return said in _YES

    def filed(value: object) -> bool | None:
        if isinstance(value, str) and value in words:
            return words[value]
        try:
            return values.yes_or_no(value)
        except ValueError as error:
            raise ValueError(f"{error}{expected}") from None

    return Switch(flags, typed, filed)
