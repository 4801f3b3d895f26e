"""What is known of an answer besides its text, and what a task's answers say together about its score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from benchtui.routing.answers import RoutedFacts

FIRST_IDS = 8
"""Token ids of a prompt that are kept."""


class AnswerFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Counted by the model when it answers, in tokens; None where it was not counted.

    `prompt` is the length of the prompt before anything was cut from it, `lost` what was cut to fit the window.
    `tokens` is the length of a generated answer, with thoughts and end token; `at_limit` says that the greatest number
    of tokens ended it, and neither an end token nor a stop string; `end_token` is the end token that did, as it is
    written, "" where that is not known; `thinking` that the limit came before any answer began, `window_full` that it
    was the model's window. `first` has the first FIRST_IDS token ids of the prompt, before anything was cut: two
    tokenizers, or two ways to begin a text, differ in them or in the length. `routed` says what each of two models did
    where both answered together.
    """

    prompt: int | None = None
    lost: int | None = None
    tokens: int | None = None
    at_limit: bool | None = None
    thinking: bool | None = None
    window_full: bool = False
    first: tuple[int, ...] = ()
    end_token: str = ""
    routed: RoutedFacts | None = None


class TaskHealth(msgspec.Struct, frozen=True):
    """The health of a task's answers, over the documents that its score is made of.

    `answers` counts generated texts, each repeat by itself; `unknown` are those of them whose length and end were not
    counted (by an earlier version). `cut`, `tokens` and `mean_tokens` are over the others, None when there are none;
    `cut_at` holds the smallest and the greatest length at which answers were cut by the limit; `thinking` of them were
    cut before any answer began, `window_full` because the window was full. `empty`, `looping` and `refused` are over
    all; `refused`, those that begin like a refusal, is None in runs of earlier versions.

    A prompt is what one document puts before its answers: one for multiple choice with one question. `prompts_cut` of
    the `prompts` did not fit the window; they lost `prompt_tokens_lost` of their `prompt_tokens`, both None when
    nothing is known; where the choices of one prompt lost unequal numbers, the greatest counts.

    `choices` counts documents whose choices were compared; `only_choice` is the place (from 0) of the choice that is
    the likeliest one in all of them, None where they differ; in `equal` of them all choices are equally likely.

    `floored` of the `loglikelihoods` are one whole number, `floor` (-100, -9999), which nothing computes by itself:
    it is put where a value was not given. None where there are few such.

    `fingerprint` is one of all prompts and answers, whatever their order: equal in two runs where the models gave the
    same answers to the last bit of every log-likelihood. Empty in runs of earlier versions.
    """

    answers: int = 0
    unknown: int = 0
    cut: int | None = None
    cut_at: tuple[int, int] | None = None
    empty: int = 0
    looping: int = 0
    tokens: int | None = None
    mean_tokens: float | None = None
    prompts: int = 0
    prompts_unknown: int = 0
    prompts_cut: int | None = None
    prompt_tokens: int | None = None
    prompt_tokens_lost: int | None = None
    choices: int = 0
    only_choice: int | None = None
    equal: int = 0
    loglikelihoods: int = 0
    floored: int = 0
    floor: float | None = None
    fingerprint: str = ""
    thinking: int = 0
    window_full: int = 0
    all_prompt_tokens: int | None = None
    refused: int | None = None

    @property
    def known(self) -> int:
        """Generated answers whose length and end are known."""
        return self.answers - self.unknown

    @property
    def prompts_known(self) -> int:
        return self.prompts - self.prompts_unknown


def together(parts: Iterable[TaskHealth]) -> TaskHealth:
    """The health of several tasks as one: that of a group."""
    found = list(parts)
    ends = [part.cut_at for part in found if part.cut_at is not None]
    compared = [part for part in found if part.choices]
    only = {part.only_choice for part in compared}
    worst = max(found, key=lambda part: part.floored, default=TaskHealth())
    tokens, known = _sum(part.tokens for part in found), sum(part.known for part in found)
    return TaskHealth(
        answers=sum(part.answers for part in found),
        unknown=sum(part.unknown for part in found),
        cut=_sum(part.cut for part in found),
        cut_at=(min(low for low, _ in ends), max(high for _, high in ends)) if ends else None,
        empty=sum(part.empty for part in found),
        looping=sum(part.looping for part in found),
        tokens=tokens,
        mean_tokens=tokens / known if tokens is not None and known else None,
        prompts=sum(part.prompts for part in found),
        prompts_unknown=sum(part.prompts_unknown for part in found),
        prompts_cut=_sum(part.prompts_cut for part in found),
        prompt_tokens=_sum(part.prompt_tokens for part in found),
        prompt_tokens_lost=_sum(part.prompt_tokens_lost for part in found),
        choices=sum(part.choices for part in compared),
        only_choice=only.pop() if len(only) == 1 else None,
        equal=sum(part.equal for part in found),
        loglikelihoods=sum(part.loglikelihoods for part in found),
        floored=sum(part.floored for part in found if part.floor == worst.floor),
        floor=worst.floor,
        fingerprint=_fingerprints(found),
        thinking=sum(part.thinking for part in found),
        window_full=sum(part.window_full for part in found),
        all_prompt_tokens=_sum(part.all_prompt_tokens for part in found),
        refused=_sum(part.refused for part in found),
    )


def _fingerprints(parts: Sequence[TaskHealth]) -> str:
    """Empty where one of them has none."""
    if not parts or not all(part.fingerprint for part in parts):
        return ""
    return fingerprint_text(sum(int(part.fingerprint, 16) for part in parts))


def fingerprint_text(total: int) -> str:
    """The sum of the documents' 128-bit fingerprints, in any order, as it is kept."""
    return f"{total % 2**128:032x}"


def _sum(numbers: Iterable[int | None]) -> int | None:
    """None where none of them is known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def mean_length(found: Iterable[TaskHealth]) -> float | None:
    """Return the mean length in tokens of the answers to several tasks, None where none was counted."""
    known = [(h.mean_tokens, h.answers - h.unknown) for h in found if h.mean_tokens is not None]
    answers = sum(count for _, count in known)
    return sum(mean * count for mean, count in known) / answers if answers else None
