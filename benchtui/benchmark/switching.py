"""Let two models write texts by turns: from what the user chose to a run with its file."""

from __future__ import annotations

import datetime as dt

from benchtui.benchmark.frontend import Frontend
from benchtui.benchmark.token_texts import texts_of
from benchtui.benchmark.tokens import TokensOutcome, supervise
from benchtui.plans.plan import write_plan
from benchtui.plans.switch_choice import SwitchChoice, check_choice, prepare_switching
from benchtui.plans.token_models import find_models
from benchtui.runs.directory import new_run
from benchtui.runs.kinds.switching.kind import SWITCHING
from benchtui.runs.lock import FolderLock
from benchtui.supervise.control import Control
from benchtui.supervise.settings import SuperviseSettings


def switch_models(choice: SwitchChoice, frontend: Frontend, control: Control) -> TokensOutcome:
    """Let the two models that were chosen write, and show it until it ends. Raises UsageError for a choice that makes
    no sense, BenchtuiError where nothing can be started."""
    check_choice(choice)
    found = find_models(choice.tokens)
    texts = texts_of(choice.tokens, found, frontend)
    plan, notes = prepare_switching(choice, found, texts.source)
    for line in notes:
        frontend.say(line)
    run = new_run(found.owner.path / SWITCHING.folder, dt.datetime.now().astimezone())
    with FolderLock(run.model_lock, plan.model_name):
        write_plan(run.plan_file, plan)
        settings = choice.tokens.settings
        how = SuperviseSettings(settings.timeout, settings.skip_stalled)
        return TokensOutcome(run, supervise(run, how, frontend, control))
