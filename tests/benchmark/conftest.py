"""What the tests of laid-out runs share."""

from tests.runs.conftest import laid as laid
