"""Workers may run anywhere: a supervisor only asks its launcher, and says what each worker has to do."""

from __future__ import annotations

import sys
import threading

from benchtui.machine import MEMORY_PART
from benchtui.runs.directory import RunDirectory
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
