"""Open a new chat: from what the user chose to a worker that loads the models while the person types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from benchtui.chat.session import ChatSession
from benchtui.chat.supervision import Supervision, chat_settings, open_lock
from benchtui.files import unwritable
from benchtui.plans.chat_choice import ChatChoice
from benchtui.plans.plan import write_plan
from benchtui.plans.prepare_chat import find_chat_models, prepare_chat
from benchtui.runs.directory import new_run
from benchtui.runs.kinds.chat.kind import CHAT


def start_chat(choice: ChatChoice, say: Callable[[str], None]) -> ChatSession:
    """Open a chat with the models that were chosen, and have them loaded; `say` is told what the user should know.

    The first words can be said at once. Close the session when done. Raises what `find_chat_models` and `prepare_chat`
    raise, BenchtuiError where the run cannot be written.
    """
    found = find_chat_models(choice)
    plan, notes = prepare_chat(choice, found)
    for line in notes:
        say(line)
    run = new_run(found.owner.path / CHAT.folder, dt.datetime.now().astimezone())
    lock = open_lock(run, plan.model_name)
    try:
        try:
            write_plan(run.plan_file, plan)
        except OSError as error:
            raise unwritable(run.records, error) from error
        supervision = Supervision(run, lock, chat_settings(choice.settings.timeout))
        session = ChatSession(run, plan, supervision)
    except BaseException:
        lock.release()
        raise
    supervision.begin()
    return session
