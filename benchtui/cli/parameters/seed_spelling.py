"""The command line of eval.py, a script that other people's notebooks come with, as benchtui spells it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchtui.errors import UsageError
from benchtui.text import one_line

_MODEL = re.compile(r"--model_([1-9]\d{0,3})")
_FLAGS = {
    "--data_file": "--data",
    "--max_prompts": "--limit",
    "--max_new_tokens": "--max-new-tokens",
    "--experiment_name": "--experiment",
    "--output_dir": "--output",
}
_NAMES, _FORCED = "--model_names", "--teacher_forced"
OUTPUT, NEW_TOKENS = "./results", "4096"
"""What eval.py writes to, and how long its texts are, where nothing says otherwise."""


def translated(arguments: Sequence[str]) -> list[str]:
    """Return arguments with the flags of eval.py in benchtui's spelling; others stay as they are.

    Where models are named as eval.py names them (--model_1 PATH), its defaults count too: each model writes its own
    text unless --teacher_forced says that all read the same, and its files are written. Raises UsageError for a flag
    without its value.
    """
    read = _read(arguments)
    said = read.others
    if read.names:
        said = ["--names", ",".join(map(_name, read.names)), *said]
    if read.models:
        said = [*_defaults(said, read.models, forced=read.forced), *said]
    elif read.forced:
        said = ["--mode", "given", *said]
    if read.forced and "--max-new-tokens" in said:  # nothing is written
        place = said.index("--max-new-tokens")
        del said[place : place + 2]
    ordered = [read.models[number] for number in sorted(read.models)]
    return [*said, *([] if "--" in said or not ordered else ["--"]), *ordered]


@dataclass
class _Read:
    """What was typed: `others` are flags and words that are benchtui's, or were made so."""

    others: list[str] = field(default_factory=list)
    models: dict[int, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    forced: bool = False


def _read(arguments: Sequence[str]) -> _Read:
    found, rest = _Read(), deque(arguments)
    while rest:
        word = rest.popleft()
        flag, equals, value = word.partition("=")
        if word == "--":
            found.others += [word, *rest]
            break
        if flag == _FORCED:
            found.forced = True
        elif flag == _NAMES:
            found.names = [value] if equals else list(_words(rest))
        elif model := _MODEL.fullmatch(flag):
            found.models[int(model[1])] = value or _value(flag, rest)
        elif flag in _FLAGS:
            found.others += [_FLAGS[flag], value or _value(flag, rest)]
        else:
            found.others.append(word)
    return found


def _value(flag: str, rest: deque[str]) -> str:
    value = next(_words(rest), "")
    if not value:
        raise UsageError(f"{flag} has no value.", f"Write one behind it: {flag} VALUE")
    return value


def _words(rest: deque[str]) -> Iterator[str]:
    """Take words from the front of `rest` up to the next flag."""
    while rest and not rest[0].startswith("-"):
        yield rest.popleft()


def _name(name: str) -> str:
    if "," in name:
        raise UsageError(f"--model_names: {one_line(name, 60)!r} has a comma.", "Names are words with spaces between.")
    return name


def _defaults(said: Sequence[str], models: dict[int, str], *, forced: bool) -> list[str]:
    """Return the flags that eval.py means where nobody says otherwise."""
    there = {word.partition("=")[0] for word in said}
    numbers = sorted(models)
    defaults = {
        "--mode": "given" if forced else "own",
        "--format": "seed",
        "--output": OUTPUT,
        "--names": ",".join(f"model_{number}" for number in numbers),
    }
    if not forced:
        defaults["--max-new-tokens"] = NEW_TOKENS
    return [part for flag, value in defaults.items() if flag not in there for part in (flag, value)]
