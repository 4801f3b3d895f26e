"""Checks each backend: what is installed, which versions its numbers were checked with, whether a server answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend
from benchtui.backends.openai import UNVERIFIED
from benchtui.backends.registry import DEFAULT_BACKEND, backend_names, find_backend
from benchtui.backends.servers import look
from benchtui.doctor.check import Check, Status
from benchtui.errors import BenchtuiError
from benchtui.plans.worker_python import worker_environment_of
from benchtui.text import one_line

_MOST_NAMED = 4


@dataclass(frozen=True)
class Wanted:
    """What the user is about to run with: the backend whose lacks are problems, a server (None: where backends look by
    themselves), and another Python for that backend (`hf` is looked for beside benchtui as well)."""

    backend: str = DEFAULT_BACKEND
    server: str | None = None
    python: str | None = None


def backend_examinations(outputs: Path, wanted: Wanted) -> list[tuple[str, Callable[[], Iterator[Check]]]]:
    """Return an examination for each backend that is registered, and for the wanted one where it is not."""
    names = dict.fromkeys([*backend_names(), wanted.backend])
    return [(_row(name), lambda name=name: _check(name, outputs, wanted)) for name in names]  # type: ignore[misc]


def _check(name: str, outputs: Path, wanted: Wanted) -> Iterator[Check]:
    status: Status = "problem" if name == wanted.backend else "absent"
    try:
        backend = find_backend(name)
        python = wanted.python if name == wanted.backend != DEFAULT_BACKEND else None
        access = Access(environment=worker_environment_of(python, name))
        if backend.served:
            backend.check()
        else:
            backend.check(access)
    except BenchtuiError as error:
        yield Check(_row(name), status, one_line(error.what, 400), error.next_step)
        return
    if backend.served:
        yield _check_server(backend, outputs, wanted, status)
    else:
        yield Check(_row(name), "ok", _words(backend, installed(backend, access)))


def installed(backend: Backend, access: Access) -> str:
    """Return the versions of a backend's packages, each with the one that its numbers were checked with where that is
    another one."""
    found = []
    for need in backend.needs:
        version = access.environment.version_of(need.package) or "?"
        checked = f" (checked with {need.checked})" if need.checked not in ("", version.split("+")[0]) else ""
        found.append(f"{need.package} {one_line(version, 40)}{checked}")
    if access.environment.python is not None:
        found.append(f"in {one_line(access.environment.python, 200)}")
    return ", ".join(found) or "nothing to install"


def _check_server(backend: Backend, outputs: Path, wanted: Wanted, status: Status) -> Check:
    """Whether a server answers: the one that was named, or one that the backend knows on this machine. Where a backend
    of servers was named, the server is its own, and no other is asked there."""
    access = Access(None if backend.name != wanted.backend and _is_served(wanted.backend) else wanted.server)
    named = access.server is not None
    try:
        address = backend.server(access)
        if address is None:
            return Check(_row(backend.name), "ok", _words(backend, "no server named; --server URL asks one"))
        said = _answers(backend, outputs, replace(access, server=address))
    except BenchtuiError as error:
        lacking: Status = "warning" if named and status == "absent" else status
        return Check(_row(backend.name), lacking, _words(backend, one_line(error.what, 400)), error.next_step)
    return Check(_row(backend.name), "ok", _words(backend, said))


def _is_served(name: str) -> bool:
    try:
        return find_backend(name).served
    except BenchtuiError:  # said of its own row
        return False


def _answers(backend: Backend, outputs: Path, access: Access) -> str:
    """Return what answers: product, version, models. Raises BenchtuiError where nothing does."""
    models = backend.list_models(outputs, access)
    product, told = _product(access.server or "") or backend.name, backend.identity(access)
    version = next((told[name] for name in told if name.lower() in ("server version", product)), "")
    names = ", ".join(one_line(model.name, 60) for model in models[:_MOST_NAMED])
    more = f" and {len(models) - _MOST_NAMED} more" if len(models) > _MOST_NAMED else ""
    has = f"it has {names}{more}" if models else "it has no model"
    untried = f"; {UNVERIFIED[product]}" if product in UNVERIFIED else ""
    return one_line(f"{product} {version}".strip(), 100) + f" at {one_line(access.server or '', 120)}; {has}{untried}"


def _product(address: str) -> str:
    """Return what product it is, "" where it does not speak OpenAI's language beside its own."""
    try:
        return look(address).product
    except BenchtuiError:
        return ""


def _words(backend: Backend, found: str) -> str:
    return "; ".join(filter(None, [found, backend.unverified]))


def _row(name: str) -> str:
    return f"{one_line(name, 40)} backend"
