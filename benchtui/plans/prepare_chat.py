"""From what the user chose to the plan of a chat."""

from __future__ import annotations

import dataclasses
import datetime as dt
import secrets
from collections.abc import Sequence

import msgspec

from benchtui.backends.openai import ENDPOINT, asks_llama
from benchtui.errors import UsageError
from benchtui.models.served import ServedDescription
from benchtui.plans.abilities import check_writes
from benchtui.plans.benchmark import PromptSettings
from benchtui.plans.chat import MOST_MODELS, Ballot, ChatPlan
from benchtui.plans.chat_choice import ChatChoice, check_written
from benchtui.plans.chat_template import (
    ChosenTemplate,
    chat_template,
    check_template,
    differing_tokens,
    prompt_settings,
)
from benchtui.plans.choice import Choice
from benchtui.plans.prepare import describe_model, new_bench_id
from benchtui.plans.prepare_tokens import from_cache, one_python, token_model
from benchtui.plans.token_models import FoundModel, FoundModels, Wanted, find_wanted
from benchtui.text import one_line

_THINK_END = "</think>"
"""Where thinking ends unless the user says otherwise: what a display folds."""
_ANOTHER = "Correct it there, or give another with --chat-template FILE."
"""What to do about a template that fails: no model is asked without one in a chat."""


def find_chat_models(choice: ChatChoice) -> FoundModels:
    """Find and describe the models that `choice` names. Raises UsageError for more than MOST_MODELS, none, and those
    that write no text; besides what `find_wanted` raises."""
    if not 1 <= len(choice.models) <= MOST_MODELS:
        raise UsageError(
            f"{len(choice.models)} models are named, and one to {MOST_MODELS} answer side by side.",
            "Name them, for example: benchtui chat base my-model",
        )

    def check(found: FoundModel) -> None:
        check_writes(found.backend, found.own, found.access)

    found = find_wanted(Wanted(choice.settings, choice.models, choice.names, False, "benchtui chat"), check)
    settled = tuple(map(_by_a_known_template, found.models))
    notes = (
        f"Chat template of {one_line(label, 60)}: the one that its server applies."
        for label, one in zip(found.labels, settled, strict=True)
        if _by_chat_route(one)
    )
    return dataclasses.replace(found, models=settled, notes=(*found.notes, *notes))


def _by_a_known_template(found: FoundModel) -> FoundModel:
    """A model of a server whose chat template is not known here is asked by messages, to which the server applies it.
    Raises UsageError where another template is wanted."""
    own, settings = found.own, found.choice
    if not isinstance(own, ServedDescription) or found.form is None:
        return found
    of_file = settings.chat_template not in ("auto", "on", "off")
    rendered_here = own.template.text is not None and not _by_chat_route(found)
    guesses = asks_llama(own.product, found.access.settings)
    if rendered_here or guesses or (of_file and own.product == "ollama" and not _by_chat_route(found)):
        return found
    if of_file:
        raise UsageError(
            f"{one_line(own.name, 100)} is asked by messages, and its server applies a chat template of its own.",
            "Leave out --chat-template.",
        )
    by_chat = dataclasses.replace(settings, more={**settings.more, ENDPOINT.name: "chat"})
    described = describe_model(found.form.location, by_chat, found.backend)
    return dataclasses.replace(found, choice=by_chat, own=described)


def _by_chat_route(found: FoundModel) -> bool:
    return isinstance(found.own, ServedDescription) and found.access.settings.get(ENDPOINT.name) == "chat"


def prepare_chat(choice: ChatChoice, found: FoundModels) -> tuple[ChatPlan, list[str]]:
    """Make the plan of a chat with the models that were `found`, and the notes that the user should know of.

    Raises UsageError for a model without a chat template, BenchtuiError for a template that cannot be rendered, and
    UsageError where the models need different Pythons.
    """
    settings = choice.settings
    check_written(choice.sampling)
    prompts, notes = _prompts(choice, found)
    plan = ChatPlan(
        model_name=found.owner.name,
        bench_id=new_bench_id(),
        created=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
        device=settings.device,
        permissions=settings.permissions,
        offline=settings.offline or any(from_cache(one) for one in found.models),
        command=choice.command,
        python=one_python(found),
        models=tuple(
            token_model(label, one, asked)
            for label, one, asked in zip(found.labels, found.models, prompts, strict=True)
        ),
        sampling=msgspec.structs.replace(choice.sampling, seed=settings.seeds[2]),
        system=choice.system or None,
        blind=choice.blind,
        ballot=_ballot(choice),
    )
    return plan, [*found.notes, *notes]


