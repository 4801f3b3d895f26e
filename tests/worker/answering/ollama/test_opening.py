"""What is settled when a model of an Ollama server is opened: its context, and that it is the one of the plan."""

from __future__ import annotations

from typing import Any

import pytest

from benchtui.backends.access import Access
from benchtui.backends.ollama import OLLAMA
from benchtui.errors import BenchtuiError
from benchtui.plans.benchmark import PromptSettings
from tests.worker.answering.ollama.asked import opened, plan_of
from tests.worker.answering.ollama.double import serving
from tests.worker.answering.ollama.fake import FakeOllama


class NotInTheList(FakeOllama):
    """Tells the window of a model with /api/show alone, as older servers do."""

    def tags(self) -> dict[str, Any]:
        listed = super().tags()
        for card in listed["models"]:
            del card["details"]["context_length"]
        return listed


@pytest.mark.parametrize("server", [FakeOllama, NotInTheList])
@pytest.mark.parametrize(("window", "context"), [(2048, 2048), (32768, 8192)])
def test_the_context_is_the_planned_one(server: type[FakeOllama], window: int, context: int) -> None:
    with serving(fake := server(lambda prompt: " a")):
        fake.window = window
        planned = OLLAMA.describe("fake", Access(fake.url)).architecture.max_positions
        with opened(plan_of(fake.url, PromptSettings())) as answering:
            assert (answering.facts.context_length, planned) == (context, context)


def test_another_model_in_memory_than_in_the_list_is_noticed() -> None:
    class Other(FakeOllama):
        def ps(self) -> dict[str, Any]:
            loaded = super().ps()
            for model in loaded["models"]:
                model["digest"] = "e" * 64
            return loaded

    with (
        serving(fake := Other(lambda prompt: " a")),
        pytest.raises(BenchtuiError, match="has loaded another model than the plan names: its digest is eeeeeeeeeeee"),
        opened(plan_of(fake.url)),
    ):
        pass
