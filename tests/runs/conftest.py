"""What the tests of laid-out runs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.laid_out import Laid


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    return Laid(tmp_path)
