"""What people can say of each setting: as a flag, in a variable, in benchtui.toml."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomlkit
from hypothesis import strategies as st

from benchtui.backends.registry import BUILT_IN
from benchtui.cli.parameters.choice import choice_from_flags
from benchtui.cli.run import command
from benchtui.errors import UsageError
from benchtui.plans.choice import Choice
from benchtui.settings.rows import FILE_KEYS, OF_DATA, SETTINGS
from benchtui.settings.setting import Setting, Switch

HOSTILE = [
    "-x",
    "--json",
    "it's",
    '"quoted"',
    "two words",
    "a\nb",
    "$HOME",
    "`id`",
    "a;b",
    "ünïcödé 模型",
    "#no",
    "~",
    "a\\b",
    "!",
    "*",
]
NAMES = st.text("abcdefgh-_0123456789", min_size=1, max_size=12) | st.sampled_from([*HOSTILE, "all", "Newest", "AUTO"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | st.sampled_from(HOSTILE)
LIMITS = (
    st.sampled_from(["all", "auto", "5", "1234567", "2147483647", "0.1", "0.123456789", "1e3", "0.00001"])
    | st.integers(1, 10**9).map(str)
    | st.floats(0, 1, exclude_min=True, exclude_max=True).map(repr)
)  # fmt: skip
TOML = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(["add_bos_token", "prefix_token_id", "revision", "x"])
PAIRS = st.builds(
    lambda key, value: f"{key}={value}",
    KEYS,
    TEXTS | st.sampled_from(["1", "True", "None", '"1"', "[1,2]", "a,b=2", "a,b"]),
)
WHOLE = st.integers(2, 9000).map(str) | st.just("auto")

SAMPLING = ("temperature", "top-k", "top-p", "min-p")

TYPED: dict[str, st.SearchStrategy[str]] = {
    "outputs": NAMES,
    "model": NAMES,
    "model-checkpoint": NAMES,
    "base": NAMES,
    "adapter-base": NAMES,
    "format": NAMES,
    "suite": st.sampled_from(["quick", "core", "test", "own", "none"]),
    "tasks": st.sampled_from(["", "ifeval", "ifeval, gsm8k", "mine"]),
    "data": st.sampled_from(["", "mine.jsonl", "hub:org/name:main/test", *HOSTILE]),
    "prompt": TEXTS,
    "answer": TEXTS,
    "choices": st.sampled_from(["", "choices", "a,b"]),
    "data-kind": st.sampled_from(["auto", "generate", "perplexity"]),
    "count-from": st.sampled_from(["auto", "0", "1"]),
    "metric": st.sampled_from(["", "exact_match", "f1"]),
    "data-split": st.sampled_from(["", "test"]),
    "data-sample": st.sampled_from(["all", "1", "20"]),
    "data-sample-seed": st.sampled_from(["0", "1234", "7"]),
    "fewshot-from": st.sampled_from(["", "train", "mine.jsonl"]),
    "include-path": NAMES | st.just(""),
    "limit": LIMITS,
    "default-limit": LIMITS.filter(lambda text: text != "auto"),
    "decide-delta": st.sampled_from(["0.5", "5", "100", "0.0000001", "33.333333333333336"]),
    "decide-loss": st.sampled_from(["1", "3", "0.25"]),
    "decide-for": st.sampled_from(["sign", "loss", "sign,loss", "equivalence, sign", "sign,loss,equivalence"]),
    "num-fewshot": st.sampled_from(["0", "5", "auto"]),
    "default-num-fewshot": st.sampled_from(["0", "3", "auto"]),
    "chat-template": st.sampled_from(["auto", "on", "off"]),
    "system-instruction": TEXTS,
    "gen-kwargs": st.sampled_from(["temperature=0.7,top_p=0.9", "", '{"until": ["\\n", "a,b=1"]}', "x=True"]),
    "temperature": st.sampled_from(["auto", "0", "0.7", "1", "1e-3"]),
    "top-k": st.sampled_from(["auto", "0", "50"]),
    "top-p": st.sampled_from(["auto", "0.9", "1"]),
    "min-p": st.sampled_from(["auto", "0", "0.05"]),
    "repeats": st.sampled_from(["1", "8", "1000"]),
    "think-end-token": TEXTS,
    "max-length": WHOLE,
    "seed": st.sampled_from(["1", "0,1,2,3", "4294967295"]),
    "timeout": st.sampled_from(["never", "30min", "0.5", "1234567s", "90.5s", "1h30m", "0.1s", "2d03h10m5s"]),
    "batch-size": WHOLE,
    "dtype": st.sampled_from(["auto", "float32", "bfloat16"]),
    "device": NAMES,
    "workers": WHOLE,
    "models-at-once": WHOLE,
    "cluster": st.sampled_from(["none"]),  # any other is asked whether it is there
    "devices": st.sampled_from(["auto", "cpu", "none", "0", "0,1", " 1, 0", "cuda:1", "GPU-5c89b1,MIG-7a/3/0"]),
    "model-parallel": st.sampled_from(["off", "auto", "1", "2", "8"]),
    "backend": NAMES,
    "server": NAMES,
    "python": NAMES | st.just("own"),
    **{
        own.name: st.sampled_from(own.choices) if own.choices else NAMES
        for backend in BUILT_IN.values()
        for own in backend.settings
    },
    "model-args": PAIRS | st.just(""),
}
"""For each setting that takes a value: what may stand behind its flag."""


def _filed(setting: Setting) -> st.SearchStrategy[Any]:
    """What may stand in benchtui.toml: the same things in TOML's own types."""
    if setting.name == "model-parallel":
        return st.sampled_from(["off", "auto", 1, 2, 8])
    if isinstance(setting.form, Switch):
        return st.sampled_from([True, False, *(["auto"] if setting.name == "enable-thinking" else [])])
    if setting.name == "gen-kwargs":
        return st.dictionaries(KEYS, TOML, max_size=2)
    if setting.name == "model-args":
        return st.dictionaries(KEYS, st.booleans() | st.integers(0, 9) | TEXTS, max_size=2) | st.lists(
            PAIRS, max_size=2
        )
    if setting.file_key in (
        "limit",
        "num-fewshot",
        "max-length",
        "batch-size",
        "workers",
        "models-at-once",
        "decide-delta",
        "decide-loss",
        "repeats",
        *SAMPLING,
    ):
        return TYPED[setting.name].map(lambda text: text if text in ("all", "auto") else _number(text))
    return TYPED[setting.name].filter(lambda text: bool(text.strip()))


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


