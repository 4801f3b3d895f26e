"""What follows when a worker has ended: another worker, or the end of its runs, with the words that say why."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from benchtui.durations import format_duration
from benchtui.files import UnsafePlaceError
from benchtui.models.layout import size_text
from benchtui.out_of_memory import memory_limit, smaller_share
from benchtui.runs import events as ev
from benchtui.runs.directory import WorkerFiles
from benchtui.runs.journal.shards import answered_in
from benchtui.runs.records import Status
from benchtui.runs.worker_contract import NO_ROOM
from benchtui.supervise.settings import SuperviseSettings
from benchtui.supervise.watched import AtWork, Watched

Ending = Literal["finished", "stopped", "killed now", "timed out", "out of memory", "no room", "deleted", "failed"]

MOST_REPLACEMENTS = 2
"""Workers in a row that take the place of one that died or was silent, while no new answer arrives in its slot; after
SIGKILL, which comes from outside and not from a document, while no new answer arrives in the whole run."""


def what_failed(current: Watched, code: int, *, killed_for_memory: bool) -> Ending:
    """Why a worker failed that was neither stopped nor silent."""
    if current.deleted:
        return "deleted"
    if code == -signal.SIGKILL and killed_for_memory:
        return "out of memory"
    return "no room" if code == NO_ROOM else "failed"


class EndingRules:
    """Decides what follows when a worker of one slot has ended, and closes the runs that end with it.

    `side_by_side`: its runs end together. `score` scores what a run has answered. `replaces`: a worker that died or was
    silent gets a successor, as it does where there are other workers, which go on meanwhile.
    """

    def __init__(
        self,
        settings: SuperviseSettings,
        *,
        side_by_side: bool,
        score: Callable[[Watched], None],
        replaces: bool = False,
    ) -> None:
        self._settings = settings
        self._side_by_side = side_by_side
        self._score = score
        self._replaces = replaces
        self._replaced = 0
        self._answered: dict[WorkerFiles, tuple[int, int]] = {}
        self._gave_up: dict[WorkerFiles, int] = {}
        self.memory_share = 1.0
        """Of the memory that a worker would plan with; less after it was killed for using too much."""
        self.last: Ending | None = None
        """Why the latest worker ended that left a run unfinished."""

    def follow(self, ending: Ending, code: int, current: Watched, waiting: Sequence[Watched]) -> None:
        """Close those of `waiting` that end with this worker, whose exit status was `code` while it worked on
        `current`; what is still open then is for the next worker."""
        self.last = ending
        unfinished = [watched for watched in waiting if watched.done is None]
        ending_with = self.ending_with(current, waiting)
        failure = current.failed
        if ending == "out of memory" or (failure is not None and failure.reason == "out of memory"):
            return self._out_of_memory(current, ending_with, killed=ending == "out of memory")
        if ending == "deleted":
            return self._deleted(unfinished, ending_with)
        if ending in ("stopped", "killed now"):
            if ending == "stopped":
                self._recover(current, ending_with, "did not stop when asked to" if code == -signal.SIGKILL else "")
            return close_all(unfinished, "cancelled", "Stopped by the user.")
        if ending == "no room":
            return close_all(unfinished, "failed", no_room_words(current))
        if ending == "timed out":
            return self._timed_out(current, ending_with)
        killed = code == -signal.SIGKILL
        if self._may_replace(current, killed=killed):
            return None
        if not killed and current.failed is None and self._goes_without(current, exit_words(code)):
            return None
        message = failure_words(current, code, waiting[0].files.log)
        if not current.planned:  # nothing about these weights or tasks works: the other runs would fail the same way
            return close_all(unfinished, "failed", message)
        self._recover(current, ending_with)
        return close_unless_whole(ending_with, "failed", message)

    def ending_with(self, current: Watched, waiting: Sequence[Watched]) -> list[Watched]:
        """The runs that end when `current` does."""
        return [watched for watched in waiting if watched.done is None] if self._side_by_side else [current]

    def _out_of_memory(self, current: Watched, ending_with: Sequence[Watched], *, killed: bool) -> None:
        smaller = smaller_share(self.memory_share)
        if killed and smaller is not None and current.batch_size != 1:
            self.memory_share = smaller
            why = f"{memory_words(killed=killed)}; resuming from the journal"
            current.tell(ev.Decision(what="memory", choice=f"{smaller:.3g} of what was planned", why=why))
            return
        self._recover(current, ending_with)
        close_unless_whole(ending_with, "failed", no_memory_words(current, killed=killed))

    def _deleted(self, unfinished: Sequence[Watched], ending_with: Sequence[Watched]) -> None:
        gone = [watched for watched in unfinished if watched.deleted]
        rest = [watched for watched in ending_with if watched not in gone]
        close_all(gone, "failed", "Its files were deleted while it ran.")
        for watched in rest:
            self._recover(watched, [watched])
        close_unless_whole(rest, "failed", "The files of the run beside it were deleted while both ran.")

    def _timed_out(self, current: Watched, ending_with: Sequence[Watched]) -> None:
        silence = format_duration(self._settings.timeout or 0)
        stalled, why = current.at_work(), f"no sign of life for {silence}"
        if not self._settings.skip_stalled and (self._may_replace(current) or self._goes_without(current, why)):
            return
        if stalled is not None:
            given_up = current.give_up_on(stalled, why)
            if self._settings.skip_stalled and given_up:
                current.tell(ev.Warned(message=f"Gave up on {stalled}: {why}. The run continues without it."))
                return
        self._recover(current, ending_with)
        close_unless_whole(ending_with, "timed out", timed_out_words(silence, stalled))

    def _may_replace(self, current: Watched, *, killed: bool = False) -> bool:
        """Whether another worker asks again what this one had in hand. Not for ever: a document that kills or stops
        every worker ends its slot, and so does a failure that has nothing to do with this one process. `killed` from
        outside it says nothing of its documents, and another is started as long as anybody answers."""
        failed = current.failed
        if not self._replaces or (failed is not None and (failed.reason != "error" or not current.planned)):
            return False
        journaled = current.files.journal.exists()
        own, all_of_them = current.answered if journaled else current.told, answered_in(current.run)
        own_before, all_before = self._answered.get(current.files, (0, 0))
        advanced = own > own_before or (killed and all_of_them > all_before)
        self._replaced = 1 if advanced else self._replaced + 1
        self._answered[current.files] = own, all_of_them
        return self._replaced <= MOST_REPLACEMENTS

    def _goes_without(self, current: Watched, why: str) -> bool:
        """Whether the slot continues without the documents at which one worker after the other ended: they are given
        up on until the run is resumed, or they would end every slot that they are given to. Not twice while no new
        answer arrives: then it is something else that ends the workers."""
        stuck, answered = current.at_work(), current.answered
        if not self._replaces or stuck is None or self._gave_up.get(current.files) == answered:
            return False
        self._gave_up[current.files] = answered
        if not current.give_up_on(stuck, why):
            return False
        workers = MOST_REPLACEMENTS + 1
        words = f"Gave up on {stuck}: {workers} workers in a row ended there ({why}). The run continues without it."
        current.tell(ev.Warned(message=words, next_step="`benchtui resume` asks it again."))
        return True

    def _recover(self, current: Watched, ending_with: Sequence[Watched], why: str = "") -> None:
        """Score what was answered, where the worker has not done it. `why`: the reason why the documents that `current`
        had in hand are left out of it."""
        for watched in ending_with:
            if watched.results is not None:
                continue
            if why and watched is current and (stuck := watched.at_work()) is not None:
                watched.give_up_on(stuck, why)
            self._score(watched)


def close_whole(waiting: Sequence[Watched]) -> None:
    """Those that lack nothing have finished."""
    for watched in waiting:
        if watched.results is not None and not watched.results.partial and watched.done is None:
            watched.close("finished", "")


def close_partial(waiting: Sequence[Watched], stopped: Sequence[Watched]) -> None:
    """Those with results, partial ones too; except `stopped`, which only wrote theirs because they had to stop."""
    close_whole(waiting)
    for watched in waiting:
        if watched.results is not None and watched.done is None and watched not in stopped:
            watched.close("partial", f"Not answered: {watched.unanswered() or 'some samples'}.")


def close_unless_whole(ending: Sequence[Watched], status: Status, message: str) -> None:
    """The worker may have been struck after its last answer: then nothing is missing from what was recovered."""
    close_whole(ending)
    close_all(ending, status, message)


def close_all(ending: Sequence[Watched], status: Status, message: str) -> None:
    for watched in ending:
        if watched.done is None:
            watched.close(status, message)


def failure_words(current: Watched, code: int, log: Path) -> str:
    """The reason that the worker gave, or what is known where it gave none; `log` is where its output went."""
    if current.failed is None:
        return _without_a_word(code, log)
    step = current.failed.next_step
    return f"{current.failed.message} → {step}" if step else current.failed.message


def not_started_words(error: OSError) -> str:
    if isinstance(error, UnsafePlaceError):
        return f"{error.filename} is not used: {error.strerror}. → Delete it, then try again."
    return f"The worker could not be started: {error.strerror or error}."


def timed_out_words(silence: str, stalled: AtWork | None) -> str:
    return f"No sign of life for {silence} at {stalled}." if stalled else f"No sign of life for {silence}."


def no_room_words(current: Watched) -> str:
    if current.failed is not None:
        return f"{current.failed.message} → {current.failed.next_step}"
    return (
        f"The disk with {current.run.path} is full. Everything answered before is kept. → Free some space, then "
        "`benchtui resume`."
    )


def no_memory_words(current: Watched, *, killed: bool) -> str:
    if current.failed is not None:
        return f"{current.failed.message} → {current.failed.next_step}"
    step = "Use --format merged_4bit, a smaller --max-length, or a larger machine."
    return f"{memory_words(killed=killed)}, even for one sequence at a time. → {step}"


def memory_words(*, killed: bool) -> str:
    return "The operating system ended the worker because memory ran out" if killed else "Memory ran out"


def exit_words(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _without_a_word(code: int, log: Path) -> str:
    limit = memory_limit()
    if limit is not None:  # with little memory, libraries end the process in any way there is
        return (
            f"Memory ran out, as it seems: the worker ended ({exit_words(code)}) where `ulimit -v` allows "
            f"{size_text(limit)}. → Allow benchtui more memory (`ulimit -v`), or close other programs; {log} may say "
            "more."
        )
    said = f"The worker ended without a word ({exit_words(code)})."
    if code == -signal.SIGKILL:
        return f"{said} → Something else killed it, often a limit on memory; `benchtui resume` goes on from there."
    if code == -signal.SIGBUS:
        step = "A file that it was reading was cut short, or its disk failed: check the model's files, then"
        return f"{said} → {step} `benchtui resume`."
    return f"{said} → {log} may say why; `benchtui resume` goes on from there."
