"""Chat templates rendered in transformers' sandbox, of one frozen moment: the same for every backend."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.protocol import ChatRenderer


class TemplateRenderer(ChatRenderer):
    """The plan's chat template, rendered as a transformers tokenizer with these special tokens would.

    `name` is what lm-eval calls the tokenizer; `special_tokens` are texts by transformers' names (`bos_token` …).
    """

    def __init__(self, name: str, special_tokens: Mapping[str, str], prompts: PromptSettings) -> None:
        self._name = name
        self._special_tokens = special_tokens
        self._prompts = prompts

    @property
    def name(self) -> str:
        """As HFLM.tokenizer_name."""
        return self._name.replace("/", "__")

    def render(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        """As `ChatRenderer.render`."""
        from transformers.utils.chat_template_utils import render_jinja_template

        if self._prompts.chat_template is None:
            raise ValueError("the plan has no chat template")
        with stopped_clock(self._prompts.template_date):
            (text,), _ = render_jinja_template(
                conversations=[list(messages)],
                chat_template=self._prompts.chat_template,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
                **{**self._special_tokens, **template_arguments(self._prompts)},
            )
        return str(text)


def template_arguments(prompts: PromptSettings) -> dict[str, Any]:
    """What HFLM hands to a chat template by these settings, and the special tokens that the plan names."""
    arguments = dict(prompts.model_args.get("chat_template_args") or {})
    if prompts.enable_thinking is not None:
        arguments["enable_thinking"] = prompts.enable_thinking
    return arguments | prompts.template_tokens


_CLOCK = threading.RLock()
"""Held while the clock is stopped: models of a chat render their templates in threads of their own."""


@contextmanager
def stopped_clock(moment: str | None) -> Iterator[None]:
    """While open, transformers tells templates that it is `moment` (ISO format, local time); None changes nothing."""
    if moment is None:
        yield
        return
    from transformers.utils import chat_template_utils

    with _CLOCK:
        real, chat_template_utils.datetime = chat_template_utils.datetime, _stopped_at(moment)
        try:
            yield
        finally:
            chat_template_utils.datetime = real


def _stopped_at(moment: str) -> type[dt.datetime]:
    """A datetime class whose `now` is always this moment."""
    now_ = dt.datetime.fromisoformat(moment)

    class Stopped(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return now_.astimezone(tz) if tz else now_

    return Stopped
