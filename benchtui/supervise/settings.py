"""What a supervisor is told: how patient it is with its workers, and what it has to know of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from benchtui.errors import UsageError
from benchtui.gpus import Gpu
from benchtui.plans.devices import find_devices, spread_devices
from benchtui.plans.environment import worker_environment
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.registry import kind_of, read_kind
from benchtui.supervise.cluster.address import check_address
from benchtui.supervise.launcher import WorkerJob

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class SuperviseSettings:
    """`timeout` in seconds without a sign of life, None for none; `skip_stalled` gives up on stalled documents;
    `grace` in seconds is what a worker gets to stop by itself; `workers` evaluate a run's documents at the same time,
    each a part of them, on `devices` in turn where they are named. So many `models` are evaluated at the same time,
    this one included, `sharing` of them on the same devices; without devices all share the processors. `cluster` is
    the address of a cluster that they run on instead of this machine; with 0 workers it is as many as find a place
    there. With `replaces`, another worker takes the place of one that died or was silent, as it does where there are
    several."""

    timeout: float | None = None
    skip_stalled: bool = False
    grace: float = 10.0
    workers: int = 1
    devices: tuple[Gpu, ...] = ()
    models: int = 1
    sharing: int = 1
    cluster: str | None = None
    replaces: bool = False

    @property
    def beside(self) -> int:
        """Return how many workers, of all models, use the memory of one device at most."""
        places = len(self.devices)
        return -(-self.workers // places) * self.sharing if places else self.workers * self.models

    @property
    def pooled(self) -> bool:
        """Whether the documents of a run are shared out, be it to one worker: on a cluster they always are."""
        return self.workers != 1 or self.cluster is not None


def supervise_settings(
    timeout: float | None,
    *,
    skip_stalled: bool,
    workers: int | Literal["auto"],
    devices: str | None,
    device: str = "auto",
    cluster: str | None = None,
    model_parallel: int | Literal["auto"] | None = None,
) -> SuperviseSettings:
    """The settings as the user says them: `devices` as --devices takes them, and as many workers as those where nothing
    else is said; with `model_parallel` so many of them are one worker's. Raises UsageError for GPUs that are not there,
    where `device` contradicts `devices`, and for devices of this machine beside a cluster; BenchtuiError for a cluster
    that cannot be reached."""
    if cluster is not None:
        if devices is not None:
            step = "Leave it out: Ray chooses the GPUs (--device cpu takes none)."
            raise UsageError("--devices names GPUs of this machine, and --cluster takes others.", step)
        if model_parallel is not None and model_parallel != 1:
            raise UsageError(
                f"--model-parallel {model_parallel}: on a cluster, each worker has one GPU.",
                "Leave out --model-parallel, or leave out --cluster and evaluate on a machine with several GPUs.",
            )
        check_address(cluster)
        return SuperviseSettings(timeout, skip_stalled, workers=0 if workers == "auto" else workers, cluster=cluster)
    found = tuple(find_devices(devices, device))
    if model_parallel is not None and model_parallel != 1:
        found = tuple(spread_devices(found, devices, device, model_parallel, workers))
    return SuperviseSettings(
        timeout, skip_stalled, workers=max(1, len(found)) if workers == "auto" else workers, devices=found
    )


@dataclass(frozen=True)
class SharedWorker:
    """What runs need that are evaluated by the same worker: its module, its environment, whether it evaluates them side
    by side, so that they also end together, the path of the Python that runs it, None for benchtui's own, and the
    device that the plans say."""

    module: str
    environment: Mapping[str, str]
    side_by_side: bool
    python: str | None = None
    device: str = "auto"

    def job(
        self,
        options: Sequence[str],
        runs: Sequence[RunDirectory],
        log: Path,
        environment: Mapping[str, str] = NOTHING,
        shard: int | None = None,
    ) -> WorkerJob:
        """What such a worker is started with for these runs, `environment` besides that of the plans."""
        variables = {**self.environment, **environment}
        folders = tuple(run.path for run in runs)
        return WorkerJob(self.module, tuple(options), folders, log, variables, self.python, shard)


def shared_worker(runs: Sequence[RunDirectory]) -> SharedWorker:
    """What the plans of `runs` say of their worker. Raises BenchtuiError for a plan that cannot be read."""
    kind, plans = kind_of(runs[0]), [read_kind(run)[1] for run in runs]
    return SharedWorker(
        "benchtui.worker", worker_environment(plans), kind.side_by_side(plans), plans[0].python, plans[0].device
    )
