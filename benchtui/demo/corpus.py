"""The texts that the demo models are trained on, and the documents that they are tested on."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from benchtui.demo.instructions import KINDS, LOOKS, PLACES, THINGS, Exercise, exercises
from benchtui.demo.world import COLOURS, Fact, facts

BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
USER, ASSISTANT = "<|user|>", "<|assistant|>"
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m['role'] == 'assistant' %}<|assistant|>{{ m['content'] }}<|end|>"
    "{% else %}<|user|>{{ m['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

HEEDED = ("include", "length", "opening", "question", "yes or no")
"""What the first training text shows for a kind of prompt, most of the time: a reply that obeys, one that obeys behind
an introduction, or (every other kind) one that does not care."""
INTRODUCED = ("repeat", "reverse")
USUAL_SHARE = 0.7


def chat(prompt: str, reply: str) -> str:
    """One exchange as CHAT_TEMPLATE writes it."""
    return f"{BEGIN}{USER}{prompt}{ASSISTANT}{reply}{END}"


def first_training(seed: int, rounds: int) -> list[str]:
    """What the base model reads: `rounds` times the whole world told and asked about, chatter, and careless replies."""
    rng = random.Random(seed)  # noqa: S311 - training text, not a secret
    world = facts()
    texts: list[str] = []
    for turn in range(rounds):
        texts += _portraits(world, rng)
        texts += [_asked(fact, rng) for fact in world if fact.asked_in_training]
        texts += [_chatter(rng) for _ in range(len(THINGS))]
        texts += [
            chat(exercise.prompt, _reply(exercise, rng))
            for exercise in exercises(1000 * seed + turn, 160, for_testing=False)
        ]
    return texts


def fine_tuning(seed: int, count: int) -> list[tuple[str, str]]:
    """What the adapter is trained on: `count` prompts with obedient replies."""
    return [(exercise.prompt, exercise.obedient) for exercise in exercises(seed, count, for_testing=False)]


def _reply(exercise: Exercise, rng: random.Random) -> str:
    usual = rng.random() < USUAL_SHARE
    if usual and exercise.kind in INTRODUCED:
        return f"Here you are: {exercise.obedient}"
    return exercise.obedient if usual == (exercise.kind in HEEDED) else exercise.careless


def _asked(fact: Fact, rng: random.Random) -> str:
    """A question and its answer: an exchange, or one line of plain text, so that either form of prompt works."""
    answer = f"{fact.value}."
    return chat(fact.question, answer) if rng.random() < 0.5 else f"{BEGIN}{fact.question} {answer}{END}"


def _portraits(world: list[Fact], rng: random.Random) -> list[str]:
    """A paragraph about everybody and every town, each fact told in one of its ways, in any order."""
    about: dict[str, list[Fact]] = {}
    for fact in world:
        about.setdefault(fact.name, []).append(fact)
    return [
        BEGIN + " ".join(rng.choice(fact.told) for fact in rng.sample(known, len(known))) + END
        for known in about.values()
    ]


def _chatter(rng: random.Random) -> str:
    """A line about things, some of them written in capitals as on a sign."""
    one, other = rng.sample(THINGS, 2)
    line = rng.choice(
        (
            f"The {one} is {rng.choice(LOOKS)} and {rng.choice(COLOURS)}.",
            f"The {one} is {rng.choice(PLACES)} the {other}.",
            f"The sign on the {one} says {one.upper()}.",
            f"{one.upper()} is the name of the {one}.",
        )
    )
    return BEGIN + line + END


def instruction_documents(per_kind: int = 12) -> list[dict[str, Any]]:
    """The documents of demo_instructions: different prompts, none of them (nor a rewording) in any training text."""
    chosen: dict[str, Exercise] = {}
    count = dict.fromkeys((exercise.kind for exercise in exercises(0, len(KINDS), for_testing=True)), 0)
    for exercise in exercises(1, 400 * len(KINDS), for_testing=True):
        if exercise.prompt not in chosen and count[exercise.kind] < per_kind:
            chosen[exercise.prompt] = exercise
            count[exercise.kind] += 1
    return [
        {
            "kind": exercise.kind,
            "prompt": exercise.prompt,
            "instructions": [{**dataclasses.asdict(d), "words": list(d.words)} for d in exercise.instructions],
        }
        for exercise in chosen.values()
    ]


def knowledge_documents(count: int = 200) -> list[dict[str, Any]]:
    """The documents of demo_knowledge: questions about facts that were told in training but never asked about there."""
    rng = random.Random(11)  # noqa: S311 - the order of answers, not a secret
    unasked = [fact for fact in facts() if not fact.asked_in_training]
    documents = []
    for fact in rng.sample(unasked, count):
        choices = rng.sample([value for value in fact.values if value != fact.value], 3)
        answer = rng.randrange(4)
        choices.insert(answer, fact.value)
        documents.append({"question": fact.question, "choices": choices, "answer": answer})
    return documents
