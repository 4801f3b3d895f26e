"""Settings from files: ./benchtui.toml over the user's own benchtui.toml.

The order everywhere is flag > environment (BENCHTUI_<FLAG>) > ./benchtui.toml > user's benchtui.toml > default.
`cli/parameters/settings` reads flags and environment; this module reads the files, for click's default map.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from benchtui.backends.registry import DEFAULT_BACKEND, find_backend
from benchtui.errors import UsageError
from benchtui.files import PACKAGE
from benchtui.settings.code import code_in_generation, is_task_file
from benchtui.settings.data_tables import data_tables
from benchtui.settings.rows import FILE_KEYS, NO_SUITE, OF_OWN_DATA, PERMISSIONS
from benchtui.settings.tables import checked, known_keys, unknown
from benchtui.settings.values import limit_value, task_name, text, whole_number
from benchtui.tasks.data.spec import DataSpec
from benchtui.tasks.metrics.own_file import is_own
from benchtui.tasks.suites import Suite, TaskPlan
from benchtui.text import one_line

T = TypeVar("T")

FILE_NAME = "benchtui.toml"
_TABLES = ("run", "suites", "tasks", "backends")
_TABLES_SHOWN = "[run], [suites.NAME], [tasks.NAME] and [backends.NAME]"
_BACKEND_KEYS = ("python",)
_SUITE_KEYS = ("title", "description", "best-for", "tasks")
_TASK_KEYS = ("name", "num-fewshot", "limit")
_PER_RUN = {setting.name: setting for setting in PERMISSIONS}
_OF_DATA = frozenset(setting.name for setting in OF_OWN_DATA)
LARGEST_FILE = 256 * 1024
"""Bytes; a file of settings has a few hundred."""
_DEEPEST_KEY = 100
"""Names joined by dots in one key: reading one of thousands would take for ever."""


@dataclass(frozen=True)
class Config:
    """`run_defaults`: name of the flag, with underscores -> the setting's value, for click's default_map.

    `origin`: the same names -> the file each came from. `files`: those that were read, the stronger first. `pythons`:
    name of a backend -> path of the Python that its worker runs in. `data`: the data sets of [tasks.NAME].
    """

    run_defaults: Mapping[str, Any] = field(default_factory=dict)
    suites: tuple[Suite, ...] = ()
    files: tuple[Path, ...] = ()
    origin: Mapping[str, Path] = field(default_factory=dict)
    pythons: Mapping[str, str] = field(default_factory=dict)
    data: tuple[DataSpec, ...] = ()


def user_config_file() -> Path:
    from platformdirs import user_config_path

    return user_config_path("benchtui", appauthor=False) / FILE_NAME


def load_config(cwd: Path | None = None, *, user_file: Path | None = None) -> Config:
    """What ./benchtui.toml (in `cwd`, by default the working folder) and the user's file say; empty when neither is.

    Raises UsageError naming file and key (or line) for what cannot be read or makes no sense, and for what could run
    code where ./benchtui.toml says it: the folder may be somebody else's.
    """
    own = user_file or user_config_file()
    files = [file for file in ((cwd or _here()) / FILE_NAME, own) if _is_there(file)]
    defaults: dict[str, Any] = {}
    suites: dict[str, Suite] = {}
    pythons: dict[str, str] = {}
    data: dict[str, DataSpec] = {}
    origin: dict[str, Path] = {}
    for file in reversed(files):
        settings = _read(file)
        found = _run_defaults(settings.get("run", {}), file)
        defaults.update(found)
        origin.update(dict.fromkeys(found, file))
        found_suites = _suites(settings.get("suites", {}), file)
        found_pythons = _pythons(settings.get("backends", {}), file)
        found_data = data_tables(settings.get("tasks", {}), file)
        if file != own:
            _refuse_code(file, own, found, found_suites, found_data)
            if found_pythons:
                raise _only_typed(file, "python", "the Python of a backend is a program that is started", own)
        pythons.update(found_pythons)
        suites.update({suite.name: suite for suite in found_suites})
        data.update({spec.name: spec for spec in found_data})
    return Config(
        MappingProxyType(defaults),
        tuple(suites.values()),
        tuple(files),
        MappingProxyType(origin),
        MappingProxyType(pythons),
        tuple(data.values()),
    )


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError:
        raise UsageError("The working folder no longer exists.", "Change to one that does.") from None


def _is_there(file: Path) -> bool:
    try:
        file.lstat()
    except OSError:  # also a home that belongs to somebody else, as in some containers
        return False
    return True


def check_task_folders(config: Config) -> None:
    """Raise UsageError where the working folder's benchtui.toml names a folder of tasks that is not benchtui's own."""
    source, folders = config.origin.get("include_path"), config.run_defaults.get("include_path", ())
    foreign = next((path for path in folders if not path.resolve().is_relative_to(PACKAGE)), None)
    if foreign is not None and source is not None and source != user_config_file():
        why = f"tasks in the include-path {one_line(str(foreign), 200)} can run code"
        raise _only_typed(source, "include-path", why, user_config_file())


def check_model_arguments(config: Config, backend: str) -> None:
    """Raise UsageError where the working folder's benchtui.toml gives model arguments that could load files or code in
    `backend`: a flag or variable may choose another one than the file names. Raises also where there is none."""
    source = config.origin.get("model_args")
    if source is not None and source != user_config_file():
        _refuse_arguments(source, user_config_file(), config.run_defaults["model_args"], backend)


def _refuse_code(
    file: Path, own: Path, defaults: Mapping[str, Any], suites: Sequence[Suite], data: Sequence[DataSpec]
) -> None:
    """Raise UsageError for what could run code: paths of task files and of metrics, some model arguments and generation
    settings."""
    named = [*defaults.get("tasks", ()), *(task.name for suite in suites for task in suite.tasks)]
    if path := next((name for name in named if is_task_file(name)), None):
        raise _only_typed(file, "tasks", f"the task file {one_line(path, 60)} can run code", own)
    if metric := next((metric for spec in data for metric in spec.metrics if is_own(metric)), None):
        raise _only_typed(file, "metric", f"the metric {one_line(Path(metric).name, 60)} is code", own)
    _refuse_arguments(file, own, defaults.get("model_args", {}), defaults.get("backend", DEFAULT_BACKEND))
    for name in code_in_generation(defaults.get("gen_kwargs", {})):
        raise _only_typed(file, "gen-kwargs", f"{name} can run code", own)


def _refuse_arguments(file: Path, own: Path, arguments: Mapping[str, Any], backend: str) -> None:
    found = find_backend(backend) if arguments else None
    for name, value in arguments.items():
        if found is None or not found.is_harmless(name, value):
            raise _only_typed(file, "model-args", f"{one_line(name, 60)} can load files and code", own)


def _only_typed(file: Path, key: str, why: str, own: Path) -> UsageError:
    return UsageError(
        f"{file}: {why}, which the file of a folder cannot allow.",
        f"If you trust it, type it as --{key}, or say it in {own}.",
    )


def _read(file: Path) -> dict[str, Any]:
    settings = read_toml(file, tomllib.loads)
    for key, value in settings.items():
        if key in _TABLES and isinstance(value, dict):
            continue
        if key in FILE_KEYS or key in _PER_RUN:
            raise UsageError(f"{file}: {key} stands outside a table.", "Put it below a line that says [run].")
        if key not in _TABLES:
            raise unknown(file, key, _TABLES, _TABLES_SHOWN)
    return settings


def read_toml(file: Path, parse: Callable[[str], T]) -> T:
    """Return what `parse` makes of the text of `file`. Raises UsageError with one line for what is no benchtui.toml."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would have us wait for ever
            raise UsageError(f"{file} is not a regular file.", "Remove it, or put a file in its place.")
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_FILE + 1)
        if len(raw) > LARGEST_FILE:
            raise UsageError(
                f"{file} is no file of settings: it is larger than {LARGEST_FILE // 1024} KB.",
                "Remove it, or put the right file in its place.",
            )
        text = raw.decode("utf-8-sig")
        _check_keys(text)
        return parse(text)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.", "Correct or remove it.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text.", "Save it as UTF-8.") from None
    except RecursionError:
        raise UsageError(f"{file}: its tables or lists are nested too deeply.", "Correct or remove it.") from None
    except ValueError as error:  # a number of thousands of digits is a ValueError
        raise UsageError(f"{file} is not valid TOML: {one_line(str(error))}.", "Correct that line.") from None


