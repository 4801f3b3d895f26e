"""Where a cluster is, as --cluster says it, and what keeps a run from going there that can be said at once."""

from __future__ import annotations

import importlib.util
import os
import re
import socket

from benchtui.errors import BenchtuiError, UsageError
from benchtui.text import one_line

AUTO = "auto"
INSTALL = 'python -m pip install "benchtui[cluster]"'
REACH_SECONDS = 5.0
_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
_START = "`ray status` on a machine of the cluster tells whether it runs, and its address."


def check_address(address: str) -> None:
    """Raise UsageError where this is no address of a cluster, or Ray is not installed; BenchtuiError where nothing
    listens there. Takes seconds at most. With "auto" Ray looks itself, in RAY_ADDRESS first."""
    if importlib.util.find_spec("ray") is None:
        raise UsageError("--cluster needs Ray, which is not installed.", INSTALL)
    place = os.environ.get("RAY_ADDRESS", "") if address == AUTO else address
    if place in ("", AUTO):
        return
    if place.startswith("ray://"):
        raise UsageError(
            f"{one_line(place, 200)} is the address of Ray Client, which is not used here.",
            "Start benchtui on a machine of the cluster (`ray start` makes this one a part of it), and name HOST:PORT.",
        )
    found = _ADDRESS.fullmatch(place)
    if found is None or not 0 < int(found["port"]) < 65536:
        said = "RAY_ADDRESS is" if address == AUTO else "--cluster takes auto or HOST:PORT, not"
        raise UsageError(f"{said} {one_line(place, 200)!r}.", "`ray status` names the address of a cluster.")
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), REACH_SECONDS).close()
    except OSError as error:
        why = error.strerror or error
        raise BenchtuiError(f"No cluster can be reached at {one_line(place, 200)}: {why}.", _START) from error
