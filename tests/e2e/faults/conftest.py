"""The faults run side by side in the background; each test waits for one of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from tests.e2e.faults import causes
from tests.e2e.faults.table import FAULTS, LONG_ONLY, Faults, Row, table
from tests.e2e.faults.workshop import build

LONG = os.environ.get("BENCHTUI_FAULTS") == "long"
ROW = "fault row"
"""The name of the property that brings a row to where the table is printed, which may be another process."""

SHORT = (
    "SIGTERM, Ctrl+C, Ctrl+C twice, SIGSTOP, SIGHUP",
    "an allocation that fails, and the batch size that is remembered",
    "damaged files",
    "several workers: a document that kills every worker",
    "a truncated results file",
    "a worker that hangs at exit",
    "a worker that ignores SIGTERM",
    "a worker that prints a gigabyte, lines of 50 MB, escape codes, binary",
)
"""The faults of `make test`; the others are marked "long"."""

causes.load()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_name" in metafunc.fixturenames:
        names = [name for name in FAULTS if LONG or name not in LONG_ONLY]
        marks = {name: [pytest.mark.long] for name in names if name not in SHORT}
        metafunc.parametrize("fault_name", [pytest.param(name, marks=marks.get(name, ())) for name in names])


@pytest.fixture(scope="session")
def faults(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    chosen = [item.callspec.params["fault_name"] for item in request.session.items if _names_fault(item)]  # type: ignore[attr-defined]
    root = tmp_path_factory.mktemp("faults")
    running = Faults(chosen, build(root / "workshop"), root)
    yield running
    running.close()


def _names_fault(item: pytest.Item) -> bool:
    return "fault_name" in getattr(getattr(item, "callspec", None), "params", {})


@pytest.fixture
def reported(record_property: Callable[[str, object], None]) -> Callable[[Row], None]:
    return lambda row: record_property(ROW, asdict(row))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    properties = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    rows = [Row(**value) for name, value in properties if name == ROW]
    if rows:
        terminalreporter.section("faults")
        for line in table(rows):
            terminalreporter.write_line(line)
