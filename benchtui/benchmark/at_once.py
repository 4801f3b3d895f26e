"""`benchtui run --model all` with several devices: models evaluated at the same time, a thread for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from benchtui.benchmark.all_models import EndedModel, closing_words, ended_model, not_started, skipped
from benchtui.benchmark.directories import BenchRuns
from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.frontend_thread import FrontendThread, SharedFrontend
from benchtui.benchmark.lanes import Job, Waiting
from benchtui.benchmark.one_model import prepare_model, run_prepared
from benchtui.benchmark.room import free_on, needed
from benchtui.errors import BenchtuiError, ExitCode
from benchtui.models.layout import TrainedModel
from benchtui.plans.choice import Choice
from benchtui.plans.prepare import PreparedBench
from benchtui.plans.tasks import PlannedTasks
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings

POLL = 0.05


def run_at_once(
    choice: Choice,
    models: Sequence[TrainedModel],
    tasks: PlannedTasks,
    lanes: Sequence[SuperviseSettings],
    frontend: Frontend,
    control: Control,
) -> ExitCode:
    """Evaluate every model, as many at the same time as there are `lanes`, each on its lane's part of the machine. A
    model that cannot be evaluated does not stop the others; a stop that is asked for stops all. Say one line for each
    model at the end, and return the exit code.

    Everything is told and shown from the thread that calls this.
    """
    front = FrontendThread(frontend.say)
    with control.graceful(), frontend.together(control) as shown:
        work = _Work(choice, models, tasks, lanes, SharedFrontend(shown, front), control)
        with ThreadPoolExecutor(len(lanes), "model") as threads:
            running = [threads.submit(work.fill, lane) for lane in lanes]
            try:
                _serve(running, front, control)
            except BaseException:
                control.stop_requested = control.kill_requested = True
                raise
            finally:
                front.close()
        for lane in running:
            lane.result()  # raises what a lane raised
    return closing_words([work.ended.get(model.path, not_started(model.name)) for model in models], frontend.say)


def _serve(running: Sequence[Future[None]], front: FrontendThread, control: Control) -> None:
    """Do what the lanes ask for until all have ended. Where one fails by an error of ours, the others are stopped."""
    while not all(lane.done() for lane in running):
        control.wait(POLL)
        front.serve()
        if any(lane.done() and lane.exception() is not None for lane in running):
            control.stop_requested = True
    front.serve()


class _Work:
    """Evaluates models for lanes that ask for the next one; `ended` says how each ended, by its folder."""

    def __init__(
        self,
        choice: Choice,
        models: Sequence[TrainedModel],
        tasks: PlannedTasks,
        lanes: Sequence[SuperviseSettings],
        frontend: SharedFrontend,
        control: Control,
    ) -> None:
        self._choice, self._tasks, self._frontend, self._control = choice, tasks, frontend, control
        self.ended: dict[object, EndedModel] = {}
        shared = {lane.devices for lane in lanes if lane.sharing > 1}
        self._free = {devices: free_on(devices) for devices in shared}
        self._waiting = Waiting(
            models,
            prepare=self._prepare,
            skip=self._skip,
            fits=self._fit,
            stop_requested=lambda: control.stop_requested,
        )

    def fill(self, lane: SuperviseSettings) -> None:
        """Evaluate one model after another on the lane's part of the machine, until none is left."""
        while (job := self._waiting.take(lane)) is not None:
            try:
                self._evaluate(job, lane)
            finally:
                self._waiting.end(job)

    def _evaluate(self, job: Job, lane: SuperviseSettings) -> None:
        frontend, prepared = self._frontend.about(job.model.name), job.prepared
        if prepared is None:
            raise AssertionError("a lane was given a model that is not prepared")

        def laid_out(runs: BenchRuns) -> None:
            job.runs = runs

        try:
            outcome = run_prepared(
                self._choice,
                prepared,
                lane,
                frontend,
                self._control,
                evaluated=self._waiting.evaluated(),
                laid_out=laid_out,
            )
            end = ended_model(job.model.name, outcome)
        except BenchtuiError as error:
            end = skipped(job.model.name, error)
        self._end(job, end)

    def _prepare(self, job: Job) -> PreparedBench:
        return prepare_model(self._choice, job.model, self._tasks, self._frontend.about(job.model.name))

    def _skip(self, job: Job, error: BenchtuiError) -> None:
        self._end(job, skipped(job.model.name, error))

    def _end(self, job: Job, end: EndedModel) -> None:
        self.ended[job.model.path] = end
        self._frontend.say(str(end))

    def _fit(self, jobs: Sequence[Job]) -> bool:
        """Whether the weights of these jobs are, together, no more than was free when the command began."""
        lane = jobs[-1].lane
        free = self._free.get(lane.devices) if lane is not None else None
        wanted = sum(needed(job.prepared, job.lane) for job in jobs if job.prepared and job.lane)
        return free is None or wanted <= free
