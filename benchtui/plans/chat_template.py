"""What both sides are prompted with: one chat template, one set of special tokens, room for the answers."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchtui.errors import BenchtuiError, UsageError
from benchtui.models.describe import ModelDescription
from benchtui.models.reading import Unreadable
from benchtui.models.tokenizer.chat_template import SPECIAL_TOKENS, TEMPLATE_FILE, ChatTemplate, read_template
from benchtui.models.tokenizer.template_probe import Trial, try_template
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.choice import Choice
from benchtui.tasks.resolve import ResolvedTasks
from benchtui.text import one_line

_ANSWER_TOKENS = re.compile(r"^\s*max_gen_toks:\s*(\d+)", re.MULTILINE)


def check_room(choice: Choice, tasks: ResolvedTasks, model: ModelDescription) -> None:
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


@dataclass(frozen=True)
class ChosenTemplate:
    """The template that both sides are prompted with (text None for none), the model it is of, and why."""

    template: ChatTemplate = field(default_factory=ChatTemplate)
    owner: str = ""
    note: str = ""

    @property
    def file(self) -> str:
        """Where it stands, as messages name it."""
        if not self.owner:
            return self.template.file
        if Path(self.owner).is_absolute() and Path(self.owner).is_dir():
            return str(Path(self.owner) / self.template.file)
        return f"{self.template.file} of {one_line(self.owner)}"


def chat_template(choice: Choice, own: ModelDescription, base: ModelDescription | None) -> ChosenTemplate:
    """The template that both sides are prompted with; the fine-tuned model's wins where they differ, so that both
    always see the same prompts. Raises UsageError when it is demanded and there is none, or when there are several and
    none is the default."""
    if choice.chat_template == "off":
        return ChosenTemplate()
    if choice.chat_template not in ("auto", "on"):
        template = template_of_file(Path(choice.chat_template).expanduser())
        sides = "on both sides" if base is not None and choice.compare else "applied"
        return ChosenTemplate(template, note=f"Chat template: {one_line(template.file, 200)}, {sides}.")
    found = [(side.template, side.name) for side in (own, base) if side is not None]
    for template, name in found:
        if template.problem:
            raise UsageError(
                f"{one_line(name, 200)} {template.problem}.",
                f"Give the one to use with --chat-template FILE, save it as {TEMPLATE_FILE} in the model's folder, or "
                "go without: --chat-template off.",
            )
    theirs = base.template if base else ChatTemplate()
    mine, owner = (own.template, own.name) if own.chat_template or not own.adapter or base is None else found[1]
    unread = " ".join(f"{one_line(name, 120)}: {template.note}." for template, name in found if template.note)
    if choice.chat_template == "on":
        if mine.text:
            return ChosenTemplate(mine, owner)
        if theirs.text and base is not None:
            return ChosenTemplate(theirs, base.name)
        who = "neither model has" if base is not None else f"{one_line(own.name, 200)} does not have"
        raise UsageError(
            f"--chat-template on: {who} a chat template.{f' {unread}' if unread else ''}",
            "Give one with --chat-template FILE, or go without: --chat-template auto or off.",
        )
    if mine.text is None and theirs.text is None:
        return ChosenTemplate(note=f"Chat template: none, neither model has one.{f' {unread}' if unread else ''}")
    if base is not None and choice.compare and (mine.text is None or theirs.text is None):
        who = "base" if theirs.text is None else "fine-tuned"
        why = f"Chat template: not applied, the {who} model has none (--chat-template on applies it to both)."
        return ChosenTemplate(note=f"{why}{f' {unread}' if unread else ''}")
    if base is not None and theirs.text is not None and mine.text != theirs.text:
        why = "Chat template: the fine-tuned model's, on both sides (the base model's differs)."
        borrowed = ChosenTemplate(theirs, base.name, "Chat template: the base model's, applied.")
        return ChosenTemplate(mine, owner, why) if mine.text else borrowed
    why = "Chat template: applied to both sides." if choice.compare else "Chat template: applied."
    return ChosenTemplate(mine, owner, why)


def template_of_file(path: Path) -> ChatTemplate:
    """Read the template in the file that --chat-template names. Raises UsageError for what cannot be read."""
    try:
        return ChatTemplate(read_template(path), str(path.absolute()))
    except (FileNotFoundError, Unreadable) as error:
        reason = str(error) if isinstance(error, Unreadable) else "does not exist"
        raise UsageError(
            f"--chat-template {one_line(str(path), 200)} {reason}.",
            "Give auto, on, off, or a file with a Jinja template.",
        ) from None


def differing_tokens(template: str | None, own: ModelDescription, base: ModelDescription | None) -> dict[str, str]:
    """The special tokens that the template writes and the two tokenizers have differently: the fine-tuned model's,
    empty text for one that it has not."""
    if template is None or base is None or not own.has_tokenizer:
        return {}
    theirs = dict(base.special_tokens)
    mine = {name: text or "" for name, text in own.special_tokens if name in template}
    return {name: text for name, text in mine.items() if (theirs.get(name) or "") != text}


_QUESTION, _ANSWER, _SYSTEM = "Which colour has the sky?", "It is blue.", "Answer in one sentence."


def check_template(
    choice: Choice,
    chosen: ChosenTemplate,
    tokens: Mapping[str, str | None],
    *,
    shots: int,
    next_step: str = "",
    system: str = "--system-instruction",
) -> str | None:
    """Try the template on messages with the roles that the run will use, before anything is loaded; returns the moment
    it shall take for now when it writes the date, else None.

    `tokens` are the special tokens that it is given, `shots` the most few-shot examples of any task, `next_step` what
    to do about an error where a template can be gone without by no means, `system` the flag that adds a system message.
    Raises BenchtuiError naming the file and the line.
    """
    if chosen.template.text is None:
        return None
    first = [{"role": "system", "content": _SYSTEM}] if choice.system_instruction else []
    question, answer = {"role": "user", "content": _QUESTION}, {"role": "assistant", "content": _ANSWER}
    chats = {"a question": [question]}
    if first:
        chats[f"a system message ({system})"] = [*first, question]
    if shots:
        chats["few-shot examples as turns of user and assistant"] = [*first, question, answer, question]
    # What the class of the tokenizer adds is only known to transformers: the worker tries the template again.
    known = dict.fromkeys(SPECIAL_TOKENS, "<token>") | dict(tokens)
    arguments: dict[str, Any] = {name: text for name, text in known.items() if text is not None}
    arguments |= choice.model_args.get("chat_template_args") or {}
    if choice.enable_thinking is not None:
        arguments["enable_thinking"] = choice.enable_thinking
    found = try_template(Trial(chosen.template.text, list(chats.values()), arguments))
    if found.error:
        doing = f"fails on {list(chats)[found.failed]}" if found.failed is not None else "cannot be used"
        raise template_failed(chosen.file, doing, found.error, found.line, next_step)
    if found.random:
        raise template_failed(chosen.file, "cannot be used", f"it writes random text ({found.random})", 0, next_step)
    for (what, chat), prompt in zip(chats.items(), found.rendered, strict=True):
        if lost := next((message for message in chat if message["content"] not in prompt), None):
            why = f"the prompt does not hold the text of the {lost['role']} message"
            raise template_failed(chosen.file, f"fails on {what}", why, 0, next_step)
    return dt.datetime.now().isoformat(timespec="seconds") if found.uses_date else None  # noqa: DTZ005 - local time


def template_failed(file: str, doing: str, error: str, line: int, next_step: str = "") -> BenchtuiError:
    """The error for a chat template that cannot be rendered."""
    where = f"{file} (line {line})" if line else file
    return BenchtuiError(
        f"The chat template in {where} {doing}: {error.rstrip('.')}.",
        next_step or "Correct it there, or go without it: --chat-template off.",
    )


def prompt_settings(choice: Choice, chosen: ChosenTemplate, tokens: dict[str, str], date: str | None) -> PromptSettings:
    if choice.enable_thinking and not choice.think_end_token:
        raise UsageError(
            "--enable-thinking needs to know where thinking ends.", "Add --think-end-token, for example '</think>'."
        )
    return PromptSettings(
        chat_template=chosen.template.text,
        template_file=chosen.file if chosen.template.text else "",
        template_tokens=tokens,
        template_date=date,
        system_instruction=choice.system_instruction,
        gen_kwargs=choice.gen_kwargs,
        enable_thinking=choice.enable_thinking,
        think_end_token=choice.think_end_token,
        max_length=choice.max_length,
        dtype=choice.dtype,
        model_args=choice.model_args,
        seeds=choice.seeds,
    )
