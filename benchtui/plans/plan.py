"""The header of a plan, which every kind of run has: whose run it is, and what its worker may do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from benchtui.errors import MADE_BY_NEWER, BenchtuiError
from benchtui.files import read_regular, write_run_file
from benchtui.text import printable

SCHEMA_VERSION = 2
"""2: the source has a type, and what belongs to the backend is kept apart."""
LARGEST_PLAN = 64 * 1024 * 1024


class Permissions(msgspec.Struct, frozen=True):
    """What the user explicitly allowed for this run; all off by default."""

    remote_code: bool = False
    pickle: bool = False
    unsafe_code: bool = False
    metric_code: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What every plan holds, whatever the kind of run; each kind adds its own fields in a subclass.

    Stored as run/plan.json, all fields in one object: the header can be read also where the kind is not known. `kind`
    is missing in plans of earlier versions, which knew benchmarks only. `model_name` is the name of the model folder
    that the run lies in. `bench_id` is shared by the runs that one command started together. `created` is a time in
    ISO 8601. `command` is what to type to get the same plan. `python` is the path of the Python that runs the worker,
    None for benchtui's own; whoever resumes the run names it again, since a plan may come from anybody.
    """

    kind: str = "benchmark"
    model_name: str
    bench_id: str
    created: str
    device: str = "auto"
    permissions: Permissions = Permissions()
    offline: bool = False
    command: tuple[str, ...] = ()
    python: str | None = None
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def upgraded(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON of a plan of an earlier version as this version writes it; overridden where that differs."""
        return document


P = TypeVar("P", bound=Plan)


def write_plan(path: Path, plan: Plan) -> None:
    write_run_file(path, msgspec.json.format(msgspec.json.encode(plan), indent=2))


class _Kind(msgspec.Struct, frozen=True):
    kind: str = "benchmark"
    schema_version: int = 1


def schema_of(raw: bytes) -> int:
    """The schema of a plan, of whatever version. Raises msgspec.MsgspecError, RecursionError."""
    return msgspec.json.decode(raw, type=_Kind).schema_version


def read_plan(path: Path, of: type[P]) -> P:
    """The plan in `path`, as the type `of` its kind; `Plan` itself reads the header of any kind.

    Raises BenchtuiError naming the file when it is missing, damaged, of another kind, or made by a newer benchtui.
    """

    def wanted(kind: str) -> type[P]:
        if of is not Plan and kind != (own := _kind_of(of)):
            raise BenchtuiError(
                f"{path.parent.parent} is a run of the kind {printable(kind, 40)}, not {own}.",
                "`benchtui runs` lists all runs.",
            )
        return of

    return read_plan_as(path, wanted)


def read_plan_as(path: Path, type_of: Callable[[str], type[P]]) -> P:
    """The plan in `path`, as the type that `type_of` gives for its kind. Raises BenchtuiError as `read_plan` does."""
    try:
        raw = read_regular(path, LARGEST_PLAN)
        there = msgspec.json.decode(raw, type=_Kind)
        if there.schema_version > SCHEMA_VERSION:
            raise BenchtuiError(f"{path} was {MADE_BY_NEWER}.", "Update benchtui to use this run.")
        of = type_of(there.kind)
        if there.schema_version == SCHEMA_VERSION:
            return msgspec.json.decode(raw, type=of)
        document = of.upgraded(msgspec.json.decode(raw))
        return msgspec.convert({**document, "schema_version": SCHEMA_VERSION}, type=of)
    except FileNotFoundError:
        raise BenchtuiError(f"{path} is missing: {path.parent.parent} is not a benchtui run.") from None
    except (msgspec.MsgspecError, OSError, UnicodeDecodeError, RecursionError) as error:
        raise BenchtuiError(f"{path} cannot be read as a run plan: {error}") from None


@cache  # asking a Struct for its fields takes longer than reading a plan
def _kind_of(plan: type[Plan]) -> str:
    return next(str(field.default) for field in msgspec.structs.fields(plan) if field.name == "kind")
