"""Whatever goes wrong: what was answered is kept, scored and can be continued, and nothing is left running."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.faults.table import Faults, Row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def test_fault(fault_name: str, faults: Faults, reported: Callable[[Row], None]) -> None:
    for row in faults.rows(fault_name):
        assert row.left == 0
        reported(row)
