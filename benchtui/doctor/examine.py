"""Runs all checks at once, none of them longer than a set time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.doctor.check import Check
from benchtui.out_of_memory import memory_limit
from benchtui.text import one_line

if TYPE_CHECKING:
    from benchtui.doctor.backends import Wanted

DEADLINE_SECONDS = 2.6
"""When checks that are still running are abandoned, counted from the start of all."""
PATIENCE = 8.0
"""The same where a server was named: it is asked three times, and may be slow."""

LITTLE_MEMORY = 512_000_000
"""Bytes that this process may take (`ulimit -v`) below which it starts no threads."""


def run_checks(
    outputs: Path,
    *,
    python: str | None = None,
    offline: bool = False,
    wanted: Wanted | None = None,
    left_out: Collection[str] = (),
) -> list[Check]:
    """Run every check that is not `left_out` (by name), in the order in which they are shown; `offline` asks no hub.
    Where another `python` is named, its environment is checked as well; every backend, where something is `wanted`.

    Returns within DEADLINE_SECONDS or little more, within PATIENCE where a server was named.
    """
    from benchtui.doctor import accelerators, backends, hub, packages, storage, worker

    examinations: list[tuple[str, Callable[[], Iterable[Check]]]] = [
        ("Python", packages.check_python),
        ("Packages", packages.check_packages),
        ("IFEval", packages.check_ifeval),
        ("Other tasks", packages.check_task_families),
        ("GPU", accelerators.check_gpu),
        ("Devices", accelerators.check_devices),
        ("Cluster", packages.check_cluster),
        ("Memory", accelerators.check_memory),
        ("Hub", lambda: hub.check_hub(offline=offline)),
        ("Hub cache", hub.check_cache),
        ("NLTK data", lambda: storage.check_nltk(offline=offline)),
        ("Models", lambda: storage.check_models(outputs)),
        ("Disk", lambda: storage.check_disk(outputs)),
    ]
    if python is not None:
        examinations.insert(2, ("Worker", lambda: worker.check_worker_python(python)))
    seconds = DEADLINE_SECONDS
    if wanted is not None:
        examinations += backends.backend_examinations(outputs, wanted)
        seconds = DEADLINE_SECONDS if wanted.server is None else PATIENCE
    return run_together([found for found in examinations if found[0] not in left_out], seconds)


def run_together(examinations: list[tuple[str, Callable[[], Iterable[Check]]]], seconds: float) -> list[Check]:
    """Run all `examinations` side by side and return their findings; one that takes longer than `seconds` is named
    instead. Where this process may take very little memory they run one after another: of a thread that cannot begin
    nobody is told, and its start is waited for without end."""
    found: dict[str, list[Check]] = {}
    limit = memory_limit()
    if limit is not None and limit < LITTLE_MEMORY:
        for name, examination in examinations:
            _examine(name, examination, found)
        return [check for name, _ in examinations for check in found[name]]
    threads = [
        # Left behind when they take too long: a name server or a driver may hang for a minute.
        threading.Thread(target=_examine, args=(name, examination, found), daemon=True)
        for name, examination in examinations
    ]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = "took too long to find out; the rest of this list is not affected"
    return [check for name, _ in examinations for check in found.get(name) or [Check(name, "warning", late)]]


def _examine(name: str, examination: Callable[[], Iterable[Check]], found: dict[str, list[Check]]) -> None:
    try:
        found[name] = list(examination())
    except MemoryError:
        found[name] = [Check(name, "problem", "could not be examined: memory ran out", "Close other programs.")]
    except Exception as error:  # noqa: BLE001 - a doctor that falls over helps nobody; what happened is shown
        message = one_line(f"could not be examined: {type(error).__name__}: {error}", 200)
        found[name] = [Check(name, "problem", message, "Please report this as a bug.")]
