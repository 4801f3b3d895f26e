"""Chat prompts as lm-eval's HFLM makes them, of one frozen moment, and tried before the weights are loaded.

The tokenizer is enough to make them, so that partial results need no weights.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchtui.errors import BenchtuiError
from benchtui.models.tokenizer.template_probe import template_error
from benchtui.plans.benchmark import BenchmarkPlan
from benchtui.plans.chat_template import template_failed
from benchtui.runs.in_hand import InHandWriter
from benchtui.worker.answering.opening import open_chat
from benchtui.worker.answering.protocol import ChatRenderer
from benchtui.worker.benchmark.tasks.load import LoadedTask


class ChatPrompts:
    """What lm-eval calls to make one prompt of messages: HFLM.apply_chat_template, with errors that name the template.

    As in HFLM, a system message that the template refuses is left out (`left_out` says that it was), unless it is one
    that the user asked for.
    """

    def __init__(self, plan: BenchmarkPlan, chat: ChatRenderer) -> None:
        self._plan = plan
        self._chat = chat
        self.left_out = False

    def __call__(self, messages: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        from jinja2.exceptions import TemplateError

        others = [message for message in messages if message["role"] != "system"]
        try:
            return self._chat.render(messages, add_generation_prompt=add_generation_prompt)
        except TemplateError as error:
            if len(others) == len(messages):
                raise self._failed(error, messages) from error
            return self._without_system(error, messages, others, add_generation_prompt)
        except Exception as error:  # a template can raise whatever Python can
            raise self._failed(error, messages) from error

    def _without_system(
        self, refusal: Exception, messages: list[dict[str, str]], others: list[dict[str, str]], generate: bool
    ) -> str:
        try:
            text = self._chat.render(others, add_generation_prompt=generate)
        except Exception as error:
            raise self._failed(error, messages) from error
        if self._plan.prompts.system_instruction:
            raise self._failed(refusal, messages) from refusal
        self.left_out = True
        return text

    def _failed(self, error: Exception, messages: Sequence[dict[str, str]]) -> BenchtuiError:
        said, line = template_error(error)
        roles = ", ".join(message["role"] for message in messages[:4]) + (", …" if len(messages) > 4 else "")
        file = self._plan.prompts.template_file or self._plan.source.path
        return template_failed(file, f"fails on messages of {roles}", said, line)


def try_prompts(tasks: Sequence[LoadedTask], plan: BenchmarkPlan, in_hand: InHandWriter) -> list[str]:
    """Make the first prompt of each task with the tokenizer alone; returns notes to show beside the scores.

    Raises BenchtuiError naming the chat template and its line, before any weights are loaded. Leaves no trace in the
    tasks: what they draw at random is drawn again.
    """
    if plan.prompts.chat_template is None:
        return []
    renderer = open_chat(plan)
    without_system = []
    with _random_state_kept():
        for loaded in tasks:
            chat = ChatPrompts(plan, renderer)
            task = loaded.task
            doc_id, doc = next(iter(task.doc_iterator(limit=1)))
            in_hand.take(loaded.name, doc_id, "", "building its prompt")
            task.fewshot_context(
                doc,
                num_fewshot=task.config.num_fewshot or 0,
                system_instruction=plan.prompts.system_instruction,
                apply_chat_template=True,
                fewshot_as_multiturn=True,
                chat_template=chat,
                gen_prefix=task.doc_to_prefix(doc),
            )
            task.set_fewshot_seed(seed=plan.prompts.seeds[3])
            in_hand.clear()
            if chat.left_out:
                without_system.append(loaded.name)
    if not without_system:
        return []
    which = without_system[0] + (f" and {len(without_system) - 1} more tasks" if len(without_system) > 1 else "")
    return [f"The chat template refuses system messages: the description of {which} is left out, as lm-eval does."]


@contextmanager
def _random_state_kept() -> Iterator[None]:
    import numpy as np

    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)
