"""BENCHTUI_ variables that are no setting: most often a typing error, which would change nothing and say nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from benchtui.settings.rows import SETTINGS
from benchtui.text import one_line

INTERNAL = frozenset({"BENCHTUI_LAUNCH_FILE", "BENCHTUI_SUPERVISOR_PID", "BENCHTUI_WORKER_MARK"})
"""What benchtui tells the processes that it starts."""


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each variable whose name begins like a setting's and is none."""
    known = [setting.variable for setting in SETTINGS]
    for name in sorted(environment):
        if name.startswith("BENCHTUI_") and name not in known and name not in INTERNAL:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            meant = f"Did you mean {near[0]}?" if near else "`benchtui run --help` lists the settings."
            yield f"the variable {one_line(name, 60)} is no setting and changes nothing. {meant}"
