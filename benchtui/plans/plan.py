"""The header of a plan, which every kind of run has: whose run it is, and what its worker may do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from benchtui.errors import MADE_BY_NEWER, BenchtuiError
from benchtui.files import read_regular, write_run_file
from benchtui.text import printable

SCHEMA_VERSION = 1
LARGEST_PLAN = 64 * 1024 * 1024

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt")


class ModelSource(msgspec.Struct, frozen=True):
    """Where weights come from.

    `path` is a local folder or a hub id; `revision` the hub commit; `adapter` a PEFT folder put on top of `path`;
    `identity` a digest of the content (local) or the commit (hub), so that a replaced file is noticed; `tokenizer` a
    folder or hub id when it is not the one of `path`; `whole` a digest over every byte of the local folders, where the
    user asked for it (--verify). `adapter_on` is False only in plans of earlier versions, which
    took the base to be the adapter switched off.
    """

    path: str
    identity: str
    revision: str | None = None
    adapter: str | None = None
    adapter_on: bool = True
    tokenizer: str | None = None
    format: str = "hub"
    load_in_4bit: bool = False
    whole: str = ""

    @property
    def weights(self) -> tuple[str, str | None, bool]:
        """What must be equal for two plans to share one load; an adapter is put on what is loaded."""
        return (self.path, self.revision, self.load_in_4bit)

    @property
    def tokenizer_place(self) -> str:
        """Folder or hub id of the tokenizer: one beside the adapter is the one it was trained with."""
        if self.tokenizer:
            return self.tokenizer
        if self.adapter and any((Path(self.adapter) / name).is_file() for name in TOKENIZER_FILES):
            return self.adapter
        return self.path

    @property
    def switched_off(self) -> bool:
        """Whether the base was taken to be an adapter switched off, unproven, as earlier versions did."""
        return self.adapter is not None and not self.adapter_on

    @property
    def local(self) -> bool:
        return Path(self.path).is_absolute()


class Permissions(msgspec.Struct, frozen=True):
    """What the user explicitly allowed for this run; all off by default."""

    remote_code: bool = False
    pickle: bool = False
    unsafe_code: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What every plan holds, whatever the kind of run; each kind adds its own fields in a subclass.

    Stored as run/plan.json, all fields in one object: the header can be read also where nobody knows the kind. `kind`
    is missing in plans of earlier versions, which knew benchmarks only. `model_name` is the name of the model folder
    that the run lies in. `bench_id` is shared by the runs that one command started together. `created` is a time in
    ISO 8601. `command` is what to type to get the same plan.
    """

    kind: str = "benchmark"
    model_name: str
    bench_id: str
    created: str
    device: str = "auto"
    permissions: Permissions = Permissions()
    offline: bool = False
    command: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION


P = TypeVar("P", bound=Plan)


def write_plan(path: Path, plan: Plan) -> None:
    write_run_file(path, msgspec.json.format(msgspec.json.encode(plan), indent=2))


class _Kind(msgspec.Struct, frozen=True):
    kind: str = "benchmark"
    schema_version: int = SCHEMA_VERSION


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
        return msgspec.json.decode(raw, type=type_of(there.kind))
    except FileNotFoundError:
        raise BenchtuiError(f"{path} is missing: {path.parent.parent} is not a benchtui run.") from None
    except (msgspec.MsgspecError, OSError, UnicodeDecodeError, RecursionError) as error:
        raise BenchtuiError(f"{path} cannot be read as a run plan: {error}") from None


def _kind_of(plan: type[Plan]) -> str:
    return next(str(field.default) for field in msgspec.structs.fields(plan) if field.name == "kind")
