"""How the next token is chosen from logits: greedily or by sampling, with transformers' own processors."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchtui.worker.answering.hf.engine.stopping import StopStrings


@dataclass(frozen=True, eq=False)
class Recipe:
    """The generation settings that requests share.

    `until` are the stop strings cut from the text, `eos` the token ids that end it, `limit` the most tokens, `reserved`
    how many tokens of the window are kept for the answer (the model's generation_config.json may set another limit).
    `processors` makes the list of logits processors for a prompt, None where the plain maximum is taken; those of a
    `memoryless` recipe look at the logits alone, so that one list serves any number of rows.
    """

    until: tuple[str, ...]
    stops: StopStrings
    eos: frozenset[int]
    limit: int
    reserved: int
    sample: bool
    memoryless: bool
    processors: Callable[[NDArray[np.int32]], Any] | None


@dataclass(eq=False)
class Job:
    """One request being generated; `tokens` grow from step to step."""

    index: int
    prompt: NDArray[np.int32]
    recipe: Recipe
    random: random.Random
    tokens: list[int] = field(default_factory=list)
    processors: Any = None

    @property
    def is_complete(self) -> bool:
        """Whether the newest token ends the text."""
        recipe, newest = self.recipe, self.tokens[-1]
        return newest in recipe.eos or len(self.tokens) >= recipe.limit or recipe.stops.found(self.tokens)

    def history(self) -> NDArray[np.int32]:
        """Prompt and generated tokens."""
        return np.concatenate([self.prompt, np.asarray(self.tokens, dtype=np.int32)])


class NotFiniteError(Exception):
    """There is no token to choose, for the logits of a request are not numbers: NaN or infinity."""

    def __init__(self, index: int) -> None:
        super().__init__(f"logits of request {index} are not finite")
        self.index = index


def random_for(seed: int, context: str, settings: Mapping[str, Any], occurrence: int) -> random.Random:
    """A source of chance that depends on the request, not on what it shares a batch with.

    `occurrence` counts requests with the same arguments: repeats are to differ.
    """
    text = json.dumps([seed, context, settings, occurrence], default=str, sort_keys=True)
    return random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311  # not for secrets


def choose(logits: torch.Tensor, jobs: Sequence[Job]) -> list[int]:
    """The next token of each job, from logits [jobs, vocabulary]. Raises NotFiniteError where there is none."""
    best = logits.max(dim=-1)
    if not torch.isfinite(best.values).all():
        raise NotFiniteError(jobs[int(torch.isfinite(best.values).logical_not().nonzero()[0])].index)
    chosen: list[int] = best.indices.tolist()
    by_recipe: dict[Recipe, list[int]] = {}
    for row, job in enumerate(jobs):
        if job.recipe.processors is not None:
            by_recipe.setdefault(job.recipe, []).append(row)
    for recipe, rows in by_recipe.items():
        group = [jobs[row] for row in rows]
        scores = logits[torch.tensor(rows, device=logits.device)].float()
        scores = _processed(scores, group, recipe)
        tokens = _sampled(scores, group) if recipe.sample else scores.argmax(dim=-1).tolist()
        for row, token in zip(rows, tokens, strict=True):
            chosen[row] = token
    return chosen


def _processed(scores: torch.Tensor, jobs: Sequence[Job], recipe: Recipe) -> torch.Tensor:
    for job in jobs:
        if job.processors is None and recipe.processors is not None:
            job.processors = recipe.processors(job.prompt)
    if recipe.memoryless:
        unread = torch.zeros((len(jobs), 1), dtype=torch.long, device=scores.device)
        processed: torch.Tensor = jobs[0].processors(unread, scores)
        return processed
    rows = []
    for row, job in enumerate(jobs):
        ids = torch.from_numpy(job.history().astype(np.int64)).unsqueeze(0).to(scores.device)
        rows.append(job.processors(ids, scores[row : row + 1]))
    return torch.cat(rows)


def _sampled(scores: torch.Tensor, jobs: Sequence[Job]) -> list[int]:
    """Inverse transform sampling: each job's own random number picks from its own distribution."""
    cumulated = torch.softmax(scores, dim=-1).cpu().double().cumsum(dim=-1)
    drawn = torch.tensor([[job.random.random()] for job in jobs], dtype=torch.float64) * cumulated[:, -1:]
    tokens: list[int] = torch.searchsorted(cumulated, drawn, right=True).squeeze(1).tolist()
    return tokens
