"""What both sides are prompted with: one chat template, one set of special tokens, room for the answers."""

from __future__ import annotations

import re
from pathlib import Path

from benchtui.errors import UsageError
from benchtui.models.describe import ModelDescription
from benchtui.runs.choice import BenchPlan
from benchtui.runs.plan import PromptSettings
from benchtui.tasks.catalogue import ResolvedTasks
from benchtui.text import one_line

_ANSWER_TOKENS = re.compile(r"^\s*max_gen_toks:\s*(\d+)", re.MULTILINE)


def check_room(choice: BenchPlan, tasks: ResolvedTasks, model: ModelDescription) -> None:
    """Raises UsageError when a task asks for longer answers than the model can hold, prompt not even counted."""
    window = choice.max_length or model.architecture.max_positions
    if window is None or "max_gen_toks" in choice.gen_kwargs:
        return
    for name, file in tasks.task_files.items():
        asked = max((int(n) for n in _ANSWER_TOKENS.findall(Path(file).read_text(errors="replace"))), default=0)
        if asked >= window:
            raise UsageError(
                f"{name} asks for answers of up to {asked} tokens; {one_line(model.name)} holds {window} in all.",
                f"Ask for shorter ones with --gen-kwargs max_gen_toks={window // 2}, or let it read beyond what it was "
                f"made for with --max-length {max(2048, 2 * asked)}.",
            )


def chat_template(choice: BenchPlan, own: ModelDescription, base: ModelDescription | None) -> tuple[str | None, str]:
    """The template that both sides are prompted with, and why; the fine-tuned model's wins where they differ, so that
    both always see the same prompts. Raises UsageError when it is demanded and there is none."""
    if choice.chat_template == "off":
        return None, ""
    theirs = base.chat_template if base else None
    mine = own.chat_template or (theirs if own.adapter else None)
    if choice.chat_template == "on":
        if template := mine or theirs:
            return template, ""
        raise UsageError("--chat-template on: neither model has a chat template.", "Use --chat-template auto or off.")
    if mine is None and theirs is None:
        return None, "Chat template: none, neither model has one."
    if base is not None and choice.compare and (mine is None or theirs is None):
        who = "base" if theirs is None else "fine-tuned"
        return None, f"Chat template: not applied, the {who} model has none (--chat-template on applies it to both)."
    if base is not None and mine != theirs and theirs is not None:
        return mine, "Chat template: the fine-tuned model's, on both sides (the base model's differs)."
    return mine or theirs, "Chat template: applied to both sides." if choice.compare else "Chat template: applied."


def differing_tokens(template: str | None, own: ModelDescription, base: ModelDescription | None) -> dict[str, str]:
    """The special tokens that the template writes and the two tokenizers have differently: the fine-tuned model's."""
    if template is None or base is None or not own.has_tokenizer:
        return {}
    theirs = dict(base.special_tokens)
    return {name: text for name, text in own.special_tokens if name in template and theirs.get(name) != text}


def prompt_settings(choice: BenchPlan, template: str | None, tokens: dict[str, str]) -> PromptSettings:
    if choice.enable_thinking and not choice.think_end_token:
        raise UsageError(
            "--enable-thinking needs to know where thinking ends.", "Add --think-end-token, for example '</think>'."
        )
    return PromptSettings(
        chat_template=template,
        template_tokens=tokens,
        system_instruction=choice.system_instruction,
        gen_kwargs=choice.gen_kwargs,
        enable_thinking=choice.enable_thinking,
        think_end_token=choice.think_end_token,
        max_length=choice.max_length,
        dtype=choice.dtype,
        model_args=choice.model_args,
        seeds=choice.seeds,
    )
