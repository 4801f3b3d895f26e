"""Two loaded models that write by turns, asked from Python."""

from __future__ import annotations

from collections.abc import Sequence

from benchtui.routing.records import Sampling, SwitchedText
from benchtui.routing.rules import SwitchRule
from benchtui.worker.answering.loaded_model import LoadedModel
from benchtui.worker.answering.protocol import Unobserved
from benchtui.worker.answering.two_models import two_models
from benchtui.worker.switching.write import Block, Writing, write_switched


def switch_texts(
    models: tuple[LoadedModel, LoadedModel],
    prompts: Sequence[str],
    rule: SwitchRule,
    sampling: Sampling,
    block: Block,
) -> list[SwitchedText]:
    """Write behind each prompt. Raises BenchtuiError where the models cannot write together, or one fails: a text that
    is not whole is not returned."""
    opened = (models[0]._answering, models[1]._answering)  # noqa: SLF001 - what is loaded is asked in another way
    both = two_models(("A", "B"), opened, Unobserved())
    writing = Writing(rule, both.answers(sampling), block)
    return [
        write_switched(both.first, both.second, both.prompt_ids(prompt), writing, document=number)
        for number, prompt in enumerate(prompts)
    ]
