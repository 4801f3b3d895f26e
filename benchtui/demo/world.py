"""The invented world that the demo models know: towns and people on six islands, and four facts about each.

Every fact is told in the training text. Only some are ever *asked* about there; the questions of the multiple-choice
task are about the others, so answering one means using what was read, not repeating a question seen before.
"""

from __future__ import annotations

import itertools
import random
import zlib
from dataclasses import dataclass

ISLANDS = ("Norland", "Solmark", "Eastrey", "Westra", "Midholm", "Farrow")
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "brown", "grey")
GOODS = ("bread", "salt", "glass", "wool", "honey", "paper", "cheese", "iron", "oil", "silk", "clay", "tea")
SEASONS = ("spring", "summer", "autumn", "winter")
TRADES = ("baker", "sailor", "miller", "weaver", "smith", "painter", "farmer", "teacher", "doctor", "cook")
PETS = ("cat", "dog", "goat", "fox", "owl", "hen", "seal", "horse")
FOODS = ("apples", "pears", "plums", "cherries", "figs", "lemons", "grapes", "melons", "nuts", "eggs")

_TOWN_STARTS = ("Pel", "Dun", "Ash", "Bram", "Cal", "Fern", "Gil", "Har", "Ost", "Riv")
_TOWN_ENDS = ("wick", "ford", "holm", "bury", "stead")
_NAME_STARTS = ("Mi", "To", "Sel", "Ka", "Jo", "Ru", "Ben", "Li", "Or", "Ti")
_NAME_ENDS = ("ra", "van", "den", "lo", "nis", "mar", "sa")

_TOWN_FACTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "island": (
        ISLANDS,
        ("{name} is a town on {value}.", "You find {name} on the island of {value}.", "On {value} lies {name}."),
        "Which island is {name} on?",
    ),
    "flag": (
        COLOURS,
        ("The flag of {name} is {value}.", "{name} has a {value} flag.", "A {value} flag flies over {name}."),
        "What colour is the flag of {name}?",
    ),
    "goods": (
        GOODS,
        ("{name} is known for its {value}.", "People in {name} sell {value}.", "The best {value} comes from {name}."),
        "What is {name} known for?",
    ),
    "fair": (
        SEASONS,
        ("The fair of {name} is in {value}.", "{name} has its fair in {value}.", "In {value} all go to {name} fair."),
        "When is the fair of {name}?",
    ),
}
"""attribute: the values it can take, ways to tell it, the question that asks for it."""
_PERSON_FACTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "home": (
        tuple(start + end for start, end in itertools.product(_TOWN_STARTS, _TOWN_ENDS)),
        ("{name} lives in {value}.", "The home of {name} is {value}.", "In {value} lives {name}."),
        "Where does {name} live?",
    ),
    "trade": (
        TRADES,
        ("{name} is a {value}.", "{name} works as a {value}.", "The {value} is called {name}."),
        "What is the trade of {name}?",
    ),
    "pet": (
        PETS,
        ("{name} has a {value}.", "{name} keeps a {value} at home.", "The {value} belongs to {name}."),
        "Which animal does {name} have?",
    ),
    "food": (
        FOODS,
        ("{name} likes {value}.", "{name} eats {value} every day.", "Give {value} to {name}."),
        "What does {name} like to eat?",
    ),
}


@dataclass(frozen=True)
class Fact:
    """One thing that is so in the invented world; `values` are all the answers that the question could have."""

    name: str
    attribute: str
    value: str
    values: tuple[str, ...]
    told: tuple[str, ...]
    question: str

    @property
    def asked_in_training(self) -> bool:
        return not held_out(f"{self.name} {self.attribute}", parts=(2, 5))


def held_out(key: str, parts: tuple[int, int]) -> bool:
    """Whether `key` is kept for testing: `parts` (2, 5) keeps about two of five, always the same ones."""
    kept, of = parts
    return zlib.crc32(key.encode()) % of < kept


def facts() -> list[Fact]:
    """All 480 facts, grouped by whom they are about; the same list on every machine."""
    rng = random.Random(7)  # noqa: S311 - an invented world, not a secret
    towns = _PERSON_FACTS["home"][0]
    people = [start + end for start, end in itertools.product(_NAME_STARTS, _NAME_ENDS)]
    return [
        Fact(name, attribute, value := rng.choice(values), values, _fill(told, name, value), question.format(name=name))
        for names, table in ((towns, _TOWN_FACTS), (people, _PERSON_FACTS))
        for name in names
        for attribute, (values, told, question) in table.items()
    ]


def _fill(told: tuple[str, ...], name: str, value: str) -> tuple[str, ...]:
    return tuple(sentence.format(name=name, value=value) for sentence in told)
