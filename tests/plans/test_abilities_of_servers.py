"""What a server cannot give is refused before a run, with the tasks that need it: it is asked first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchtui.backends.access import Access
from benchtui.backends.openai import OPENAI
from benchtui.errors import UsageError
from benchtui.models.layout import ModelFormat
from benchtui.plans.abilities import check_abilities
from benchtui.tasks.resolve import ResolvedTasks
from tests.worker.answering.openai.fake import Asked, Fake, Reply


def refused(fake: Fake, **settings: str) -> UsageError | None:
    """Why a multiple-choice task cannot be asked; None where it can. A generating task beside it always can."""
    with fake:
        access = Access(server=fake.url, settings=settings)
        model = OPENAI.describe(fake.model, access)
        form = ModelFormat("served", Path(model.name), 0)
        kinds = {"arc_easy": "multiple_choice", "say": "generate_until"}
        tasks = ResolvedTasks({}, {}, {}, {}, {}, (), kinds)
        try:
            check_abilities(OPENAI, form, model, tasks, access)
        except UsageError as error:
            return error
    return None


class IgnoresEcho(Fake):
    def echoes(self, body: dict[str, Any]) -> bool:
        return False


class Refuses(Fake):
    def fault(self, asked: Asked) -> Reply | None:
        return Reply(400, {"error": "echo is not supported"}) if asked.body.get("echo") else None


@pytest.mark.parametrize(
    ("fake", "settings", "words"),
    [
        (Fake, {}, "they need the model's tokenizer"),
        (Fake, {"tokenizer": "folder", "endpoint": "chat"}, "its chat route gives none"),
        (IgnoresEcho, {"tokenizer": "folder"}, "it ignores echo"),
        (Refuses, {"tokenizer": "folder"}, "it refuses to score a prompt (HTTP 400)"),
    ],
)
def test_what_a_server_does_not_give_is_refused_in_words(
    fake: type[Fake], settings: dict[str, str], words: str
) -> None:
    error = refused(fake(), **settings)
    assert error is not None
    assert "arc_easy needs log-likelihoods; the server (openai) gives none" in error.what
    assert words in error.what
    assert "say" not in error.what.split(";")[0]
    assert "--" in error.next_step, "it says what to type"


def test_a_server_that_scores_prompts_is_not_refused() -> None:
    assert refused(Fake(), tokenizer="folder") is None
