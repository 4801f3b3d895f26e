"""The environment a worker is started with: what the libraries read from it when they are imported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchtui.models.hub.asking import hub_is_offline
from benchtui.plans.plan import Plan
from benchtui.tasks.metrics.own_file import ALLOWED

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "TRANSFORMERS_OFFLINE")


def worker_environment(plans: Sequence[Plan]) -> dict[str, str]:
    """Variables for a worker of these plans. They must be set before its first import: the libraries look only once."""
    return library_environment(
        offline=is_offline(plans),
        unsafe_code=all(plan.permissions.unsafe_code for plan in plans),
        metric_code=all(plan.permissions.metric_code for plan in plans),
    )


def library_environment(*, offline: bool, unsafe_code: bool = False, metric_code: bool = False) -> dict[str, str]:
    """Variables for a process that imports lm-eval and what it needs; without the permissions it runs no such code."""
    environment = {
        "TOKENIZERS_PARALLELISM": "false",  # its threads do not survive a fork
        "DISABLE_MULTIPROC": "1",  # lm-eval's bootstrap pool has deadlocked for users (EH#1485)
        "PYTHONSAFEPATH": "1",  # what a library starts in Python imports nothing from the current folder either
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "HF_ALLOW_CODE_EVAL": "1" if unsafe_code else "0",
        ALLOWED: "1" if metric_code else "0",
    }
    return environment | dict.fromkeys(_OFFLINE, "1") if offline else environment


def is_offline(plans: Iterable[Plan]) -> bool:
    """Whether a worker of these plans may connect to nothing: a plan says so, or the environment does."""
    return hub_is_offline() or any(plan.offline for plan in plans)
