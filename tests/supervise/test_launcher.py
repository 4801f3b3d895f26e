"""Workers may run anywhere: a supervisor only asks its launcher, and says what each worker has to do."""

from __future__ import annotations

import sys
import threading

import pytest

from benchtui.gpus import CUDA, HIP, Gpu
from benchtui.machine import MEMORY_PART
from benchtui.runs.directory import RunDirectory
from benchtui.runs.worker_contract import DEVICE_NAME
from benchtui.supervise.control import Control
from benchtui.supervise.launcher import LocalLauncher, Worker, WorkerJob
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.supervisor import Supervisor
from tests.runs.scripted import SCORE, Script, run, worker

__all__ = ["run", "worker"]


class Elsewhere:
    """Starts workers as processes of this machine, as another machine would; there is no room for the shard `full`."""

    def __init__(self, full: str = "") -> None:
        self.jobs: list[WorkerJob] = []
        self._full = full
        self._lock = threading.Lock()

    def start(self, job: WorkerJob) -> Worker:
        with self._lock:
            self.jobs.append(job)
        if self._full in job.arguments:
            raise OSError(11, "no place is free")
        return LocalLauncher().start(job)

    @property
    def arguments(self) -> list[tuple[str, ...]]:
        return sorted(job.arguments for job in self.jobs)


def test_one_worker_is_given_the_run_and_nothing_else(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); results(run)")
    launcher = Elsewhere()
    (done,) = Supervisor([run], SuperviseSettings(), Control(), launcher=launcher).supervise()
    assert done.status == "finished"
    (job,) = launcher.jobs
    assert (job.module, job.arguments, job.log) == ("benchtui.worker", (str(run.path),), run.worker_log)
    assert job.environment["TOKENIZERS_PARALLELISM"] == "false"


def test_of_several_each_is_told_which_part_is_its_own(worker: Script, run: RunDirectory) -> None:
    worker.install(SCORE, "plan(run); answer(run, shard); share_done(run)")
    launcher = Elsewhere()
    Supervisor([run], SuperviseSettings(workers=3), Control(), launcher=launcher).supervise()
    place = str(run.path)
    parts = [("--shard", f"{number}/3", place) for number in range(3)]
    assert launcher.arguments == [("--score", place), *parts]
    memory = [job.environment.get(MEMORY_PART) for job in launcher.jobs]
    assert memory == [str(1 / 3)] * 3 + [None], "they share it; the one that scores is alone"
    logs = {job.log for job in launcher.jobs if "--shard" in job.arguments}
    assert logs == {run.records / "shards" / str(number) / "worker.log" for number in range(3)}


def test_where_one_cannot_be_started_the_others_do_their_part(worker: Script, run: RunDirectory) -> None:
    worker.install(SCORE, "plan(run); answer(run, shard); share_done(run)")
    launcher = Elsewhere(full="1/3")
    (done,) = Supervisor([run], SuperviseSettings(workers=3), Control(), launcher=launcher).supervise()
    assert (done.status, done.answered) == ("failed", 2)
    assert done.message == "Worker 2 of 3: The worker could not be started: no place is free."
    assert done.results, "what the others answered is scored"


def test_a_local_worker_runs_the_module_that_it_is_told(run: RunDirectory) -> None:
    started = LocalLauncher().start(WorkerJob("platform", (), (), run.worker_log, {"TERM": "dumb"}))
    while started.poll() is None:
        threading.Event().wait(0.02)
    assert started.reap() == 0
    assert sys.platform in run.worker_log.read_text().lower()


GPUS = (Gpu(0, "3", title="NVIDIA H100"), Gpu(1, "MIG-7a", title="NVIDIA A100 MIG 3g.20gb"), Gpu(2, "1", HIP))


def test_each_worker_sees_its_own_gpu_and_knows_what_it_is_called(worker: Script, run: RunDirectory) -> None:
    worker.install(SCORE, "plan(run); answer(run, shard); share_done(run)")
    launcher = Elsewhere()
    Supervisor([run], SuperviseSettings(workers=3, devices=GPUS), Control(), launcher=launcher).supervise()
    jobs = {job.arguments[1]: job.environment for job in launcher.jobs if "--shard" in job.arguments}
    seen = [{name: jobs[f"{number}/3"].get(name) for name in (CUDA, HIP, DEVICE_NAME)} for number in range(3)]
    assert seen == [
        {CUDA: "3", HIP: None, DEVICE_NAME: "GPU 0 (NVIDIA H100)"},
        {CUDA: "MIG-7a", HIP: None, DEVICE_NAME: "GPU 1 (NVIDIA A100 MIG 3g.20gb)"},
        {CUDA: None, HIP: "1", DEVICE_NAME: "GPU 2"},
    ]


def test_one_worker_is_put_on_the_device_that_is_named(worker: Script, run: RunDirectory) -> None:
    worker.install("plan(run); results(run)")
    launcher = Elsewhere()
    Supervisor([run], SuperviseSettings(devices=GPUS[1:2]), Control(), launcher=launcher).supervise()
    (job,) = launcher.jobs
    assert job.environment[CUDA] == "MIG-7a"


def test_models_at_once_share_the_threads_and_the_memory(
    worker: Script, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("benchtui.supervise.placement.usable_cores", lambda: 8)
    worker.install("plan(run); results(run)")
    launcher = Elsewhere()
    Supervisor([run], SuperviseSettings(models=2, sharing=2), Control(), launcher=launcher).supervise()
    (job,) = launcher.jobs
    assert (job.environment["OMP_NUM_THREADS"], job.environment[MEMORY_PART]) == ("4", "0.5")
