"""switching.json: what two models wrote by turns, in the words of RL_onoff's switch_generate, and ours beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchtui.errors import BenchtuiError
from benchtui.files import read_regular
from benchtui.routing.records import Cost, Ended, Sampling, Side, SwitchedText, SwitchPoint

FOLDER, FILE = "switching", "switching.json"
"""Where it lies in a run."""
LARGEST = 1 << 30


class Written(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one prompt: a response, or an `error` in words. `place` is how users read which one it is; `cost`
    is by model, in the order of the file's, without the time that it took."""

    question: str
    place: str = ""
    response: str | None = None
    num_switches: int | None = None
    switch_points: tuple[SwitchPoint, ...] | None = None
    ended: Ended | None = None
    run_lengths: tuple[tuple[Side, int], ...] = ()
    tokens_by_model: tuple[int, int] | None = None
    token_ids: tuple[int, ...] = ()
    writers: str = ""
    divergences: tuple[float, ...] = ()
    cost: tuple[dict[str, int], ...] = ()
    error: str | None = None


class Totals(msgspec.Struct, frozen=True):
    """The sums of switch_generate; the mean is over the questions that were answered."""

    total_switches: int
    avg_switches_per_question: float


class Profile(msgspec.Struct, frozen=True):
    """Where a threshold in percent comes from: divergences at `positions` tokens of `documents` texts."""

    asked: str
    documents: int
    positions: int
    texts: str


class Ours(msgspec.Struct, frozen=True, omit_defaults=True):
    """What switch_generate does not have. `cost` are the sums by model; `removed` the greatest probability that each
    gave to ids that are no tokens; `fingerprint` that of the plan, `tokenizer` that of the tokens that both models
    share."""

    version: str
    fingerprint: str
    min_stay: int
    start: Side
    block: int | str
    sampling: Sampling
    texts: str
    cost: tuple[dict[str, int], ...]
    tokens_by_model: tuple[int, int]
    ended: dict[str, int]
    failed: int
    profile: Profile | None = None
    removed: tuple[float, float] = (0.0, 0.0)
    tokenizer: str = ""
    caveats: tuple[str, ...] = ()


class SwitchingFile(msgspec.Struct, frozen=True):
    """The whole file. `num_questions` counts all, also those that failed."""

    model_a: str
    backend_a: str
    model_b: str
    backend_b: str
    divergence_type: str
    threshold: float
    switch_back_threshold: float
    max_new_tokens: int
    num_questions: int
    results: tuple[Written, ...]
    summary: Totals
    benchtui: Ours


def written(question: str, place: str, text: SwitchedText) -> Written:
    """Return the line of a text."""
    return Written(
        question=question,
        place=place,
        response=text.response,
        num_switches=len(text.switch_points),
        switch_points=text.switch_points,
        ended=text.ended,
        run_lengths=tuple(text.run_lengths),
        tokens_by_model=(text.costs[0].chosen, text.costs[1].chosen),
        token_ids=text.tokens,
        writers=text.writers,
        divergences=text.divergences,
        cost=tuple(counts(cost) for cost in text.costs),
    )


def counts(cost: Cost) -> dict[str, int]:
    """Return what is counted of a cost: the same whenever the same is written again, unlike its time."""
    return {
        "calls": cost.calls,
        "positions": cost.positions,
        "chosen": cost.chosen,
        "discarded": cost.discarded,
        "flops": int(cost.flops),
    }


def totals(results: Sequence[Written]) -> Totals:
    """Return the sums over all questions that were answered."""
    switches = [found.num_switches for found in results if found.num_switches is not None]
    return Totals(sum(switches), sum(switches) / len(switches) if switches else 0.0)


def summed_costs(results: Sequence[Written]) -> tuple[dict[str, int], ...]:
    """Return the sums of the costs, by model."""
    keys = counts(Cost(""))
    return tuple(
        {key: sum(found.cost[side].get(key, 0) for found in results if found.cost) for key in keys} for side in (0, 1)
    )


def encoded(file: SwitchingFile) -> bytes:
    """Return the bytes of the file; what is not known of a question is left out of its line."""
    return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"


def read_switching(path: Path) -> SwitchingFile:
    """Read the file. Raises BenchtuiError naming it where that cannot be."""
    try:
        return msgspec.json.decode(read_regular(path, LARGEST), type=SwitchingFile)
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        raise BenchtuiError(f"{path} cannot be read as what two models wrote by turns: {error}") from None
