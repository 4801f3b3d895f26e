"""Ask a server which models it has, without waiting for one that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchtui.backends.access import Access
from benchtui.backends.backend import Backend
from benchtui.backends.servers import is_local
from benchtui.errors import BenchtuiError
from benchtui.models.layout import TrainedModel
from benchtui.text import one_line

PATIENCE = 8.0
"""Seconds after which a server that says nothing counts as silent."""
_LOOK = 0.05


@dataclass(frozen=True)
class Served:
    """What a backend's server answered: its `models`, or the `words` for why there are none. `server` is the URL that
    was asked, None for where the backend looks by itself. `facts` are what is known of each model, by its name."""

    server: str | None
    models: tuple[TrainedModel, ...] = ()
    words: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


def asks(backend: Backend, access: Access) -> bool:
    """Return whether there is a server to ask: one that was named, or one that the backend knows and that an offline
    run may ask as well."""
    address = _address(backend, access)
    return access.server is not None or (address is not None and (not access.offline or is_local(address)))


def asking(backend: Backend, access: Access) -> str:
    """Return what is said while a server is asked."""
    return f"Asking {one_line(_address(backend, access) or '', 100)} …"


def _address(backend: Backend, access: Access) -> str | None:
    """What is asked; a name that is no address is told of by the asking itself."""
    try:
        return backend.server(access)
    except BenchtuiError:
        return access.server or "the server"


def ask_server(
    backend: Backend, outputs: Path, access: Access, stop: threading.Event, patience: float = PATIENCE
) -> Served:
    """Ask for the models of `access.server`, at most for `patience` seconds or until `stop` is set.

    Whoever is asked and says nothing is left behind in a thread that keeps no program from ending.
    """
    found: list[Served] = []

    def ask() -> None:
        try:
            models = tuple(backend.list_models(outputs, access))
        except BenchtuiError as error:
            found.append(Served(access.server, words=_line(error)))
        except Exception as error:  # noqa: BLE001 - whatever an installed backend does: shown, with its kind
            words = f"The {backend.name} backend could not ask: {type(error).__name__}: {one_line(str(error), 200)}"
            found.append(Served(access.server, words=words))
        else:
            found.append(Served(access.server, models, "" if models else "It answers, and has no model."))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    end = time.monotonic() + patience
    while thread.is_alive() and time.monotonic() < end and not stop.is_set():
        thread.join(_LOOK)
    if found:
        return found[0]
    where = one_line(_address(backend, access) or "", 100)
    words = "No longer asked." if stop.is_set() else f"{where} does not answer within {patience:g} s."
    return Served(access.server, words=words)


def with_facts(backend: Backend, served: Served, model: TrainedModel | None, access: Access) -> Served:
    """Return `served` with what the backend knows of its models; it may read files through, to tell which of `model`
    they are. Call it in a thread."""
    if not served.models:
        return served
    try:
        return replace(served, facts=backend.served_facts(model, access))
    except BenchtuiError as error:
        return replace(served, words=_line(error))


def ask_servers(
    backends: Mapping[str, Backend], outputs: Path, access: Mapping[str, Access], stop: threading.Event
) -> dict[str, Served]:
    """Ask by several backends at once, by their names. An interrupt (Ctrl+C) ends the waiting, and nothing else."""
    asked = {name: backend for name, backend in backends.items() if asks(backend, access[name])}
    with ThreadPoolExecutor(max_workers=max(len(asked), 1)) as pool:
        jobs = {name: pool.submit(ask_server, backend, outputs, access[name], stop) for name, backend in asked.items()}
        try:
            wait(jobs.values())
        except KeyboardInterrupt:
            stop.set()
        return {name: job.result() for name, job in jobs.items()}


def _line(error: BenchtuiError) -> str:
    step = f" → {one_line(error.next_step, 200)}" if error.next_step else ""
    return one_line(error.what, 200) + step
