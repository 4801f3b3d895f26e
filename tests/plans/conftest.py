from __future__ import annotations

from tests.runs.conftest import laid as laid
