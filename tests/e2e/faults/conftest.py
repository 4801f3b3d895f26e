"""The faults run side by side in the background; each test waits for one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.faults import causes
from tests.e2e.faults.table import FAULTS, LONG_ONLY, Faults, table
from tests.e2e.faults.workshop import build

LONG = os.environ.get("BENCHTUI_FAULTS") == "long"
_started: list[Faults] = []

causes.load()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_name" in metafunc.fixturenames:
        metafunc.parametrize("fault_name", [name for name in FAULTS if LONG or name not in LONG_ONLY])


@pytest.fixture(scope="session")
def faults(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    chosen = [item.callspec.params["fault_name"] for item in request.session.items if _names_fault(item)]  # type: ignore[attr-defined]
    root = tmp_path_factory.mktemp("faults")
    running = Faults(chosen, build(root / "workshop"), root)
    _started.append(running)
    yield running
    running.close()


def _names_fault(item: pytest.Item) -> bool:
    return "fault_name" in getattr(getattr(item, "callspec", None), "params", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [row for running in _started for row in running.finished()]
    if rows:
        terminalreporter.section("faults")
        for line in table(rows):
            terminalreporter.write_line(line)
