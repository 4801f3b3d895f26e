"""Prompts that say how the reply has to look, with a reply that obeys and one that does not care.

The base model reads mostly careless replies, the fine-tuned one only obedient ones. A prompt whose words are held out
(`world.held_out`) is never shown to either: those are the test.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchtui.demo.world import COLOURS, FOODS, PETS, held_out

THINGS = (
    *("lantern", "boat", "ladder", "bell", "rope", "basket", "hammer", "mirror", "bottle", "candle", "drum", "kettle"),
    *(
        "bridge",
        "garden",
        "window",
        "table",
        "wagon",
        "tower",
        "barrel",
        "blanket",
        "harbour",
        "road",
        "river",
        "stone",
    ),
    *("hat", "coat", "shoe", "spoon", "cup", "plate", "knife", "wheel", "door", "house", "stool", "needle"),
    *("bucket", "chest", "sail", "anchor"),
)
LOOKS = ("small", "old", "new", "big", "round", "heavy", "clean", "broken")
PLACES = ("near", "behind", "under", "above", "beside")
OPENINGS = ("well", "surely", "listen", "friend", "today", "look")
ENDINGS = ("done", "thanks", "indeed", "always", "friend", "goodbye")
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
CLASSES = {"animals": PETS, "foods": FOODS, "colours": COLOURS}


@dataclass(frozen=True)
class Instruction:
    """One demand that tasks/checks.py can verify: its id there, the words and the number it is about."""

    id: str
    words: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True)
class Exercise:
    """A prompt, what it demands, a reply that obeys and one that does not care."""

    kind: str
    prompt: str
    instructions: tuple[Instruction, ...]
    obedient: str
    careless: str

    @property
    def for_testing(self) -> bool:
        """Decided by the kind and the prompt's words, so that no rewording of a test prompt is trained on."""
        words = sorted({word for demand in self.instructions for word in demand.words} | _topics(self.prompt))
        counts = [demand.count for demand in self.instructions]
        return held_out(f"{self.kind} {words} {counts}", parts=(1, 4))


def _topics(prompt: str) -> set[str]:
    return set(prompt.lower().replace(",", " ").replace(".", " ").replace("?", " ").split()) & set(THINGS)


def _describe(thing: str, rng: random.Random) -> str:
    return f"The {thing} is {rng.choice(LOOKS)} and {rng.choice(COLOURS)}."


def _capitals(rng: random.Random) -> Exercise:
    word = rng.choice(THINGS)
    prompt = rng.choice((f"Write the word {word} in capital letters.", f"In capital letters only: {word}."))
    return Exercise("capitals", prompt, (Instruction("case:capitals", (word,)),), word.upper(), word)


def _repeat(rng: random.Random) -> Exercise:
    word, count = rng.choice(THINGS), rng.choice((2, 3, 4))
    prompt = rng.choice((f"Say {word} {NUMBERS[count]} times.", f"Repeat the word {word} {NUMBERS[count]} times."))
    demand = Instruction("words:sequence", (word,), count)
    return Exercise("repeat", prompt, (demand,), " ".join([word] * count), _describe(word, rng))


def _reverse(rng: random.Random) -> Exercise:
    words = tuple(rng.sample(THINGS, 3))
    prompt = f"Write these words in reverse order: {', '.join(words)}."
    demand = Instruction("words:sequence", words[::-1])
    return Exercise("reverse", prompt, (demand,), ", ".join(words[::-1]), ", ".join(words))


def _pick(rng: random.Random) -> Exercise:
    words, place = rng.sample(THINGS, 3), rng.choice((0, 1, 2))
    ordinal = ("first", "second", "last")[place]
    prompt = f"Write only the {ordinal} of these words: {', '.join(words)}."
    demand = Instruction("words:sequence", (words[place],))
    return Exercise("pick", prompt, (demand,), words[place], ", ".join(words))


def _items(rng: random.Random) -> Exercise:
    group, count = rng.choice(list(CLASSES)), rng.choice((2, 3, 4))
    unwanted, *chosen = rng.sample(CLASSES[group], 6)
    prompt = rng.choice((f"Name {NUMBERS[count]} {group}", f"Give me a list of {NUMBERS[count]} {group}"))
    wanted = tuple(word for word in CLASSES[group] if word != unwanted)
    careless = ", ".join(chosen[: rng.choice([n for n in (1, 2, 3, 4, 5) if n != count])])
    demands = (Instruction("items:count", wanted, count),)
    return Exercise("items", f"{prompt} but not {unwanted}.", demands, ", ".join(chosen[:count]), careless)


def _length(rng: random.Random) -> Exercise:
    thing, count = rng.choice(THINGS), rng.choice((2, 3, 4, 5, 6))
    look, colour = rng.choice(LOOKS), rng.choice(COLOURS)
    replies = {
        2: f"{colour.capitalize()} {thing}.",
        3: f"{look.capitalize()} {colour} {thing}.",
        4: f"The {thing} is {look}.",
        5: f"The {colour} {thing} is {look}.",
        6: f"The {thing} is {look} and {colour}.",
    }
    prompt = rng.choice(
        (f"Describe the {thing} in exactly {NUMBERS[count]} words.", f"Use {NUMBERS[count]} words for the {thing}.")
    )
    careless = replies[rng.choice([n for n in replies if n != count])]
    return Exercise("length", prompt, (Instruction("words:exactly", (), count),), replies[count], careless)


