"""Chat templates rendered by transformers, of one frozen moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from benchtui.plans.benchmark import PromptSettings
from benchtui.worker.answering.protocol import ChatRenderer


class HFChat(ChatRenderer):
    """A tokenizer's chat template, with the arguments that lm-eval's `hf` model hands to it."""

    def __init__(self, tokenizer: Any, arguments: Mapping[str, Any], prompts: PromptSettings) -> None:
        """`arguments` are handed to the template. Where the plan holds a moment, the template takes it for now."""
        self._tokenizer = tokenizer
        self._arguments = arguments
        self._clock = _stopped_at(prompts.template_date) if prompts.template_date is not None else None

    @property
    def name(self) -> str:
        """As HFLM.tokenizer_name."""
        return str(self._tokenizer.name_or_path).replace("/", "__")

    def render(self, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool) -> str:
        """As HFLM.apply_chat_template, but nothing is left out where the template refuses something."""
        with _clock(self._clock):
            text: str = self._tokenizer.apply_chat_template(
                messages,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
                **self._arguments,
            )
        return text


def template_arguments(prompts: PromptSettings) -> dict[str, Any]:
    """What HFLM hands to a chat template by these settings, and the special tokens that the plan names."""
    arguments = dict(prompts.model_args.get("chat_template_args") or {})
    if prompts.enable_thinking is not None:
        arguments["enable_thinking"] = prompts.enable_thinking
    return arguments | prompts.template_tokens


def _stopped_at(moment: str) -> type[dt.datetime]:
    """A datetime class whose `now` is always this moment (ISO format, local time)."""
    now_ = dt.datetime.fromisoformat(moment)

    class Stopped(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return now_.astimezone(tz) if tz else now_

    return Stopped


@contextmanager
def _clock(stopped: type[dt.datetime] | None) -> Iterator[None]:
    """While open, transformers tells templates the time by this class."""
    if stopped is None:
        yield
        return
    from transformers.utils import chat_template_utils

    real, chat_template_utils.datetime = chat_template_utils.datetime, stopped
    try:
        yield
    finally:
        chat_template_utils.datetime = real
