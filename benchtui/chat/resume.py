"""Open a chat again that was closed or died: answers that were not over are continued from their last token."""

from __future__ import annotations

from collections.abc import Callable

from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.resume import ResumeChoice, check_place
from benchtui.benchmark.resume_tokens import model_differences, with_present_models
from benchtui.chat.listing import chat_plan
from benchtui.chat.session import ChatSession
from benchtui.chat.supervision import Supervision, chat_settings, open_lock
from benchtui.errors import ExitCode
from benchtui.files import unwritable
from benchtui.plans.choice import Choice
from benchtui.plans.plan import write_plan
from benchtui.runs.directory import RunDirectory
from benchtui.runs.kinds.chat.asked import asked_file
from benchtui.runs.known import shown_name
from benchtui.runs.outcome import exit_code
from benchtui.runs.records import read_done, wait_again
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings

_SHOWN = 5
_LOOK_EVERY = 0.05


def resume_chat_session(run: RunDirectory, choice: ResumeChoice, say: Callable[[str], None]) -> ChatSession:
    """Open a chat again, with what the user allows now, and have its models loaded; `say` is told what is different of
    them. Answers at which the worker failed again and again are cancelled; all others that were not over are continued.

    A plan may come from anybody: permissions and another Python are given again. Raises BenchtuiError for that, for a
    run that is no chat, one that is open, and one that cannot be read or written.
    """
    plan = chat_plan(run)
    check_place(run)
    lock = open_lock(run, plan.model_name)
    try:
        now, _ = with_present_models(plan, run, choice)
        for words in list(model_differences(plan, now))[:_SHOWN]:
            say(f"{words}: what it says from now on may be different.")
        failed = (done := read_done(run)) is not None and done.status in ("failed", "timed out")
        try:
            wait_again(run)
            write_plan(run.plan_file, now)
        except OSError as error:
            raise unwritable(run.records, error) from error
        supervision = Supervision(run, lock, chat_settings(choice.settings.timeout))
        session = ChatSession(run, now, supervision)
        if (skipped := session.conversation.skipped) > 0:
            say(f"{skipped:,} line{'s' if skipped != 1 else ''} of {asked_file(run)} cannot be read, and are left out.")
        _continue(session, say, failed=failed)
    except BaseException:
        lock.release()
        raise
    supervision.begin()
    return session


def open_again(run: RunDirectory, settings: Choice, say: Callable[[str], None]) -> ChatSession:
    """Open a chat again for whoever has `settings`. Raises what `resume_chat_session` raises."""
    choice = ResumeChoice(settings.permissions, SuperviseSettings(settings.timeout), (), settings.python)
    return resume_chat_session(run, choice, say)


def resume_chat(run: RunDirectory, choice: ResumeChoice, frontend: Frontend, control: Control, /) -> ExitCode:
    """Have the answers of a chat that were not over written to their end, and close it: what `benchtui resume` does
    where nobody can talk. Raises what `resume_chat_session` raises."""
    with resume_chat_session(run, choice, frontend.say) as session:
        if not session.unfinished:
            frontend.say(f"Every answer of {shown_name(run)} is over: `benchtui chat --resume` talks on.")
        with control.graceful(), frontend.watch((run,), control) as tick:
            while session.unfinished and not (session.problem or control.stop_requested):
                session.poll()
                tick()
                control.wait(_LOOK_EVERY)
    return ExitCode.INTERRUPTED if control.stop_requested else exit_code([run])


def _continue(session: ChatSession, say: Callable[[str], None], *, failed: bool) -> None:
    """Before there is a worker: settle what it finds unfinished."""
    unfinished = list(session.conversation.open_answers())
    if failed and unfinished:
        say("What was being written when the worker failed is not continued by itself.")
        session.cancel()
    if not session.was_closed and session.plan.ballot is None:  # a vote asks itself: not every model every prompt
        session.ask_missing()