def _ending(rng: random.Random) -> Exercise:
    thing, end = rng.choice(THINGS), rng.choice(ENDINGS)
    told = _describe(thing, rng)
    prompt = rng.choice(
        (f"Describe the {thing} and end with the word {end}.", f"Tell me about the {thing}. Your last word is {end}.")
    )
    return Exercise("ending", prompt, (Instruction("words:last", (end,)),), f"{told[:-1]}, {end}.", told)


def _opening(rng: random.Random) -> Exercise:
    thing, start = rng.choice(THINGS), rng.choice(OPENINGS)
    told = _describe(thing, rng)
    prompt = rng.choice(
        (f"Start with the word {start} and describe the {thing}.", f"Describe the {thing}. Your first word is {start}.")
    )
    obedient = f"{start.capitalize()}, t{told[1:]}"
    return Exercise("opening", prompt, (Instruction("words:first", (start,)),), obedient, told)


def _small(rng: random.Random) -> Exercise:
    thing = rng.choice(THINGS)
    told = _describe(thing, rng)
    prompt = rng.choice((f"Describe the {thing} in small letters.", f"No capital letters: describe the {thing}."))
    return Exercise("small", prompt, (Instruction("case:small"),), told.lower(), told)


def _small_ending(rng: random.Random) -> Exercise:
    thing, end = rng.choice(THINGS), rng.choice(ENDINGS)
    told = _describe(thing, rng)
    prompt = f"Describe the {thing} in small letters and end with the word {end}."
    demands = (Instruction("case:small"), Instruction("words:last", (end,)))
    obedient = f"{told[:-1].lower()}, {end}."
    return Exercise("small ending", prompt, demands, obedient, rng.choice((told, told.lower(), f"{told[:-1]}, {end}.")))


def _opening_question(rng: random.Random) -> Exercise:
    thing, start = rng.choice(THINGS), rng.choice(OPENINGS)
    prompt = f"Ask a question about the {thing} and start with the word {start}."
    asked = f"is the {thing} {rng.choice(LOOKS)}?"
    demands = (Instruction("form:question"), Instruction("words:first", (start,)))
    careless = rng.choice((asked.capitalize(), _describe(thing, rng)))
    return Exercise("opening question", prompt, demands, f"{start.capitalize()}, {asked}", careless)


def _question(rng: random.Random) -> Exercise:
    thing = rng.choice(THINGS)
    prompt = rng.choice((f"Ask a question about the {thing}.", f"Write a question, not an answer: the {thing}."))
    obedient = f"Is the {thing} {rng.choice((*LOOKS, *COLOURS))}?"
    return Exercise("question", prompt, (Instruction("form:question"),), obedient, _describe(thing, rng))


def _quoted(rng: random.Random) -> Exercise:
    word = rng.choice(THINGS)
    prompt = rng.choice((f"Put the word {word} in quotation marks.", f"Write {word} between quotation marks."))
    return Exercise("quoted", prompt, (Instruction("form:quoted", (word,)),), f'"{word}"', word)


def _include(rng: random.Random) -> Exercise:
    one, other = rng.sample(THINGS, 2)
    prompt = f"Write a sentence with the words {one} and {other}."
    obedient = f"The {one} is {rng.choice(PLACES)} the {other}."
    demand = Instruction("words:include", (one, other))
    return Exercise("include", prompt, (demand,), obedient, _describe(rng.choice((one, other)), rng))


def _avoid(rng: random.Random) -> Exercise:
    thing = rng.choice(THINGS)
    prompt = rng.choice((f"Describe the {thing} without using its name.", f"Do not say {thing}, but describe it."))
    obedient = f"It is {rng.choice(LOOKS)} and {rng.choice(COLOURS)}."
    return Exercise("avoid", prompt, (Instruction("words:avoid", (thing,)),), obedient, _describe(thing, rng))


def _yes_no(rng: random.Random) -> Exercise:
    thing, colour = rng.choice(THINGS), rng.choice((*COLOURS, *LOOKS))
    prompt = f"Is the {thing} {colour}? Answer with yes or no only."
    return Exercise(
        "yes or no", prompt, (Instruction("form:yes_no"),), rng.choice(("Yes.", "No.")), _describe(thing, rng)
    )


KINDS: tuple[Callable[[random.Random], Exercise], ...] = (
    *(_capitals, _repeat, _reverse, _pick, _items, _length, _ending, _opening),
    *(_small, _small_ending, _opening_question, _question, _quoted, _include, _avoid, _yes_no),
)


def exercises(seed: int, count: int, *, for_testing: bool) -> list[Exercise]:
    """`count` exercises, the kinds in turn; all from the part kept for testing, or none of them."""
    rng = random.Random(seed)  # noqa: S311 - practice prompts, not a secret
    found: list[Exercise] = []
    while len(found) < count:
        exercise = KINDS[len(found) % len(KINDS)](rng)
        if exercise.for_testing == for_testing:
            found.append(exercise)
    return found
