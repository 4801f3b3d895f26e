"""What models are reached with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchtui.python_environment import OWN, PythonEnvironment


@dataclass(frozen=True)
class Access:
    """What models are reached with: the `server` (None: where the backend looks by itself), the backend's own
    `settings`, whether only what is cached may be used, and whether pickled weights may be loaded. The worker runs in
    `environment`."""

    server: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False
    pickle: bool = False
    environment: PythonEnvironment = OWN
