"""Checks the environment of another Python that workers are to run in."""

from __future__ import annotations

from collections.abc import Iterator

from benchtui.backends.access import Access
from benchtui.backends.registry import BUILT_IN
from benchtui.doctor.backends import installed
from benchtui.doctor.check import Check
from benchtui.errors import BenchtuiError
from benchtui.plans.worker_python import worker_environment_of
from benchtui.python_environment import WORKER_NEEDS, OtherEnvironment, check_packages
from benchtui.text import one_line


def check_worker_python(named: str) -> Iterator[Check]:
    """Check the Python that --python names: what every worker needs, then what each backend in it needs."""
    try:
        environment = worker_environment_of(named, "")
        if not isinstance(environment, OtherEnvironment):
            yield Check("Worker", "ok", "runs in benchtui's own Python")
            return
        version = ".".join(map(str, environment.said.version))
        check_packages(environment, WORKER_NEEDS, "A worker")
    except BenchtuiError as error:
        yield Check("Worker", "problem", error.what, error.next_step)
        return
    where = one_line(environment.path, 200)
    yield Check("Worker", "ok", f"Python {version} at {where}, lm-eval {environment.version_of('lm_eval')}")
    for backend in BUILT_IN.values():
        if backend.served or not backend.needs:
            continue
        access = Access(environment=environment)
        try:
            backend.check(access)
        except BenchtuiError as error:
            yield Check(f"{backend.name} there", "warning", error.what, error.next_step)
        else:
            yield Check(f"{backend.name} there", "ok", installed(backend, access))
