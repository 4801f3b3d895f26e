"""The demo's two tasks with as many documents as are asked for: the same ones each time."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchtui.demo.instructions import exercises
from benchtui.demo.workspace import demo_paths

KNOWLEDGE, INSTRUCTIONS = "demo_knowledge", "demo_instructions"
_SYLLABLES = ("ka", "to", "van", "nis", "bra", "lo", "mi", "rek", "su", "den", "fa", "gor")


def make_tasks(folder: Path, documents: int) -> None:
    """Write both tasks into a new `folder`, each with its own documents where those are enough, else with made ones:
    questions about other names, and more exercises. Raises ValueError where there are not so many."""
    shutil.copytree(demo_paths().tasks, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for task, made in ((KNOWLEDGE, _questions), (INSTRUCTIONS, _exercises)):
        file = folder / f"{task}.jsonl"
        own = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        if len(own) < documents:
            lines = [json.dumps(document) + "\n" for document in made(own, documents)]
            file.write_text("".join(lines), encoding="utf-8")


def _questions(own: list[dict[str, Any]], documents: int) -> Iterator[dict[str, Any]]:
    """Questions of the demo, each about another name."""
    if documents > len(_SYLLABLES) ** 3:
        raise ValueError(f"There are no {documents} names.")
    chance = random.Random(5)  # noqa: S311  # not for secrets
    names: set[str] = set()
    while len(names) < documents:
        name = "".join(chance.choice(_SYLLABLES) for _ in range(3)).capitalize()
        if name in names:
            continue
        names.add(name)
        document = chance.choice(own)
        words = document["question"].rstrip("?").split()
        named = [word for word in words[1:] if word[0].isupper()]
        question = document["question"].replace(named[0], name) if named else f"{name}: {document['question']}"
        yield {**document, "question": question}


def _exercises(own: list[dict[str, Any]], documents: int) -> Iterator[dict[str, Any]]:
    """More exercises as the demo has them, no prompt twice."""
    assert own
    found = {exercise.prompt: exercise for exercise in exercises(7, 4 * documents, for_testing=True)}
    if len(found) < documents:
        raise ValueError(f"There are no {documents} exercises, but {len(found)}.")
    for exercise in list(found.values())[:documents]:
        demands = [{"id": one.id, "words": list(one.words), "count": one.count} for one in exercise.instructions]
        yield {"kind": exercise.kind, "prompt": exercise.prompt, "instructions": demands}
