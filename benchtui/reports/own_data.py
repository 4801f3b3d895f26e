"""What was made of people's own data, before anything is asked: how it was read, and its first prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchtui.tasks.data.spec import DataKind, MadeTask
from benchtui.text import one_line, printable

KINDS: Mapping[DataKind, str] = {
    "generate": "an answer is written and matched",
    "choices": "the likeliest of several choices",
    "loglikelihood": "how likely the answer is",
    "perplexity": "perplexity of whole texts",
    "preference": "whether the chosen answer is likelier than the rejected one",
}
_LONGEST, _LINES = 1200, 12
"""Characters and lines of a prompt that are shown: its beginning and its end, where what is asked mostly stands."""


def about_tasks(made: Sequence[MadeTask]) -> Iterator[str]:
    """Yield the lines about each task: its samples and kind, how the data were read, three prompts with what is
    expected."""
    for task in made:
        yield f"Your own data: {one_line(task.name, 80)}, {task.documents:,} samples, {KINDS[task.kind]}."
        yield from (f"  {printable(line, 400)}" for line in task.said)
        for number, (prompt, expected) in enumerate(task.previews, start=1):
            yield f"  Prompt {number} of {task.documents:,}:"
            yield from (f"    | {line}" for line in _shortened(prompt))
            first, *more = _shortened(expected)
            yield f"    expected: {first}"
            yield from (f"    | {line}" for line in more)


def _shortened(text: str) -> list[str]:
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} […] {text[-_LONGEST // 2 :]}"
    lines = printable(text, 2 * _LONGEST).split("\n")
    if len(lines) > _LINES:
        half = _LINES // 2
        lines = [*lines[:half], "[…]", *lines[-half:]]
    return lines