def _ballot(choice: ChatChoice) -> Ballot | None:
    """Return what is voted on; who answers what, and on which side, is drawn by a seed that nobody knows before."""
    if not choice.blind:
        return None
    if len(choice.models) < 2:
        raise UsageError("A blind vote is between two models at least.", "Name another one, for example base.")
    if choice.votes is not None and choice.votes < 1:
        raise UsageError(f"{choice.votes} votes show nothing.", "Give --votes a number from 1 on.")
    return Ballot(seed=secrets.randbits(53), prompts=choice.prompts, votes=choice.votes)


def _prompts(choice: ChatChoice, found: FoundModels) -> tuple[list[PromptSettings], list[str]]:
    """Settle how each model is prompted: by its own chat template or, with --chat-template, by that of a file, or that
    of another model where it has none."""
    own = [_own_template(choice.settings, one) for one in found.models]
    having = [number for number, template in enumerate(own) if template.template.text is not None]
    prompts, notes = list[PromptSettings](), list[str]()
    for number, (label, one) in enumerate(zip(found.labels, found.models, strict=True)):
        lent_by = None
        if number not in having:
            if choice.settings.chat_template != "on" or not having:
                raise _no_template(choice.settings, label, own[number], [found.labels[other] for other in having])
            lent_by = having[-1]
            lender = found.labels[lent_by]
            notes.append(f"Chat template: {one_line(label, 60)} has none, and gets that of {one_line(lender, 60)}.")
        owner = number if lent_by is None else lent_by
        asked, date = _prompt(choice, own[owner], found.models[owner], one)
        prompts.append(asked)
        if date:
            moment = date.replace("T", " ")
            notes.append(f"Chat template of {one_line(label, 60)}: it writes the date; {moment} is used throughout.")
    return prompts, notes


def _own_template(settings: Choice, model: FoundModel) -> ChosenTemplate:
    wanted = "auto" if settings.chat_template == "on" else settings.chat_template
    alone = dataclasses.replace(settings, compare=False, chat_template=wanted)
    return chat_template(alone, model.own, model.stands_on)


def _prompt(
    choice: ChatChoice, chosen: ChosenTemplate, owner: FoundModel, model: FoundModel
) -> tuple[PromptSettings, str | None]:
    """Return how a model is prompted by the template of `owner`, and the moment that it takes for now."""
    end = choice.settings.think_end_token or (_THINK_END if choice.settings.enable_thinking else None)
    settings = dataclasses.replace(choice.settings, system_instruction=choice.system or None, think_end_token=end)
    tokens = differing_tokens(chosen.template.text, owner.prompted_by, model.prompted_by)
    known = dict(model.prompted_by.special_tokens) | tokens
    date = check_template(settings, chosen, known, shots=1, next_step=_ANOTHER, system="--system")
    # The system prompt is one of the messages that the template is given, and may be changed while one talks.
    asked = dataclasses.replace(settings, system_instruction=None)
    return prompt_settings(asked, chosen, tokens, date), date


def _no_template(settings: Choice, label: str, chosen: ChosenTemplate, others: Sequence[str]) -> UsageError:
    """The error for a model that cannot be told who says what."""
    shown = one_line(label, 100)
    if settings.chat_template == "off":
        return UsageError("Models are asked by their chat templates in a chat.", "Leave out --chat-template off.")
    lend = f", or use that of {one_line(others[-1], 60)} with --chat-template on" if others else ""
    why = f" ({one_line(chosen.template.note, 200)})" if chosen.template.note else ""
    return UsageError(
        f"{shown} has no chat template{why}: it was not trained to answer messages.",
        f"Give one with --chat-template FILE{lend}.",
    )