def _check_keys(text: str) -> None:
    """Raise RecursionError for a key of very many names."""
    if any(part.count(".") > _DEEPEST_KEY for part in re.split(r"[^\w\"' \t.-]", text)):
        raise RecursionError


def _run_defaults(table: object, file: Path) -> dict[str, Any]:
    if not isinstance(table, dict):
        raise UsageError(f"{file}: run must be a table.", "Write [run] on a line of its own, settings below it.")
    defaults: dict[str, Any] = {}
    for key, value in table.items():
        if key in _PER_RUN:
            raise UsageError(
                f"{file}: {key} cannot be set in a file: it is decided for each run.",
                f"Remove it and type --{key} where you mean it.",
            )
        if key in _OF_DATA:
            raise UsageError(
                f"{file}: {key} says something of one data set, and [run] is about all tasks.",
                'Write [tasks.NAME] with data = "FILE" and what else is to be said of it, and tasks = ["NAME"] here.',
            )
        if key not in FILE_KEYS:
            raise unknown(file, f"run.{key}", tuple(FILE_KEYS), "what `benchtui run --help` lists")
        setting = FILE_KEYS[key]
        defaults[setting.parameter] = checked(setting.form.filed, value, file, f"run.{key}")
    if "include_path" in defaults:
        # A path in a file means the same from wherever benchtui is started.
        defaults["include_path"] = tuple(file.parent / path for path in defaults["include_path"])
    return defaults


