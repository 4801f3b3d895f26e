"""One way of prompting for any number of models: one chat template, by the rule that a benchmark has for two sides."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from benchtui.errors import UsageError
from benchtui.models.describe import ModelDescription
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat_template import (
    ChosenTemplate,
    chat_template,
    check_template,
    differing_tokens,
    prompt_settings,
)
from benchtui.plans.choice import Choice
from benchtui.text import one_line


@dataclass(frozen=True)
class Prompted:
    """A model that is asked: what it is called, its description, and that of what it is loaded on."""

    label: str
    own: ModelDescription
    stands_on: ModelDescription | None = None

    @property
    def prompted_by(self) -> ModelDescription:
        """What has its tokenizer."""
        return self.own if self.own.has_tokenizer or self.stands_on is None else self.stands_on


def shared_prompts(choice: Choice, models: Sequence[Prompted], *, shots: int = 0) -> tuple[PromptSettings, list[str]]:
    """Settle how all of the models are prompted, and what the user should know of it. `shots` are the most few-shot
    examples of any prompt.

    "auto" applies a template where every model has one, "on" wherever one has: where they differ that of the last
    model, since the first is what the others are compared with. Raises UsageError where one is demanded and none has
    one, BenchtuiError for a template that cannot be rendered.
    """
    chosen, owner, notes = _chosen(choice, models)
    tokens: dict[str, str] = {}
    for model in models:
        tokens |= differing_tokens(chosen.template.text, owner.prompted_by, model.prompted_by)
    if tokens:
        notes.append(f"Chat template: the {' and '.join(tokens)} of {owner.label} for all models (they differ).")
    known = dict(owner.prompted_by.special_tokens) | tokens
    date = check_template(choice, chosen, known, shots=shots)
    if date:
        notes.append(f"Chat template: it writes the date; {date.replace('T', ' ')} is used throughout.")
    return prompt_settings(choice, chosen, tokens, date), notes


def _chosen(choice: Choice, models: Sequence[Prompted]) -> tuple[ChosenTemplate, Prompted, list[str]]:
    """Return the template, the model whose special tokens it is given, and why it is that one."""
    last = models[-1]
    if choice.chat_template not in ("auto", "on"):
        found = chat_template(choice, last.own, last.stands_on)
        return found, last, [found.note] if found.note else []
    alone = dataclasses.replace(choice, compare=False, chat_template="auto")
    each = [chat_template(alone, model.own, model.stands_on) for model in models]
    having = [number for number, found in enumerate(each) if found.template.text is not None]
    lacking = [models[number].label for number in range(len(models)) if number not in having]
    if not having:
        if choice.chat_template == "on":
            raise UsageError(
                "--chat-template on: no model has a chat template.",
                "Give one with --chat-template FILE, or leave the flag out.",
            )
        return ChosenTemplate(), last, ["Chat template: none, no model has one."]
    if lacking and choice.chat_template == "auto":
        why = f"Chat template: not applied, {_listed(lacking)} has none (--chat-template on applies one to all)."
        return ChosenTemplate(), last, [why]
    chosen, owner = each[having[-1]], models[having[-1]]
    others = [models[number].label for number in having if each[number].template.text != chosen.template.text]
    if others:
        verb = "differs" if len(others) == 1 else "differ"
        return chosen, owner, [f"Chat template: that of {owner.label}, for all models ({_listed(others)} {verb})."]
    return chosen, owner, ["Chat template: applied, the same for all models."]


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(one_line(label, 60) for label in labels)
