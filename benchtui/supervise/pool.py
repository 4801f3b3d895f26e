"""Several workers for the same runs: each has a slot and a shard of every run; the shards are gathered at the end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchtui.errors import BenchtuiError
from benchtui.files import no_room
from benchtui.runs import events as ev
from benchtui.runs.journal.shards import gather_journals
from benchtui.runs.kinds.registry import kind_of, read_kind
from benchtui.runs.records import Status
from benchtui.supervise.control import Control
from benchtui.supervise.decider import Decider
from benchtui.supervise.endings import close_all, close_whole
from benchtui.supervise.launcher import Launcher
from benchtui.supervise.placement import Placement
from benchtui.supervise.schedule import Schedule, Share
from benchtui.supervise.settings import SharedWorker, SuperviseSettings
from benchtui.supervise.shard_events import ShardEvents
from benchtui.supervise.slot import POLL, Slot
from benchtui.supervise.watched import Watched

GRAVEST_FIRST: tuple[Status, ...] = ("failed", "timed out")


class _AbandonedError(Exception):
    """Raised inside a slot when the supervisor itself failed: its worker is ended at once."""


class Pool:
    """Evaluates `runs` with as many workers at the same time as the settings say, each in a slot and a thread of its
    own. They are given chunks of the documents as they finish. A worker that dies or is silent is ended and replaced in
    its slot; the others continue.

    While they work the events of the shards are passed on as events of the run. When all slots have ended, the journals
    of the shards become the run's own, and `score` scores it. `idle` waits for the seconds given. `launcher` starts the
    workers, each where `placed` says, `here` what reads the run's own files.
    """

    def __init__(
        self,
        runs: Sequence[Watched],
        shared: SharedWorker,
        settings: SuperviseSettings,
        control: Control,
        launcher: Launcher,
        placed: Sequence[Placement],
        *,
        here: Launcher,
        idle: Callable[[float], None],
        score: Callable[[Watched], None],
    ) -> None:
        self._runs = runs
        self._control = control
        self._idle = idle
        self._score = score
        self._abandoned = threading.Event()
        numbers = range(settings.workers)
        self._schedules = [Schedule([watched.run.files_of(number) for number in numbers]) for watched in runs]
        self._shards = [
            [Watched.open_shard(watched.run, Share(schedule, number)) for number in numbers]
            for watched, schedule in zip(runs, self._schedules, strict=True)
        ]
        places = [placement.where for placement in placed]
        self._events = [
            ShardEvents([shard.files for shard in shards], kind_of(watched.run), schedule, places)
            for watched, shards, schedule in zip(runs, self._shards, self._schedules, strict=True)
        ]
        self._deciders = [
            Decider(watched, schedule, shared, here, timeout=settings.timeout, tell=_once(events, watched))
            for watched, schedule, events in zip(runs, self._schedules, self._events, strict=True)
            if _decides(watched)
        ]
        self._slots = [
            Slot(
                [shards[number] for shards in self._shards],
                shared,
                settings,
                control,
                launcher,
                placed[number : number + 1],
                idle=self._pause,
                score=lambda _: None,  # a shard is scored with the others, at the end
            )
            for number in numbers
        ]

    def evaluate(self) -> None:
        """Evaluate until each run has ended. When the supervisor itself fails, all workers are ended first."""
        with ThreadPoolExecutor(len(self._slots), "slot") as threads:
            slots = [threads.submit(slot.evaluate) for slot in self._slots]
            try:
                while not all(slot.done() for slot in slots):
                    self._decide()
                    self._idle(POLL)
                    self._pass_events_on(ShardEvents.read)
                    self._share_out_again()
                    for slot in slots:
                        if slot.done():
                            slot.result()  # raises what the slot raised
                for slot in slots:
                    slot.result()
                self._decide_the_rest()
            except BaseException:
                self._abandoned.set()
                raise
            finally:
                for decider in self._deciders:
                    decider.end()
        self._pass_events_on(ShardEvents.rest)
        for watched, shards in zip(self._runs, self._shards, strict=True):
            self._finish(watched, shards)
            for shard in shards:
                shard.writer.close()
        for schedule in self._schedules:
            schedule.close()

    def _pause(self, seconds: float) -> None:
        if self._abandoned.wait(seconds):
            raise _AbandonedError

    def _decide(self) -> None:
        if not self._control.stop_requested:
            for decider in self._deciders:
                decider.follow()

    def _decide_the_rest(self) -> None:
        """Wait for what the answers that there are decide: what is told of the run must not depend on who was faster.
        A run that was stopped decides that when it is resumed."""
        for decider in self._deciders:
            decider.conclude(self._idle, lambda: self._control.stop_requested)

    def _share_out_again(self) -> None:
        """What a shard had left that has ended is for the others."""
        for shard in (shard for shards in self._shards for shard in shards):
            if shard.done is not None and shard.share is not None:
                shard.share.lose()

    def _pass_events_on(self, read: Callable[[ShardEvents], list[ev.Event]]) -> None:
        for watched, events in zip(self._runs, self._events, strict=True):
            for event in read(events):
                watched.tell(event)
            watched.collect()

    def _finish(self, watched: Watched, shards: Sequence[Watched]) -> None:
        """Gather and score what the shards answered, and close the run. After a kill and on a full disk it is only
        closed: whoever resumes the run gathers it."""
        ended = [shard.done for shard in shards if shard.done is not None]
        full = any(slot.rules.last == "no room" for slot in self._slots)
        if not (full or watched.deleted or self._control.kill_requested):
            try:
                for salvaged in gather_journals(watched.run):
                    watched.tell(ev.Warned(message=salvaged, next_step="`benchtui resume` asks for what was lost."))
            except (OSError, sqlite3.Error, BenchtuiError) as error:
                return watched.close("failed", not_gathered_words(error))
            self._score(watched)
        close_whole([watched])
        if any(record.status == "cancelled" for record in ended):
            return close_all([watched], "cancelled", "Stopped by the user.")
        for status in GRAVEST_FIRST:
            messages = {number: record.message for number, record in enumerate(ended) if record.status == status}
            if messages:
                return close_all([watched], status, joint_words(messages, len(shards)))
        if watched.results is None:
            return close_all([watched], "failed", "What was answered could not be scored.")
        return close_all([watched], "partial", f"Not answered: {watched.unanswered() or 'some samples'}.")


def _decides(watched: Watched) -> bool:
    kind, plan = read_kind(watched.run)
    return kind.decides(plan)


def _once(events: ShardEvents, watched: Watched) -> Callable[[ev.Event], None]:
    """Pass sentences on that no worker of the run has told yet."""

    def tell(event: ev.Event) -> None:
        if (told := events.once(event)) is not None:
            watched.tell(told)

    return tell


def not_gathered_words(error: Exception) -> str:
    step = "Free some space, then `benchtui resume`." if no_room(error) else "`benchtui resume` tries it again."
    return f"What the workers answered could not be put together: {error}. → {step}"


def joint_words(messages: dict[int, str], workers: int) -> str:
    """How a run ended whose workers ended with these messages, by their numbers from 0."""
    number, message = next(iter(messages.items()))
    if len(messages) == workers and len(set(messages.values())) == 1:
        return message
    return f"Worker {number + 1} of {workers}: {message}"
