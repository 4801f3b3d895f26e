"""Names in words what differs between two runs besides the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from benchtui.compare.differences.pairing import MAX_UNPAIRED
from benchtui.compare.names import Names
from benchtui.compare.records import Pairing
from benchtui.results.records import RunResults, TaskFacts
from benchtui.text import one_line

MOST_FACTS = 4
"""Differences of one task that are listed; a group of 57 tasks would fill the screen."""

_OF_STOPPING = ("decide early",)
"""What decides how much of a run is done, not what is answered: a row that stopped early says so itself."""

_OF_BACKENDS = ("quantization", "kv-type", "server")
"""Settings that some backends have and that explain what differs from others."""

_OF_PROMPTS = ("chat template", "system instruction", "multi-turn shots", "enable thinking", "max length", "seeds")
"""Settings that change prompts, so that they explain why documents do not pair."""


def differing_settings(first: RunResults, second: RunResults, names: Names) -> tuple[str, ...]:
    """Return the settings that both runs name and that differ: "dtype: float32 (Base), bfloat16 (Fine-tuned)"."""
    theirs = {setting.name: setting.value for setting in second.settings if setting.name not in _OF_STOPPING}
    return (*_both_name(first, theirs, names), *_of_one_backend(first, second, names))


def _of_one_backend(first: RunResults, second: RunResults, names: Names) -> Iterator[str]:
    """Yield what only one of two backends has: the other's models are not quantised, or it has no such setting."""
    a, b = ({setting.name: setting.value for setting in run.settings} for run in (first, second))
    if a.get("backend") == b.get("backend"):
        return
    for name in _OF_BACKENDS:
        if (name in a) != (name in b):
            yield _differ(name, one_line(a.get(name, "–"), 40), one_line(b.get(name, "–"), 40), names)


def _both_name(first: RunResults, theirs: Mapping[str, str], names: Names) -> tuple[str, ...]:
    return tuple(
        _differ(setting.name, one_line(setting.value, 40), one_line(theirs[setting.name], 40), names)
        for setting in first.settings
        if setting.name in theirs and theirs[setting.name] != setting.value
    )


def _differ(what: str, a: object, b: object, names: Names) -> str:
    return f"{what}: {a} ({names[0]}), {b} ({names[1]})"


def differing_facts(task: str, first: RunResults, second: RunResults, names: Names) -> tuple[str, ...]:
    """Return what differs in the task itself: version, shots, limit, generation settings; for a group over its
    tasks."""
    group = second.group(task) or first.group(task)
    found: dict[str, None] = {}
    for name in group.leaves if group else (task,):
        a, b = first.task(name), second.task(name)
        if a is not None and b is not None:
            found.update(dict.fromkeys(_facts(a, b, names)))
        asked = first.answers_to_each(name), second.answers_to_each(name)
        if asked[0] != asked[1]:
            found[_differ("answers to each sample", *asked, names)] = None
    return tuple(found) if len(found) <= MOST_FACTS else (*tuple(found)[:MOST_FACTS], "…")


def _facts(a: TaskFacts, b: TaskFacts, names: Names) -> list[str]:
    found = []
    if a.version != b.version:
        found.append(_differ("task version", a.version, b.version, names))
    if a.shots != b.shots:
        found.append(_differ("shots", a.shots, b.shots, names))
    if a.n != b.n:
        found.append(_differ("samples", f"{a.n} of {a.total}", f"{b.n} of {b.total}", names))
    if a.generation != b.generation:
        found.append(_generation(a.generation, b.generation, names))
    return found


def _generation(a: str, b: str, names: Names) -> str:
    first, second = json.loads(a or "{}"), json.loads(b or "{}")
    different = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    words = "; ".join(_differ(key, repr(first.get(key)), repr(second.get(key)), names) for key in different)
    return f"generation settings: {one_line(words, 160)}"


def why_not_comparable(task: str, pairing: Pairing, first: RunResults, second: RunResults, names: Names) -> str:
    """Return why a task's two scores cannot be compared: other data, or too few documents that pair; "" where they can.

    Documents that a run did not ask because it stopped early do not count: what it asked is a random part of the task.
    """
    if other := differing_data(task, first, second, names):
        return other
    expected = pairing.without(only_first=second.early_of_any(task), only_second=first.early_of_any(task))
    if expected.unpaired_share <= MAX_UNPAIRED:
        return ""
    pairing = expected
    counts = _counts(pairing)
    partial = [
        f"the {name} run is partial ({why})"
        for name, why in zip(names, (first.partial_of(task), second.partial_of(task)), strict=True)
        if why is not None
    ]
    reasons = list(partial)
    facts = differing_facts(task, first, second, names)
    if pairing.differing_prompts:
        prompts = [words for words in differing_settings(first, second, names) if words.startswith(_OF_PROMPTS)]
        reasons += prompts + [words for words in facts if words.startswith(("shots", "task version"))]
    if pairing.only_first or pairing.only_second:
        # That a run is partial is shown elsewhere, and explains why it has fewer documents.
        reasons += [
            words for words in facts if words.startswith("task version" if partial else ("samples", "task version"))
        ]
    if not reasons:
        reasons = ["the samples or prompts themselves differ"]
    return f"{counts}, more than {MAX_UNPAIRED:.0%}: {'; '.join(dict.fromkeys(reasons))}"


def differing_data(task: str, first: RunResults, second: RunResults, names: Names) -> str:
    """Return which data of a task differ in the two runs, "" when no difference is known; for a group the first task
    with other data."""
    group = second.group(task) or first.group(task)
    for name in group.leaves if group else (task,):
        a, b = first.data.get(name), second.data.get(name)
        if a is None or b is None:
            continue
        if a.total != b.total:
            how = _differ("samples", f"{a.total:,}", f"{b.total:,}", names)
        elif a.count == b.count and a.documents != b.documents:
            how = "other samples under the same name"
        else:
            continue
        if a.revision != b.revision and a.revision and b.revision:
            how += f"; {_differ('revision', a.revision[:8], b.revision[:8], names)}"
        return f"the data of {one_line(name, 100)} changed between the runs ({how})"
    return ""


def _counts(pairing: Pairing) -> str:
    """ "341 of 541 documents have no partner, 12 were asked with another prompt"."""
    every, alone = pairing.asked, pairing.only_first + pairing.only_second
    parts = []
    if alone or not every:
        parts.append(f"{alone} of {every} samples have no partner" if every else "no samples were found")
    if pairing.differing_prompts:
        parts.append(f"{pairing.differing_prompts} of {every} were asked with another prompt")
    if pairing.neither:
        parts.append(f"{pairing.neither} of {every} samples were answered in neither run")
    return ", ".join(parts)