_NEEDED = {OF_DATA: ["--data", "mine.jsonl"], ("data-sample",): ["--data", "mine.jsonl", "--data-sample", "3"]}
"""What most people type before it, since it is refused without."""


def flags_of(rows: Sequence[Setting]) -> st.SearchStrategy[list[str]]:
    """Flags of these settings, in any order, some of them twice."""
    one = st.sampled_from(rows).flatmap(
        lambda row: (
            st.sampled_from([[flag] for flag in row.flags])
            if isinstance(row.form, Switch)
            else TYPED[row.name].map(lambda text: [*_NEEDED.get(row.only_with, []), row.flag, text])
        )
    )
    return st.lists(one, max_size=12).map(lambda said: [part for parts in said for part in parts])


def variables_of(rows: Sequence[Setting]) -> st.SearchStrategy[dict[str, str]]:
    """Variables of some of these settings."""
    some = st.lists(st.sampled_from(rows), max_size=6, unique_by=lambda row: row.name)
    return some.flatmap(lambda chosen: st.fixed_dictionaries({row.variable: _variable(row) for row in chosen}))


def _variable(setting: Setting) -> st.SearchStrategy[str]:
    if isinstance(setting.form, Switch):
        return st.sampled_from(["1", "0", "true", "No", *(["auto"] if setting.name == "enable-thinking" else [])])
    return TYPED[setting.name]


def files_of(rows: Sequence[Setting]) -> st.SearchStrategy[dict[str, Any]]:
    """What [run] may say of some of these settings."""
    keys = sorted(row.file_key for row in rows if row.file_key)
    some = st.lists(st.sampled_from(keys), max_size=6, unique=True)
    return some.flatmap(lambda chosen: st.fixed_dictionaries({key: _filed(FILE_KEYS[key]) for key in chosen}))


FLAGS, VARIABLES, FILES = flags_of(SETTINGS), variables_of(SETTINGS), files_of(SETTINGS)

OWN_SUITE = {
    "own": {"tasks": ["ifeval", {"name": "gsm8k", "num-fewshot": 5, "limit": 7}, {"name": "piqa", "limit": 0.5}]}
}
"""A suite says its own limit for some of its tasks only."""

OWN_TASK = {"mine": {"data": "mine.jsonl", "prompt": "question", "answer": "answer"}}
QUESTIONS = "".join(f'{{"question": "What is {n}?", "answer": "{n:03}"}}\n' for n in range(5))
"""What mine.jsonl holds where there is such a file."""


@dataclass(frozen=True)
class Place:
    """A folder with a benchtui.toml, and variables: what is said beside a command."""

    folder: Path
    variables: dict[str, str]

    def parse(self, arguments: Sequence[str]) -> Choice:
        """The Choice that `benchtui run` makes here of `arguments`, by the real command."""
        with self._here():
            context = command.make_context("run", list(arguments))
            with context:
                return replace(choice_from_flags(context.params), command=())

    @contextmanager
    def _here(self) -> Iterator[None]:
        before, variables = Path.cwd(), dict(os.environ)
        os.chdir(self.folder)
        os.environ.update(self.variables)
        os.environ["XDG_CONFIG_HOME"] = str(self.folder / "config")
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(variables)


ONLY_OWN = ("include-path", "model-args", "gen-kwargs")
"""What can run code is believed in the user's own file alone."""


def place(folder: Path, file: dict[str, Any], variables: dict[str, str]) -> Place:
    """`folder` with a benchtui.toml, and the user's own file in it, for what that alone may say."""
    own = folder / "config" / "benchtui" / "benchtui.toml"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(tomlkit.dumps({"run": {key: file[key] for key in file if key in ONLY_OWN}}), encoding="utf-8")
    project = {key: value for key, value in file.items() if key not in ONLY_OWN}
    tables = {"run": project, "suites": OWN_SUITE, "tasks": OWN_TASK}
    (folder / "benchtui.toml").write_text(tomlkit.dumps(tables), encoding="utf-8")
    return Place(folder, variables)


def parsed(place: Place, arguments: Sequence[str]) -> Choice | None:
    """None where the saying makes no sense, which is said in one line."""
    try:
        return place.parse(arguments)
    except UsageError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) == 1, refusal
    return None