def _pythons(table: object, file: Path) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(backend, dict) for backend in table.values()):
        raise UsageError(f"{file}: backends must be tables.", 'Write [backends.NAME], then python = "…".')
    found = {}
    for name, backend in table.items():
        where = f"backends.{one_line(name, 60)}"
        known_keys(backend, _BACKEND_KEYS, file, where)
        if "python" in backend:
            found[name] = checked(_program, backend["python"], file, f"{where}.python")
    return found


def _program(value: object) -> str:
    """A path, or the name of a program; a path that begins with ~ is in the home folder."""
    return str(Path(text(value)).expanduser())


def _suites(table: object, file: Path) -> list[Suite]:
    if not isinstance(table, dict) or not all(isinstance(suite, dict) for suite in table.values()):
        raise UsageError(f"{file}: suites must be tables.", 'Write [suites.NAME], then tasks = ["ifeval", …].')
    return [_suite(name, suite, file) for name, suite in table.items()]


def _suite(name: str, table: dict[str, Any], file: Path) -> Suite:
    where = f"suites.{name}"
    if not re.fullmatch(r"[A-Za-z0-9][\w-]*", name):
        raise UsageError(f"{file}: {one_line(name)!r} is no name for a suite.", "Use letters, digits, - and _.")
    if name == NO_SUITE:
        raise UsageError(f"{file}: a suite cannot be called {NO_SUITE}, which means no suite.", "Rename it.")
    known_keys(table, _SUITE_KEYS, file, where)
    words = {key: checked(_words, table.get(key, ""), file, f"{where}.{key}") for key in _SUITE_KEYS[:3]}
    tasks = table.get("tasks")
    if not isinstance(tasks, list) or not tasks:
        raise UsageError(
            f"{file}: {where}.tasks must be a list of tasks.",
            'Write it like tasks = ["ifeval", {name = "gsm8k", num-fewshot = 5}].',
        )
    plans = tuple(_task(task, file, f"{where}.tasks[{place}]") for place, task in enumerate(tasks))
    return Suite(
        name=name,
        title=words["title"] or name,
        description=words["description"],
        tasks=plans,
        best_for=words["best-for"],
        source=str(file),
    )


def _task(task: object, file: Path, where: str) -> TaskPlan:
    if isinstance(task, str):
        task = {"name": task}
    if not isinstance(task, dict):
        raise UsageError(f"{file}: {where} must be a task's name or a table.", "See `benchtui tasks`.")
    known_keys(task, _TASK_KEYS, file, where)
    name: str = checked(task_name, task.get("name"), file, f"{where}.name")
    shots, limit = task.get("num-fewshot"), task.get("limit")
    return TaskPlan(
        name,
        num_fewshot=None if shots is None else checked(_shots, shots, file, f"{where}.num-fewshot"),
        limit=None if limit is None else checked(limit_value, limit, file, f"{where}.limit"),
    )


def _words(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("text in quotes")  # noqa: TRY004 - one kind of refusal for every reader
    return value


def _shots(value: object) -> int:
    return whole_number(value, 0)
